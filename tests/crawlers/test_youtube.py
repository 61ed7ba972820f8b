"""Answers of YouTube's interface become videos and comments, and lead to the next ones without a key."""

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

from crawlers.reading.page import Item, Lead, Raw, Reading, Unreadable
from crawlers.reading.youtube import address, read_youtube
from store.vocabulary import PageRole, PostKind
from tests.crawlers.platforms import CHANNEL, KEY, UPLOADS, Platforms

NOW = datetime(2026, 11, 28, tzinfo=UTC)
API = "https://www.googleapis.com/youtube/v3"
VIDEO = "https://www.youtube.com/watch?v=vid_gung_001"


@pytest.fixture
def platforms() -> Platforms:
    return Platforms(page=50)


def read(platforms: Platforms, url: str, thread: str | None = None, key: str = KEY) -> Reading:
    """Read what the platforms answer to `url`, as `/v3/…?…`."""
    _, answer = platforms.answer(url.removeprefix("https://www.googleapis.com"), {"X-Goog-Api-Key": key})
    return read_youtube(Raw(json.dumps(answer).encode(), url, NOW, thread=thread))


def asked(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    return parts.path.rpartition("/")[2], dict(parse_qsl(parts.query))


def test_a_channel_leads_to_the_list_of_what_it_uploaded(platforms: Platforms) -> None:
    reading = read(platforms, address("https://www.youtube.com/@xomtraicay"))
    assert reading.items == ()
    [lead] = reading.leads
    assert lead.role == PageRole.LISTING
    assert asked(lead.url) == (
        "playlistItems", {"part": "snippet,contentDetails", "playlistId": UPLOADS, "maxResults": "50"},
    )  # fmt: skip


def test_an_unknown_channel_is_an_error(platforms: Platforms) -> None:
    with pytest.raises(Unreadable, match="không có kênh này"):
        read(platforms, address("https://www.youtube.com/@khongco"))


def uploads(platforms: Platforms) -> Reading:
    return read(platforms, address(f"https://www.youtube.com/playlist?list={UPLOADS}"))


def test_a_video_on_a_list_has_its_words_its_own_time_and_its_channel(platforms: Platforms) -> None:
    video = uploads(platforms).items[0]
    assert video == Item(
        url=VIDEO,
        anchor="",
        title="Gừng sả chữa cúm?",
        text="Gừng sả chữa cúm?\n\nÔng Tám kể chuyện gừng sả. Xem https://baisay.example/gung.",
        handle="Xóm Trái Cây",
        published=datetime(2026, 11, 20, 1, tzinfo=UTC),
        kind=PostKind.SOCIAL,
        again=f"{API}/videos?id=vid_gung_001&part=snippet%2Cstatistics",
        facts={
            "media": ["https://i.ytimg.example/vid_gung_001/hqdefault.jpg"],
            "links": ["https://baisay.example/gung"],
        },
    )


def test_each_video_on_a_list_leads_to_its_comments(platforms: Platforms) -> None:
    lead = uploads(platforms).leads[0]
    assert (lead.role, lead.thread) == (PageRole.THREAD, VIDEO)
    assert asked(lead.url) == (
        "commentThreads",
        {"part": "snippet,replies", "videoId": "vid_gung_001", "maxResults": "100", "order": "time",
         "textFormat": "plainText"},
    )  # fmt: skip


def test_a_deleted_video_that_is_still_listed_is_left_out(platforms: Platforms) -> None:
    platforms.gone.add("vid_gung_001")
    reading = uploads(platforms)
    assert [item.title for item in reading.items] == ["Chợ Bãi Sậy mở lại", "Video tắt bình luận"]
    assert len(reading.leads) == 2


def test_a_list_is_read_page_by_page(platforms: Platforms) -> None:
    platforms.page = 2
    first = uploads(platforms)
    assert first.older is not None
    assert asked(first.older)[1]["pageToken"] == "trang2"
    second = read(platforms, first.older)
    assert [item.title for item in (*first.items, *second.items)][::2] == [
        "Gừng sả chữa cúm?",
        "Video tắt bình luận",
    ]
    assert second.older is None


def test_a_video_looked_at_again_is_the_same_item_with_its_numbers(platforms: Platforms) -> None:
    listed = uploads(platforms).items[0]
    reading = read(platforms, listed.again or "")
    assert reading.items[0].url == listed.url
    assert reading.items[0].text == listed.text
    assert reading.items[0].facts == {**listed.facts, "comments": 11, "views": 1234}
    assert [lead.thread for lead in reading.leads] == [VIDEO]


def test_a_video_without_comments_or_with_none_allowed_leads_to_none(platforms: Platforms) -> None:
    assert read(platforms, address("https://youtu.be/vid_cho__002")).leads == ()
    assert read(platforms, address("https://youtu.be/vid_tat__003")).leads == ()


def test_a_video_that_is_gone_is_no_item_and_no_error(platforms: Platforms) -> None:
    platforms.gone.add("vid_gung_001")
    assert read(platforms, address(VIDEO)) == Reading()


def comments(platforms: Platforms) -> Reading:
    return read(platforms, uploads(platforms).leads[0].url)


def test_a_comment_answers_the_video_and_a_reply_the_comment(platforms: Platforms) -> None:
    top, reply = comments(platforms).items[:2]
    assert top == Item(
        url="https://www.youtube.com/watch?lc=Ugx_mot&v=vid_gung_001",
        anchor="",
        title="",
        text="Uống nước gừng là khỏi, khỏi cần tiêm.",
        handle="@ongtam",
        published=datetime(2026, 11, 20, 2, tzinfo=UTC),
        kind=PostKind.COMMENT,
        parent=VIDEO,
        again=f"{API}/commentThreads?id=Ugx_mot&part=snippet%2Creplies&textFormat=plainText",
    )
    assert reply.parent == top.url
    assert reply.url == "https://www.youtube.com/watch?lc=Ugx_mot.tl0&v=vid_gung_001"
    assert reply.again == f"{API}/comments?id=Ugx_mot.tl0&part=snippet&textFormat=plainText"


def test_who_commented_is_known_by_name_only(platforms: Platforms) -> None:
    said = repr(comments(platforms))
    assert "UCnguoibinhluan" not in said
    assert "likeCount" not in said


def test_a_changed_comment_says_when(platforms: Platforms) -> None:
    platforms.words["Ugx_hai"] = "Bác sĩ nào? (đã sửa)"
    changed = {item.text: item.modified for item in comments(platforms).items}
    assert changed["Bác sĩ nào? (đã sửa)"] == datetime(2026, 11, 20, 3, tzinfo=UTC)
    assert changed["Tôi không tin."] is None


def test_replies_that_a_thread_does_not_show_are_led_to_and_read(platforms: Platforms) -> None:
    shown = comments(platforms)
    # Only one of the three threads has more replies than it shows.
    [lead] = shown.leads
    assert (lead.role, lead.thread) == (PageRole.THREAD, VIDEO)
    assert asked(lead.url)[1]["parentId"] == "Ugx_mot"
    replies = read(platforms, lead.url, lead.thread).items
    assert [item.text for item in replies] == [f"Trả lời thứ {n}" for n in range(7)]
    assert {item.url for item in shown.items} & {item.url for item in replies} == {
        f"https://www.youtube.com/watch?lc=Ugx_mot.tl{n}&v=vid_gung_001" for n in range(5)
    }


def test_comments_and_replies_are_read_page_by_page(platforms: Platforms) -> None:
    platforms.page = 2
    found, leads = [], [Lead(uploads(platforms).leads[0].url, PageRole.THREAD, VIDEO)]
    for lead in leads:
        assert lead.thread == VIDEO
        reading = read(platforms, lead.url, lead.thread)
        found += [item.url for item in reading.items]
        leads += reading.leads
    assert len(set(found)) == 3 + 7 + 1
    assert len(leads) == 2 + 4


def test_replies_of_no_video_that_is_known_are_refused(platforms: Platforms) -> None:
    [lead] = comments(platforms).leads
    with pytest.raises(Unreadable, match="của video nào"):
        read(platforms, lead.url)


@pytest.mark.parametrize("place", [0, 1])
def test_a_comment_looked_at_again_is_the_same_item_or_gone(platforms: Platforms, place: int) -> None:
    item = comments(platforms).items[place]
    assert item in read(platforms, item.again or "", item.parent).items
    platforms.gone.add(item.url.partition("lc=")[2].partition("&")[0])
    assert read(platforms, item.again or "", item.parent) == Reading()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (address("https://www.youtube.com/playlist?list=PLkhongco"), "không có danh sách phát này"),
        (f"{API}/commentThreads?part=snippet&videoId=vid_tat__003", "video đã tắt bình luận"),
        (f"{API}/commentThreads?part=snippet&videoId=vid_khongco_", "không có video này"),
        (f"{API}/videos?id=vid_gung_001", "YouTube báo lỗi 400"),
        (f"{API}/videos?part=snippet&id=vid_gung_001&bia=1", "YouTube báo lỗi 400"),
    ],
)
def test_an_error_is_told_in_vietnamese(platforms: Platforms, url: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(platforms, url)


def test_a_used_up_quota_is_told(platforms: Platforms) -> None:
    platforms.quota = 1
    uploads(platforms)
    with pytest.raises(Unreadable, match="hết hạn mức"):
        uploads(platforms)


def test_a_wrong_key_is_told_and_not_repeated(platforms: Platforms) -> None:
    with pytest.raises(Unreadable, match="khóa YouTube không đúng") as error:
        read(platforms, address(VIDEO), key="AIza-sai")
    assert "AIza" not in str(error.value)


def test_no_address_made_from_one_with_a_key_holds_it(platforms: Platforms) -> None:
    platforms.page = 1
    url = address(f"https://www.youtube.com/playlist?list={UPLOADS}")
    _, answer = platforms.answer(url.removeprefix("https://www.googleapis.com"), {"X-Goog-Api-Key": KEY})
    assert "bimat" not in repr(read_youtube(Raw(json.dumps(answer).encode(), f"{url}&key=bimat", NOW)))


@pytest.fixture
def running() -> Iterator[Platforms]:
    platforms = Platforms().start()
    yield platforms
    platforms.stop()


def test_a_crawl_stays_on_the_host_that_was_asked(running: Platforms) -> None:
    def fetched(lead: Lead) -> Reading:
        with urlopen(Request(lead.url, headers={"X-Goog-Api-Key": KEY})) as response:
            return read_youtube(Raw(response.read(), lead.url, NOW, thread=lead.thread))

    root = address(f"{running.url}/youtube/v3/channels?part=contentDetails&id={CHANNEL}")
    listing = fetched(fetched(Lead(root, PageRole.ROOT)).leads[0])
    older = fetched(Lead(listing.older or "", PageRole.LISTING))
    first = fetched(listing.leads[0])
    assert [len(reading.items) for reading in (listing, older, first)] == [2, 1, 7]
    again = [item.again or "" for item in (*listing.items, *first.items)]
    assert all(url.startswith(f"{running.url}/youtube/v3/") for url in again)
    assert len(running.asked) == 4


@pytest.mark.parametrize(
    ("known", "resource", "parameter", "value"),
    [
        (f"https://www.youtube.com/channel/{CHANNEL}", "channels", "id", CHANNEL),
        (f"https://youtube.com/channel/{CHANNEL}/videos", "channels", "id", CHANNEL),
        ("https://www.youtube.com/@xomtraicay", "channels", "forHandle", "@xomtraicay"),
        ("https://m.youtube.com/@xomtraicay/shorts", "channels", "forHandle", "@xomtraicay"),
        ("https://www.youtube.com/user/xomtraicay", "channels", "forUsername", "xomtraicay"),
        ("https://www.youtube.com/playlist?list=PLx", "playlistItems", "playlistId", "PLx"),
        ("https://www.youtube.com/watch?v=vid_gung_001&list=PLx&t=3s", "videos", "id", "vid_gung_001"),
        ("https://www.youtube.com/shorts/vid_gung_001", "videos", "id", "vid_gung_001"),
        ("https://youtu.be/vid_gung_001?si=x", "videos", "id", "vid_gung_001"),
    ],
)
def test_known_addresses_lead_to_the_interface(known: str, resource: str, parameter: str, value: str) -> None:
    url = address(known)
    assert url.startswith(f"{API}/")
    assert asked(url)[0] == resource
    assert asked(url)[1][parameter] == value
    assert address(url) == url


@pytest.mark.parametrize(
    "wrong",
    ["", "@xomtraicay", "https://www.youtube.com/", "https://www.youtube.com/c/xomtraicay", "https://vimeo.example/@x",
     "https://www.youtube.com/watch?list=PLx", "https://www.googleapis.com/youtube/v3/search?q=x", "https://youtu.be/"],
)  # fmt: skip
def test_what_is_no_channel_list_or_video_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="phải là kênh, danh sách phát hay video YouTube"):
        address(wrong)


def test_an_address_with_a_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="không được chứa khóa") as error:
        address(f"{API}/videos?part=snippet&id=vid_gung_001&key=bimat")
    assert "bimat" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "2026-13-45T00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
ROOTS = [
    address(f"https://www.youtube.com/channel/{CHANNEL}"), address(f"https://www.youtube.com/playlist?list={UPLOADS}"),
    address(VIDEO), f"{API}/commentThreads?part=snippet,replies&videoId=vid_gung_001", f"{API}/comments?part=snippet&parentId=Ugx_mot",
    f"{API}/videos?id=vid_gung_001",
]  # fmt: skip
ANSWERS = [
    (
        url,
        Platforms(page=3).answer(url.removeprefix("https://www.googleapis.com"), {"X-Goog-Api-Key": KEY})[1],
    )
    for url in ROOTS
]


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any]:
    """An answer in which some places hold something else."""
    url, answer = draw(st.sampled_from(ANSWERS))
    answer = json.loads(json.dumps(answer))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = answer
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or draw(st.integers(0, 3)) == 0:
                place[key] = draw(JSON)
                break
            place = place[key]
    return url, answer


@given(spoilt())
def test_any_value_in_any_place_gives_a_reading_that_can_be_kept_or_a_reason(spoilt: tuple[str, Any]) -> None:
    url, answer = spoilt
    for body in (json.dumps(answer).encode(), json.dumps(answer).encode()[:-1]):
        try:
            reading = read_youtube(Raw(body, url, NOW, thread=VIDEO))
            json.dumps(asdict(reading), default=str, ensure_ascii=False).encode()
        except Unreadable as error:
            assert str(error)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | st.just(b"[" * 100_000))
def test_any_bytes_give_a_reading_or_a_reason(body: bytes) -> None:
    try:
        read_youtube(Raw(body, ROOTS[0], NOW))
    except Unreadable as error:
        assert str(error)
