"""Answers of the Graph API become posts and comments, and lead to the next ones without a token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import Request, urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.reading.facebook import address, read_facebook
from crawlers.reading.page import Item, Lead, Raw, Reading, Unreadable
from store.vocabulary import PageRole, PostKind
from tests.crawlers.platforms import PAGE_NAME, TOKEN, Platforms

NOW = datetime(2026, 11, 28, tzinfo=UTC)
GRAPH = "https://graph.facebook.com"
ROOT = address(f"https://www.facebook.com/{PAGE_NAME}")
POST = "https://www.facebook.com/700100/posts/1"


@pytest.fixture
def platforms() -> Platforms:
    return Platforms(page=50, url=GRAPH)


def answer(platforms: Platforms, url: str, token: str = TOKEN) -> Any:
    return platforms.answer(url.removeprefix(GRAPH), {"Authorization": f"Bearer {token}"})[1]


def read(platforms: Platforms, url: str, thread: str | None = None) -> Reading:
    return read_facebook(Raw(json.dumps(answer(platforms, url)).encode(), url, NOW, thread=thread))


def asked(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_a_post_has_its_words_its_permalink_and_its_page(platforms: Platforms) -> None:
    post = read(platforms, ROOT).items[0]
    fields = asked(ROOT)["fields"]
    assert asked(post.again or "") == {"fields": fields}
    assert post == Item(
        url=POST,
        anchor="",
        title="",
        text="Bán viên trái cây diệt cúm, 300 nghìn một hộp.",
        handle="Chợ Bãi Sậy",
        published=datetime(2026, 11, 21, 8, tzinfo=UTC),
        kind=PostKind.SOCIAL,
        again=post.again,
        facts={"comments": 3},
    )


def test_a_post_without_words_has_those_of_what_it_shares(platforms: Platforms) -> None:
    [shared] = [item for item in read(platforms, ROOT).items if item.url.endswith("/posts/2")]
    assert shared.text == "Chợ Bãi Sậy\nTin từ ban quản lý chợ."
    assert shared.facts == {
        "comments": 0,
        "links": ["https://baisay.example/2"],
        "media": ["https://scontent.example/700100_2.jpg", "https://scontent.example/hai.jpg"],
    }


def test_a_link_that_leads_through_facebook_is_not_noted() -> None:
    attachment = {"url": "https://l.facebook.com/l.php?u=x", "title": "Bài"}
    post = {"id": "1_2", "created_time": "2026-11-21T08:00:00+0000", "attachments": {"data": [attachment]}}
    assert read_facebook(Raw(json.dumps(post).encode(), f"{GRAPH}/v23.0/1_2", NOW)).items[0].facts == {}


def test_a_post_without_a_permalink_stays_under_its_id() -> None:
    post = {"id": "700100_9", "created_time": "2026-11-21T08:00:00+0000", "message": "Chào"}
    for body in (post, {"data": [post]}):
        [item] = read_facebook(Raw(json.dumps(body).encode(), f"{GRAPH}/v23.0/700100/posts", NOW)).items
        assert item.url == "https://www.facebook.com/700100_9"
        assert item.handle is None


def test_comments_answer_the_post_and_replies_the_comment(platforms: Platforms) -> None:
    _, first, reply, last, *_ = read(platforms, ROOT).items
    assert first == Item(
        url=f"{POST}?comment_id=11",
        anchor="",
        title="",
        text="Có giấy phép không?",
        handle=None,
        published=datetime(2026, 11, 21, 9, tzinfo=UTC),
        kind=PostKind.COMMENT,
        parent=POST,
        again=first.again,
    )
    assert reply.url == f"{POST}?comment_id=11&reply_comment_id=12"
    assert reply.parent == first.url
    assert last.parent == POST


def test_the_name_of_a_commenter_is_kept_where_it_is_given_and_no_id() -> None:
    comment = {
        "id": "1_11", "created_time": "2026-11-21T09:00:00+0000", "message": "Hay", "like_count": 3,
        "from": {"name": "Lê Thị Mẫu", "id": "55501"}, "permalink_url": f"{POST}?comment_id=11",
    }  # fmt: skip
    reading = read_facebook(Raw(json.dumps(comment).encode(), f"{GRAPH}/v23.0/1_11", NOW))
    assert reading.items[0].handle == "Lê Thị Mẫu"
    assert "55501" not in repr(reading)
    assert "from{name}" in asked(ROOT)["fields"]


def test_posts_are_read_page_by_page_without_the_token_of_the_next_page(platforms: Platforms) -> None:
    platforms.page = 2
    assert TOKEN in answer(platforms, ROOT)["paging"]["next"]
    first = read(platforms, ROOT)
    assert first.older is not None
    assert asked(first.older) == {**asked(ROOT), "after": "2"}
    assert TOKEN not in repr(first)
    second = read(platforms, first.older)
    posts = [item.url for item in (*first.items, *second.items) if item.kind == PostKind.SOCIAL]
    assert posts == [f"https://www.facebook.com/700100/posts/{n}" for n in (1, 2, 3)]
    # The last page has a cursor, but no next page.
    assert answer(platforms, first.older)["paging"]["cursors"]["after"] == "3"
    assert second.older is None


def test_comments_that_a_post_does_not_show_are_led_to_and_read(platforms: Platforms) -> None:
    platforms.page = 2
    first = read(platforms, ROOT)
    [lead] = first.leads
    assert (lead.role, lead.thread) == (PageRole.THREAD, POST)
    assert urlsplit(lead.url).path == "/v23.0/700100_1/comments"
    assert asked(lead.url)["after"] == "2"
    rest = read(platforms, lead.url, lead.thread)
    assert [(item.text, item.parent) for item in rest.items] == [("Tôi đã báo quản lý chợ.", POST)]
    assert rest.leads == ()


def test_a_page_of_comments_says_by_its_links_which_post_it_is_of(platforms: Platforms) -> None:
    url = read(Platforms(page=1, url=GRAPH), ROOT).leads[0].url
    reading = read(platforms, url)
    assert [item.parent for item in reading.items] == [f"{POST}?comment_id=11", POST]
    platforms.page = 1
    assert [lead.thread for lead in read(platforms, url).leads] == [POST]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_item_looked_at_again_is_the_same_or_an_error(platforms: Platforms, place: int) -> None:
    item = read(platforms, ROOT).items[place]
    assert read(platforms, item.again or "", item.parent).items[0] == item
    platforms.gone |= {"700100_1", "1_11", "1_12"}
    with pytest.raises(Unreadable, match="không có trang hay bài này"):
        read(platforms, item.again or "")


@pytest.mark.parametrize(
    ("code", "reason"),
    [(190, "mã truy cập Facebook không đúng hoặc đã hết hạn"), (4, "quá số lần"), (17, "quá số lần"), (32, "quá số lần"),
     (100, "không có trang hay bài này"), (10, "Page Public Content Access"), (12345, "Facebook báo lỗi 12345")],
)  # fmt: skip
def test_an_error_is_told_in_vietnamese_and_its_message_is_not_repeated(code: int, reason: str) -> None:
    error = {"message": "Error validating access token: bimat", "type": "OAuthException", "code": code}
    with pytest.raises(Unreadable, match=reason) as raised:
        read_facebook(Raw(json.dumps({"error": error}).encode(), ROOT, NOW))
    assert "bimat" not in str(raised.value)


def test_a_wrong_token_is_told(platforms: Platforms) -> None:
    with pytest.raises(Unreadable, match="mã truy cập Facebook không đúng"):
        read_facebook(Raw(json.dumps(answer(platforms, ROOT, "sai")).encode(), ROOT, NOW))


def test_no_address_made_from_one_with_a_token_holds_it(platforms: Platforms) -> None:
    platforms.page = 1
    body = json.dumps(answer(platforms, ROOT)).encode()
    assert "bimat" not in repr(read_facebook(Raw(body, f"{ROOT}&access_token=bimat", NOW)))


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"id": "700100", "name": "Ch"}', b"", b"<html></html>"])
def test_what_is_no_post_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable, match="không phải"):
        read_facebook(Raw(body, ROOT, NOW))


def test_a_page_without_posts_is_no_error() -> None:
    assert read_facebook(Raw(b'{"data": []}', ROOT, NOW)) == Reading()


@pytest.fixture
def running() -> Iterator[Platforms]:
    platforms = Platforms().start()
    yield platforms
    platforms.stop()


def test_a_crawl_stays_on_the_host_that_was_asked(running: Platforms) -> None:
    def fetched(lead: Lead) -> Reading:
        with urlopen(Request(lead.url, headers={"Authorization": f"Bearer {TOKEN}"})) as response:
            return read_facebook(Raw(response.read(), lead.url, NOW, thread=lead.thread))

    root = Lead(address(ROOT.replace(GRAPH, running.url)), PageRole.ROOT)
    first = fetched(root)
    older = fetched(Lead(first.older or "", PageRole.ROOT))
    comments = fetched(first.leads[0])
    assert [len(reading.items) for reading in (first, older, comments)] == [4, 1, 1]
    again = [item.again or "" for reading in (first, older, comments) for item in reading.items]
    assert all(url.startswith(f"{running.url}/v23.0/") for url in again)
    assert all(TOKEN not in path for path, _ in running.asked)


@pytest.mark.parametrize(
    ("known", "page"),
    [
        ("https://www.facebook.com/chobaisay.mau", "chobaisay.mau"),
        ("https://m.facebook.com/chobaisay.mau/?locale=vi_VN", "chobaisay.mau"),
        ("https://www.facebook.com/profile.php?id=700100", "700100"),
        ("https://www.facebook.com/p/Cho-Bai-Say-700100/", "700100"),
        ("https://www.facebook.com/pages/Cho-Bai-Say/700100", "700100"),
    ],
)
def test_known_addresses_lead_to_the_posts_of_the_page(known: str, page: str) -> None:
    url = address(known)
    assert urlsplit(url).path == f"/v23.0/{page}/posts"
    assert asked(url)["limit"] == "25"
    assert address(url) == url


@pytest.mark.parametrize(
    "wrong",
    ["", "chobaisay.mau", "https://www.facebook.com/", "https://www.facebook.com/groups/123", "https://www.facebook.com/groups",
     "https://www.facebook.com/chobaisay.mau/posts/1", "https://www.facebook.com/profile.php", "https://baisay.example/trang",
     "https://graph.facebook.com/v23.0/"],
)  # fmt: skip
def test_what_is_no_page_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="phải là trang Facebook công khai"):
        address(wrong)


def test_an_address_with_a_token_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="không được chứa mã truy cập") as error:
        address(f"{ROOT}&access_token=bimat")
    assert "bimat" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "http://[", "1_2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
ANSWERS = [
    (url, answer(Platforms(page=1, url=GRAPH), url))
    for url in (ROOT, f"{GRAPH}/v23.0/700100_1/comments?fields=id,message,created_time,permalink_url,parent",
                f"{GRAPH}/v23.0/1_12?fields=id,message,created_time,permalink_url", f"{GRAPH}/v23.0/9")
]  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any]:
    """An answer in which some places hold something else."""
    url, said = draw(st.sampled_from(ANSWERS))
    said = json.loads(json.dumps(said))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = said
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or draw(st.integers(0, 3)) == 0:
                place[key] = draw(JSON)
                break
            place = place[key]
    return url, said


@given(spoilt())
def test_any_value_in_any_place_gives_a_reading_that_can_be_kept_or_a_reason(spoilt: tuple[str, Any]) -> None:
    url, said = spoilt
    try:
        reading = read_facebook(Raw(json.dumps(said).encode(), url, NOW))
        json.dumps(asdict(reading), default=str, ensure_ascii=False).encode()
    except Unreadable as error:
        assert str(error)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | st.just(b"[" * 100_000))
def test_any_bytes_give_a_reading_or_a_reason(body: bytes) -> None:
    try:
        read_facebook(Raw(body, ROOT, NOW))
    except Unreadable as error:
        assert str(error)
