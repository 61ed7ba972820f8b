"""Telegram's preview pages become messages: the channel's own words, and nothing from what is not public."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.reading.page import Item, Raw, Reading, Unreadable
from crawlers.reading.telegram import address, read_telegram
from store.vocabulary import PostKind
from tests.crawlers.platforms import TELEGRAM, Platforms

NOW = datetime(2026, 11, 28, tzinfo=UTC)
PAGE = "https://t.me/s/xomtraicay_mau"


def read(html: str, url: str = PAGE) -> Reading:
    return read_telegram(Raw(html.encode(), url, NOW, "utf-8"))


def message(body: str, attributes: str = "", meta: str = "") -> Item:
    """Read one message whose bubble holds `body`."""
    [item] = read(
        f"""<div class="tgme_widget_message_wrap js-widget_message_wrap"><div {attributes}
        class="tgme_widget_message text_not_supported_wrap js-widget_message" data-post="xomtraicay_mau/42">
        <div class="tgme_widget_message_bubble"><div class="tgme_widget_message_author accent_color">
        <a class="tgme_widget_message_owner_name" href="https://t.me/xomtraicay_mau"><span dir="auto">Xóm Trái Cây</span></a>
        </div>{body}<div class="tgme_widget_message_footer compact js-message_footer"><div
        class="tgme_widget_message_info short js-message_info"><span class="tgme_widget_message_views">12.5K</span>
        <span class="copyonly"> views</span><span class="tgme_widget_message_meta">{meta}<a
        class="tgme_widget_message_date" href="https://t.me/xomtraicay_mau/42"><time
        datetime="2026-11-20T08:00:00+00:00" class="time">08:00</time></a></span></div></div></div></div></div>"""
    ).items
    return item


def said(html: str) -> str:
    return f'<div class="tgme_widget_message_text js-message_text" dir="auto">{html}</div>'


def test_a_message_has_its_words_its_place_its_time_and_its_channel() -> None:
    item = message(said("Chợ mở lại.<br/><br/>Nhớ đeo <b>khẩu trang</b> <i class='emoji'><b>😷</b></i>"))
    assert item.text == "Chợ mở lại.\nNhớ đeo khẩu trang 😷"
    assert item.url == "https://t.me/xomtraicay_mau/42"
    assert item.again == "https://t.me/s/xomtraicay_mau/42"
    assert item.kind == PostKind.SOCIAL
    assert item.published == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert item.handle == "Xóm Trái Cây"
    assert (item.title, item.quotes, item.parent, item.modified) == ("", (), None, None)
    assert item.facts == {"views": 12500}


def test_what_a_message_answers_and_quotes_is_not_among_its_own_words() -> None:
    item = message(
        """<a class="tgme_widget_message_reply user-color-default" href="https://t.me/xomtraicay_mau/40?single">
        <div class="tgme_widget_message_author accent_color"><span class="tgme_widget_message_author_name"
        dir="auto">Xóm Trái Cây</span></div>
        <div class="tgme_widget_message_text js-message_reply_text" dir="auto">Uống rượu là khỏi.</div></a>"""
        + said("Tin này<blockquote>Rượu giết vi-rút</blockquote>là sai.")
    )
    assert item.text == "Tin này là sai."
    assert item.quotes == ("Uống rượu là khỏi.", "Rượu giết vi-rút")
    assert item.parent == "https://t.me/xomtraicay_mau/40"


FORWARD = (
    '<div class="tgme_widget_message_forwarded_from accent_color">Forwarded from&nbsp;{name}</div>'
    + said("Thuốc tiên!")
)


def test_a_forwarded_message_names_the_public_channel_it_came_from() -> None:
    link = '<a class="tgme_widget_message_forwarded_from_name" href="https://t.me/kenhkhac_mau/7"><span dir="auto">Kênh Khác</span></a>'
    item = message(FORWARD.format(name=link))
    assert item.text == "Thuốc tiên!"
    assert item.facts["forwarded_from"] == "kenhkhac_mau"


@pytest.mark.parametrize(
    "name",
    [
        '<span class="tgme_widget_message_forwarded_from_name" dir="auto">Nguyễn Văn Mẫu</span>',
        '<a class="tgme_widget_message_forwarded_from_name" href="https://t.me/nguyenvanmau">Nguyễn Văn Mẫu</a>',
    ],
)
def test_a_person_whose_message_was_forwarded_is_not_named(name: str) -> None:
    item = message(FORWARD.format(name=name))
    assert "Mẫu" not in item.text
    assert "forwarded_from" not in item.facts


def test_a_signed_message_has_the_name_of_who_signed_it_and_a_signature_is_no_edit() -> None:
    signed = '<span class="tgme_widget_message_from_author" dir="auto">edited by Tư</span>,&nbsp;'
    item = message(said("Chào bà con."), meta=signed)
    assert item.handle == "edited by Tư"
    assert "edited" not in item.facts
    assert message(said("Chào bà con."), meta=signed + "edited &nbsp;").facts["edited"] is True


def test_links_pictures_and_films_are_noted_and_searches_for_a_hashtag_are_not() -> None:
    item = message(
        """<a class="tgme_widget_message_photo_wrap 5123 12_34" href="https://t.me/xomtraicay_mau/42"
        style="width:800px;background-image:url('https://cdn.example/file/anh.jpg')"><div></div></a>
        <a class="tgme_widget_message_video_player js-message_video_player" href="https://t.me/xomtraicay_mau/42">
        <i class="tgme_widget_message_video_thumb" style="background-image:url('https://cdn.example/t.jpg')"></i>
        <time class="message_video_duration js-message_video_duration">0:31</time>
        <video src="https://cdn.example/file/phim.mp4" class="tgme_widget_message_video js-message_video"></video></a>"""
        + said(
            'Mua ở <a href="https://ban.example/?id=1" target="_blank" rel="noopener">đây</a> '
            '<a href="?q=%23thuoc">#thuoc</a> <a href="tg://resolve?domain=x">x</a>'
        )
    )
    assert item.text == "Mua ở đây #thuoc x"
    assert item.facts["links"] == ["https://ban.example/?id=1"]
    assert item.facts["media"] == ["https://cdn.example/file/anh.jpg", "https://cdn.example/file/phim.mp4"]
    assert item.published == datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def platforms() -> Platforms:
    return Platforms(url="https://t.me", page=4)


def page(platforms: Platforms, url: str) -> Reading:
    status, body = platforms.answer(url.removeprefix("https://t.me"), {})
    assert status == 200
    return read(str(body), url)


def test_a_channel_is_read_page_by_page_to_its_first_message(platforms: Platforms) -> None:
    newest = page(platforms, address(f"@{TELEGRAM}"))
    assert [item.url.rpartition("/")[2] for item in newest.items] == ["4", "5", "6", "7"]
    assert newest.older == f"https://t.me/s/{TELEGRAM}?before=4"
    oldest = page(platforms, newest.older)
    # The first message only says that the channel was created.
    assert [item.url.rpartition("/")[2] for item in oldest.items] == ["2", "3"]
    assert oldest.older is None


def test_a_poll_is_read_with_its_answers_and_without_its_votes(platforms: Platforms) -> None:
    poll = page(platforms, PAGE).items[2]
    assert poll.text == "Bà con đã tiêm chưa?\nRồi\nChưa"
    assert poll.facts["views"] == 3_000_000


def test_a_message_looked_at_again_shows_its_new_words_or_is_gone(platforms: Platforms) -> None:
    again = page(platforms, PAGE).items[1].again or ""
    platforms.words["5"] = "Đã sửa."
    [item] = [one for one in page(platforms, again).items if one.again == again]
    assert (item.text, item.facts["edited"]) == ("Đã sửa.", True)
    platforms.gone.add("5")
    assert again not in [one.again for one in page(platforms, again).items]


def test_a_channel_without_a_public_preview_says_so(platforms: Platforms) -> None:
    with pytest.raises(Unreadable, match="không có trang xem trước công khai"):
        page(platforms, "https://t.me/s/kenhrieng_mau")


def test_a_public_channel_without_messages_is_no_error() -> None:
    empty = (
        '<main class="tgme_main"><section class="tgme_channel_history js-message_history"></section></main>'
    )
    assert read(empty) == Reading()


def test_items_stay_on_the_host_that_was_asked(platforms: Platforms) -> None:
    _, body = platforms.answer(f"/s/{TELEGRAM}", {})
    reading = read(str(body), f"http://127.0.0.1:8377/s/{TELEGRAM}")
    assert reading.items[-1].url == f"http://127.0.0.1:8377/{TELEGRAM}/7"
    assert reading.items[-1].parent == f"http://127.0.0.1:8377/{TELEGRAM}/5"
    assert reading.older == f"http://127.0.0.1:8377/s/{TELEGRAM}?before=4"


@pytest.mark.parametrize(
    "known",
    [
        "@xomtraicay_mau",
        "t.me/xomtraicay_mau",
        "https://t.me/xomtraicay_mau",
        "https://t.me/xomtraicay_mau/12",
        " " + PAGE,
    ],
)
def test_every_way_to_name_a_channel_leads_to_its_preview(known: str) -> None:
    assert address(known) == PAGE
    assert address(address(known)) == PAGE


def test_a_preview_on_another_host_is_left_as_it_is() -> None:
    assert address("http://127.0.0.1:8377/s/xomtraicay_mau") == "http://127.0.0.1:8377/s/xomtraicay_mau"


@pytest.mark.parametrize(
    "wrong",
    ["", "@x", "https://t.me/+AbCdEfGh", "https://t.me/joinchat/AbCdEf", "https://t.me/joinchat", "https://t.me/c/123/4",
     "https://baisay.example/xomtraicay_mau", "tg://resolve?domain=x", "https://t.me/"],
)  # fmt: skip
def test_what_is_no_public_channel_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="phải là kênh Telegram công khai"):
        address(wrong)


CLASSES = st.sampled_from(
    ["tgme_widget_message", "tgme_widget_message_text js-message_text", "tgme_widget_message_reply",
     "tgme_widget_message_photo_wrap", "tgme_widget_message_owner_name", "tgme_widget_message_views",
     "tgme_widget_message_meta", "tme_messages_more"]
)  # fmt: skip
NODES = st.recursive(
    st.text(max_size=20),
    lambda inner: st.builds(
        '<{0} class="{1}" data-post="{2}" data-before="1" href="{3}" datetime="{4}" style="background-image:url({3})">{5}</{0}>'.format,
        st.sampled_from(["div", "a", "time", "blockquote", "span"]), CLASSES, st.sampled_from(["kenhmau/1", "x", "kenhmau/²"]),
        st.sampled_from(["https://t.me/kenhmau/2", "https://[", "?before=1", "/s/kenhmau?before=9"]) | st.text(max_size=9),
        st.text(max_size=9), st.lists(inner, max_size=3).map("".join),
    ),
)  # fmt: skip


@given(
    st.binary() | st.text().map(str.encode) | NODES.map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_give_a_reading_or_a_reason(body: bytes) -> None:
    try:
        read_telegram(Raw(body, PAGE, NOW))
    except Unreadable as error:
        assert str(error)
