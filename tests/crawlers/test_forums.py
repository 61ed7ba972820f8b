"""Forum pages become messages and threads, in the markup of each known software and on real pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.pages import COUNTED
from crawlers.reading.dates import VIETNAM
from crawlers.reading.dialects import DIALECTS
from crawlers.reading.forums import MOST_LINKS, read_forum
from crawlers.reading.page import Item, Lead, Raw, Reading, Unreadable
from store.vocabulary import PageRole, PostKind
from tests.conftest import shared

AT = datetime(2026, 11, 20, 12, tzinfo=VIETNAM)


def read(body: str, url: str) -> Reading:
    return read_forum(Raw(body.encode(), url, AT))


def at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=VIETNAM)


XENFORO_URL = "https://f.example/t/an-toi.12/page-2"
XENFORO = """<html><body><ul class="p-breadcrumbs"><li><a href="/"><span itemprop="name">Diễn đàn</span></a></li>
<li><a href="/f/suc-khoe.3/"><span itemprop="name">Sức khoẻ</span></a></li></ul>
<h1 class="p-title-value"><span class="label label--red">hỏi đáp</span><span class="label-append">&nbsp;</span>Ăn tỏi</h1>
<a class="pageNav-jump pageNav-jump--next" href="/t/an-toi.12/page-3">Tiếp</a>
<article class="message message--post is-ad"><div class="message-body"><div class="bbWrapper">Quảng cáo</div></div></article>
<div class="message message--deleted message--post js-post" data-author="lan" data-content="post-6"><div class="message-body">
<div class="bbWrapper">Đã xoá</div></div></div>
<article class="message message--post js-post js-inlineModContainer" data-author="bình" data-content="post-7" id="js-post-7">
<div class="message-cell message-cell--user"><a class="avatar"><img src="/data/avatars/m/1.jpg"></a></div>
<header class="message-attribution"><ul class="message-attribution-main"><li class="u-concealed"><a href="/t/an-toi.12/post-7">
<time class="u-dt" {time}>hôm qua</time></a></li></ul>
<ul class="message-attribution-opposite"><li><a href="/t/an-toi.12/post-7" class="js-shareTooltip"></a></li><li><a href="/t/an-toi.12/post-7">
 #1,021 </a></li></ul></header><div class="message-userContent"><article class="message-body js-selectToQuote"><div class="bbWrapper">
<blockquote data-attributes="member: 5" data-quote="an" data-source="{source}" class="bbCodeBlock bbCodeBlock--expandable bbCodeBlock--quote">
<div class="bbCodeBlock-title"><a href="/goto/post?id=4" class="bbCodeBlock-sourceJump">an nói:</a></div>
<div class="bbCodeBlock-content"><div class="bbCodeBlock-expandContent">
<blockquote data-source="post: 3" class="bbCodeBlock bbCodeBlock--quote"><div class="bbCodeBlock-title">lan nói:</div>
<div class="bbCodeBlock-content">Thật không?</div></blockquote>Tỏi chữa được</div>
<div class="bbCodeBlock-expandLink"><a>Nhấn để xem thêm...</a></div></div></blockquote>
Không đúng <b>đâu</b>, xem <a href="https://yte.example/toi?utm_source=f">đây</a> và
<a href="/proxy.php?link=https%3A%2F%2Fbao.example%2Fa">báo</a>, <a href="/t/khac.5/">chủ đề khác</a>
<div class="bbCodeBlock bbCodeBlock--unfurl" data-url="https://who.example/x"><a href="https://who.example/x">Tựa của trang kia</a></div>
<img src="data:image/gif;base64,R0" class="smilie smilie--sprite" alt=":)">
<img class="bbImage lazyload" src="data:image/gif;base64,R0" data-src="/proxy.php?image=i" data-url="https://anh.example/toi.png">
<iframe src="https://video.example/embed/1"></iframe></div></article>
<div class="message-lastEdit">Sửa lần cuối: <time class="u-dt" datetime="2026-11-19T10:30:00+0700">hôm qua</time></div></div>
<aside class="message-signature"><div class="bbWrapper">Chữ ký của tôi</div></aside></article></body></html>"""
TIME = 'datetime="2026-11-19T10:15:00+0700"'


def test_a_xenforo_message_is_read_with_all_that_the_page_says_of_it() -> None:
    page = read(XENFORO.format(time=TIME, source="post: 4"), XENFORO_URL)
    thread = "https://f.example/t/an-toi.12/"
    assert page.items == (
        Item(
            url=thread, anchor="post-7", title="Ăn tỏi", kind=PostKind.FORUM, handle="bình", position=1021,
            text="Không đúng đâu, xem đây và báo, chủ đề khác", quotes=("Thật không?\nTỏi chữa được",),
            published=at(19, 10, 15), modified=at(19, 10, 30), parent=f"{thread}#post-4",
            facts={
                "section": "Sức khoẻ",
                "links": ["https://yte.example/toi", "https://bao.example/a", "https://who.example/x"],
                "media": ["https://anh.example/toi.png", "https://video.example/embed/1"],
            },
        ),
    )  # fmt: skip
    assert page.leads == (Lead("https://f.example/t/an-toi.12/page-3", PageRole.THREAD, thread),)
    assert page.older is None


@pytest.mark.parametrize(
    ("time", "when"),
    [
        ('datetime="2026-11-19T03:15:00Z"', at(19, 10, 15)),
        ('title="Hôm qua, lúc 10:15"', at(19, 10, 15)),
        ('title="Today at 9:05 AM"', at(20, 9, 5)),
        ('datetime="2027-01-01T00:00:00+0700" title="18/11/2026 lúc 10:15"', at(18, 10, 15)),
        ("", at(19, 0, 0)),
    ],
)
def test_the_time_of_a_message_is_the_machine_s_then_what_people_read(time: str, when: datetime) -> None:
    (item,) = read(XENFORO.format(time=time, source=""), XENFORO_URL).items
    assert item.published == when


@pytest.mark.parametrize(
    ("source", "parent"),
    [
        ("post: 9", "#post-9"),
        ("", "#post-4"),
        ("profile-post: 9", "#post-4"),
        ("conversation-message: 9", "#post-4"),
    ],
)
def test_a_quote_names_the_message_it_answers(source: str, parent: str) -> None:
    (item,) = read(XENFORO.format(time=TIME, source=source), XENFORO_URL).items
    assert item.parent == f"https://f.example/t/an-toi.12/{parent}"


def test_a_message_shown_twice_is_kept_once_and_whole() -> None:
    cut = '<article class="message message--post" data-content="post-7"><div class="message-body"><div class="bbWrapper">Không…</div></div></article>'
    body = XENFORO.format(time=TIME, source="").replace("<article", f"{cut}<article", 1)
    (item,) = read(body, XENFORO_URL).items
    assert item.text.startswith("Không đúng đâu")


def test_links_are_kept_up_to_a_number() -> None:
    links = "".join(f'<a href="https://a.example/{n}">x</a>' for n in range(MOST_LINKS + 9))
    body = XENFORO.format(time=TIME, source="").replace("Không đúng", links)
    (item,) = read(body, XENFORO_URL).items
    assert item.facts["links"] == [f"https://a.example/{n}" for n in range(MOST_LINKS)]


VB3_QUOTE = """<div style="margin:20px; margin-top:5px; "><div class="smallfont" style="margin-bottom:2px">Trích:</div>
<table cellpadding="6" width="100%"><tr><td class="alt2" style="border:1px inset">{said}</td></tr></table></div>"""
VB3_SAID = VB3_QUOTE.format(
    said="""<div>Nguyên văn bởi <strong>an</strong> <a href="showthread.php?p=87#post87" rel="nofollow"><img class="inlineimg"
src="images/buttons/viewpost.gif"></a></div><div style="font-style:italic">Tỏi chữa được</div>"""
)
VB3 = """<html><body><table><tr><td><span class="navbar"><a href="index.php">Diễn đàn</a></span>
<span class="navbar">&gt; <a href="forumdisplay.php?f=3">Sức khoẻ</a></span></td></tr>
<tr><td class="navbar"><a href="showthread.php?p=88"></a> <strong> Ăn tỏi </strong></td></tr></table>
<td class="alt1"><a rel="next" class="smallfont" href="showthread.php?t=5&amp;page=2">&gt;</a></td>
<table id="post86" class="tborder"><tr><td class="thead">19-11-2026, 09:00</td></tr><tr><td>Bài đã bị xoá bởi quản trị</td></tr></table>
<table id="post88" class="tborder"><tr><td class="thead"><a name="post88"><img src="images/statusicon/post_old.gif"></a> {when}</td>
<td class="thead" align="right">#<a href="showpost.php?p=88&amp;postcount=2" id="postcount88" name="2"><strong>2</strong></a></td></tr>
<tr><td class="alt2"><div id="postmenu_88">{author}<script>vbmenu_register("postmenu_88")</script></div></td></tr>
<tr><td class="alt1" id="td_post_88"><div id="post_message_88">{quote}Không đúng đâu.<br />
<div style="margin:20px"><div class="smallfont">Mã:</div><pre class="alt2">1 + 1</pre></div>
<a href="redirect/index.php?link=https%3A%2F%2Fyte.example%2Ftoi">đây</a> <em>xem; 1-1-2020.</em>
<img src="/images/smilies/a.gif" class="inlineimg"><img src="https://anh.example/b.png"></div>
<div>__________________<br />Chữ ký</div>
<div class="smallfont"><hr /><em>{edited}</em></div></td></tr></table></body></html>"""
VB3_FILL = {
    "when": "Hôm qua, 10:15", "author": '<a class="bigusername" href="member.php?u=1">bình</a>', "quote": VB3_SAID,
    "edited": "Sửa lần cuối bởi bình; hôm qua lúc <span>10:30</span>. Lý do: nhầm ngày 1/1/2020",
}  # fmt: skip


def test_a_vbulletin_3_message_is_read_with_all_that_the_page_says_of_it() -> None:
    page = read(VB3.format_map(VB3_FILL), "https://f.example/showthread.php?t=5")
    thread = "https://f.example/showthread.php?t=5"
    assert page.items == (
        Item(
            url=thread, anchor="post88", title="Ăn tỏi", kind=PostKind.FORUM, handle="bình", position=2,
            text="Không đúng đâu.\n1 + 1\nđây xem; 1-1-2020.", quotes=("Tỏi chữa được",), published=at(19, 10, 15),
            modified=at(19, 10, 30), parent=f"{thread}#post87",
            facts={"section": "Sức khoẻ", "links": ["https://yte.example/toi"], "media": ["https://anh.example/b.png"]},
        ),
    )  # fmt: skip
    assert page.leads == (Lead("https://f.example/showthread.php?t=5&page=2", PageRole.THREAD, thread),)


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"when": "Today, 05:34 AM"}, "published", at(20, 5, 34)),
        ({"when": "18-11-2026, 17:34"}, "published", at(18, 17, 34)),
        ({"edited": "Last edited by bình; 19-11-2026 at <span>11:16</span>."}, "modified", at(19, 11, 16)),
        ({"edited": "Được cảm ơn 1 lần"}, "modified", None),
        ({"author": " Khách "}, "handle", "Khách"),
        ({"quote": VB3_QUOTE.format(said="Tỏi <div>chữa</div> được")}, "quotes", ("Tỏi\nchữa\nđược",)),
        ({"quote": VB3_QUOTE.format(said="Tỏi chữa được")}, "parent", None),
        ({"quote": VB3_QUOTE.format(said=VB3_SAID + "Thật à")}, "quotes", ("Tỏi chữa được\nThật à",)),
        ({"quote": VB3_SAID * 2}, "quotes", ("Tỏi chữa được", "Tỏi chữa được")),
    ],
)
def test_vbulletin_says_a_thing_in_several_ways(changed: dict[str, str], field: str, value: object) -> None:
    (item,) = read(VB3.format_map(VB3_FILL | changed), "https://f.example/showthread.php?t=5").items
    assert getattr(item, field) == value


def test_a_thread_found_by_one_of_its_messages_is_still_that_thread() -> None:
    page = read(VB3.format_map(VB3_FILL), "https://f.example/showthread.php?p=88")
    assert page.items[0].url == "https://f.example/showthread.php?t=5"


VB4_URL = "https://f.example/threads/5-An-toi/page2"
VB4 = """<html><body><div id="breadcrumb"><ul><li class="navbithome"><a href="/"><img src="home.png"></a></li><li class="navbit">
<a href="forums/3-Suc-khoe">Sức khoẻ</a></li><li class="navbit lastnavbit"><span>Ăn tỏi</span></li></ul></div>
<div id="pagetitle"><h1>Chủ đề: <span class="threadtitle"><a href="threads/5-An-toi">Ăn tỏi</a></span></h1></div>
<span class="prev_next"><a rel="next" href="/threads/5-An-toi/page3">sau</a></span><ol id="posts">
<li class="postbitdeleted postcontainer" id="post_86"><div class="deletedmessage">Bài đã bị xoá</div></li>
<li class="postbit postbitim postcontainer old" id="post_88"><div class="posthead"><span class="postdate old"><span class="date">Hôm qua,&nbsp;
<span class="time">10:15 AM</span></span></span><span class="nodecontrols"><a name="post88" href="/threads/5-An-toi?p=88#post88"
class="postcounter">#12</a><a id="postcount88" name="12"></a></span></div><div class="username_container"><div class="popupmenu">
<a class="username offline popupctrl" href="/members/1"><strong>bình</strong></a><ul><li>Xem lý lịch</li></ul></div></div>
<div class="content"><div id="post_message_88"><blockquote class="postcontent restore"><div class="bbcode_container"><div class="bbcode_quote">
<div class="quote_container"><div class="bbcode_quote_container"></div><div class="bbcode_postedby"><img src="misc/quote_icon.png"> Gửi bởi
<strong>an</strong> <a href="/showthread.php?p=87#post87"><img src="viewpost.png"></a></div><div class="message">Tỏi chữa được</div></div></div></div>
Không đúng đâu</blockquote></div></div><blockquote class="postcontent lastedited">Sửa lần cuối bởi bình; 19-11-2026 lúc
<span class="time">04:53 PM</span>.</blockquote><blockquote class="signature restore">Chữ ký</blockquote></li>
<li class="postbit postbitim" id="post_thanks_box_88"><blockquote class="postcontent restore">Cảm ơn</blockquote></li></ol></body></html>"""

VB5_URL = "https://f.example/forum/suc-khoe/5-an-toi/page2"
VB5 = """<html><body><ul id="breadcrumbs"><li><a href="/">Trang chủ</a></li><li><a href="/forum/suc-khoe">Sức khoẻ</a></li>
<li class="separator">Ăn tỏi</li></ul><h1 class="main-title">Ăn tỏi</h1>
<a class="js-pagenav-button js-pagenav-next-button b-button" data-page="{page}" href="{next}">Sau</a><ul class="conversation-list">
<li data-node-id="88" data-node-publishdate="1795058100" class="b-post js-post b-post--text"><a id="post88" class="anchor"></a>
<div class="author h-text-size--14"><strong><a href="/member/1-binh">bình</a></strong></div><div class="js-post__content">
<a class="b-post__count" href="/forum/suc-khoe/5-an-toi?p=88#post88">#12</a><div class="b-post__timestamp">
<time itemprop="dateCreated" datetime="2026-11-18T23:15:00">11-18-2026, 11:15 PM</time></div>
<div class="js-post__content-text restore h-wordwrap" itemprop="text"><div class="bbcode_container"><div class="bbcode_quote">
<div class="quote_container"><div class="bbcode_quote_container vb-icon"></div><div class="bbcode_postedby">Nguyên văn bởi <strong>an</strong>
<a href="/forum/suc-khoe/5-an-toi?p=87#post87" title="View Post"></a></div><div class="message">Tỏi chữa được</div></div></div></div>
Không đúng đâu</div><div class="post-signature">Chữ ký</div><div class="b-post__edit">Sửa lần cuối bởi <a>bình</a>; 19-11-2026, 04:53 PM.</div>
</div></li></ul></body></html>"""

DISCOURSE_URL = "https://f.example/t/an-toi/12?page=2"
DISCOURSE = """<html><head><link rel="next" href="/t/an-toi/12?page=3"></head><body><noscript><div id="topic-title"><h1>
<a href="/t/an-toi/12">Ăn tỏi</a></h1><div class="topic-category"><span itemprop="itemListElement"><a href="/c/suc-khoe/3">
<span class="category-name" itemprop="name">Sức khoẻ</span></a></span></div></div>
<div id="post_12" itemprop="comment" itemscope class="topic-body crawler-post"><div class="crawler-post-meta">
<span class="creator" itemprop="author"><a itemprop="url" href="/u/binh"><span itemprop="name">bình</span></a> (Bình)</span>
<span class="crawler-post-infos"><time itemprop="datePublished" datetime="2026-11-19T03:15:00Z" class="post-time">19 Tháng 11, 2026</time>
<meta itemprop="dateModified" content="{modified}"><span itemprop="position">12</span></span></div><div class="post" itemprop="text">
<aside class="quote no-group" data-username="an" data-post="{post}" data-topic="{topic}"><div class="title"><div class="quote-controls"></div>
<img class="avatar" src="/user_avatar/an.png">{title}</div><blockquote><p>Tỏi chữa được</p></blockquote></aside>
<p>Không đúng đâu <img src="/images/emoji/x.png" class="emoji"></p><aside class="onebox"><a href="https://yte.example/toi">Tựa</a></aside>
<div class="lightbox-wrapper"><a class="lightbox" href="https://cdn.example/a.png"><img src="https://cdn.example/a_small.png">
<div class="meta"><span>800×600 21 KB</span></div></a></div></div><div class="crawler-linkback-list"><a href="/t/x/1">Chủ đề khác</a></div>
</div></noscript></body></html>"""
DISCOURSE_FILL = {"modified": "2026-11-19T09:53:00Z", "post": "4", "topic": "12", "title": "an:"}


@pytest.mark.parametrize(
    ("body", "url", "thread", "mark"),
    [
        (VB4, VB4_URL, "https://f.example/threads/5-An-toi", "post"),
        (
            VB5.format(page=3, next="/forum/suc-khoe/5-an-toi/page3"),
            VB5_URL,
            VB5_URL.removesuffix("/page2"),
            "post",
        ),
    ],
)
def test_vbulletin_4_and_5_messages_are_read(body: str, url: str, thread: str, mark: str) -> None:
    page = read(body, url)
    assert page.items == (
        Item(
            url=thread, anchor="post88", title="Ăn tỏi", kind=PostKind.FORUM, handle="bình", position=12,
            text="Không đúng đâu", quotes=("Tỏi chữa được",), published=at(19, 10, 15), modified=at(19, 16, 53),
            parent=f"{thread}#post87", facts={"section": "Sức khoẻ"},
        ),
    )  # fmt: skip
    assert page.leads == (Lead(url.replace("page2", "page3"), PageRole.THREAD, thread),)


def test_the_last_page_of_a_vbulletin_5_thread_leads_nowhere() -> None:
    assert read(VB5.format(page=0, next="#"), VB5_URL).leads == ()
    assert read(VB5.format(page=3, next="#"), VB5_URL).leads == ()


def test_a_discourse_message_is_read_with_all_that_the_page_says_of_it() -> None:
    page = read(DISCOURSE.format_map(DISCOURSE_FILL), DISCOURSE_URL)
    thread = "https://f.example/t/an-toi/12"
    assert page.items == (
        Item(
            url=thread, anchor="post_12", title="Ăn tỏi", kind=PostKind.FORUM, handle="bình", position=12,
            text="Không đúng đâu", quotes=("Tỏi chữa được",), published=at(19, 10, 15), modified=at(19, 16, 53),
            parent=f"{thread}#post_4",
            facts={
                "section": "Sức khoẻ", "links": ["https://yte.example/toi"], "media": ["https://cdn.example/a_small.png"],
            },
        ),
    )  # fmt: skip
    assert page.leads == (Lead("https://f.example/t/an-toi/12?page=3", PageRole.THREAD, thread),)
    assert read(DISCOURSE.format_map(DISCOURSE_FILL), "https://f.example/t/an-toi/12/7").items == page.items


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"modified": "2026-11-19T03:15:00Z"}, "modified", None),
        ({"topic": "9", "title": '<a href="/t/uong-chanh/9/4">Uống chanh</a>'}, "parent", "https://f.example/t/uong-chanh/9#post_4"),
        ({"topic": "9"}, "parent", None),
        ({"post": "", "topic": ""}, "parent", None),
    ],
)  # fmt: skip
def test_discourse_says_a_thing_in_several_ways(changed: dict[str, str], field: str, value: object) -> None:
    (item,) = read(DISCOURSE.format_map(DISCOURSE_FILL | changed), DISCOURSE_URL).items
    assert getattr(item, field) == value


LISTINGS = {
    "https://f.example/f/suc-khoe.3/": (
        """<link rel="next" href="/f/suc-khoe.3/page-2"><div class="structItem structItem--thread"><div class="structItem-title">
<a href="/f/suc-khoe.3/?prefix_id=1" class="labelLink"><span class="label">hỏi đáp</span></a><a href="/t/an-toi.12/unread">Ăn tỏi</a></div>
<time datetime="2026-11-18T08:00:00+0700">hôm kia</time><a href="/t/an-toi.12/latest"><time class="structItem-latestDate"
datetime="2026-11-19T10:15:00+0700"></time></a></div><div class="structItem structItem--resource"><div class="structItem-title">
<a href="/tai-ve/x.1/">Tải về</a></div></div><div class="structItem structItem--thread"><div class="structItem-title">
<a href="https://khac.example/t/x.1/">Nơi khác</a></div></div>""",
        (Lead("https://f.example/t/an-toi.12/", PageRole.THREAD, published=at(19, 10, 15)),),
        "https://f.example/f/suc-khoe.3/page-2",
    ),
    "https://f.example/forumdisplay.php?f=3": (
        """<a rel="next" href="forumdisplay.php?f=3&amp;page=2">&gt;</a><table><tr><td id="td_threadtitle_5">Chú ý:
<a href="showthread.php?goto=newpost&amp;t=5" id="thread_gotonew_5"></a><a href="showthread.php?t=5" id="thread_title_5">Ăn tỏi</a></td>
<td>Hôm nay 10:15</td></tr></table>""",
        (Lead("https://f.example/showthread.php?t=5", PageRole.THREAD),),
        "https://f.example/forumdisplay.php?f=3&page=2",
    ),
    "https://f.example/forums/3-Suc-khoe": (
        """<ol id="threads"><li class="threadbit" id="thread_5"><h3 class="threadtitle"><span class="prefix">Hỏi:</span>
<a class="title" href="threads/5-An-toi?s=0af3" id="thread_title_5">Ăn tỏi</a></h3></li></ol>""",
        (Lead("https://f.example/forums/threads/5-An-toi", PageRole.THREAD),),
        None,
    ),
    "https://f.example/forum/suc-khoe": (
        """<table><tr class="topic-item sticky" data-node-id="5"><td><a href="/forum/suc-khoe/5-an-toi" class="topic-title js-topic-title">
Ăn tỏi</a></td></tr></table>""",
        (Lead("https://f.example/forum/suc-khoe/5-an-toi", PageRole.THREAD),),
        None,
    ),
    "https://f.example/c/suc-khoe/3": (
        """<link rel="next" href="/c/suc-khoe/3?page=1"><table class="topic-list"><tr class="topic-list-item"><td class="main-link">
<a href="https://f.example/t/an-toi/12" class="title raw-link raw-topic-link">Ăn tỏi</a></td><td>19 Tháng 11, 2026</td></tr></table>""",
        (Lead("https://f.example/t/an-toi/12", PageRole.THREAD),),
        "https://f.example/c/suc-khoe/3?page=1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("url", LISTINGS)
def test_a_listing_leads_to_its_threads_each_once(url: str) -> None:
    body, leads, older = LISTINGS[url]
    assert read(f"<html><body>{body}</body></html>", url) == Reading(leads=leads, older=older)


@pytest.mark.parametrize("name", COUNTED)
def test_a_real_page_holds_what_was_counted_on_it(name: str) -> None:
    messages, threads = COUNTED[name]
    url = "https://f.example/showthread.php?p=148759288"
    page = read_forum(Raw(shared(f"html/{name}").read_bytes(), url, AT))
    assert len({item.anchor for item in page.items}) == len(page.items) == messages
    assert [item.position for item in page.items] == list(range(1, messages + 1))
    for item in page.items:
        assert item.url == "https://f.example/showthread.php?t=7396974"
        assert all((item.text, item.handle, item.published))
    if threads:
        assert len({lead.url for lead in page.leads}) == len(page.leads) == threads
        assert all(lead.published for lead in page.leads) == ("xenforo" in name)


def test_a_real_thread_says_who_answers_whom() -> None:
    body = shared("html/voz_vbulletin_threadData2_2019.html").read_bytes()
    items = read_forum(Raw(body, "https://f.example/showthread.php?t=7396974", AT)).items
    place = {f"{item.url}#{item.anchor}": item.position for item in items}
    answers = {item.position: place[item.parent] for item in items if item.parent}
    assert answers == {3: 2, 7: 6, 8: 6, 9: 7, 10: 6}
    assert [item.position for item in items if item.modified] == [1, 2]
    assert not any("Originally Posted" in " ".join((item.text, *item.quotes)) for item in items)


def test_a_page_of_another_kind_is_unreadable_and_says_what_is_known() -> None:
    with pytest.raises(Unreadable) as error:
        read("<html><body><p>Bài báo</p></body></html>", "https://f.example/")
    assert all(dialect.name in str(error.value) for dialect in DIALECTS)


PIECES = [
    VB3.format_map(VB3_FILL), VB4, VB5.format(page=3, next="http://[x"), DISCOURSE.format_map(DISCOURSE_FILL),
    XENFORO.format(time=TIME, source="post: 4"), *(body for body, _, _ in LISTINGS.values()),
]  # fmt: skip
broken = st.builds(
    lambda piece, start, length, noise: piece[:start] + noise + piece[start + length :],
    st.sampled_from(PIECES), st.integers(0, 5000), st.integers(0, 300), st.text(max_size=20),
)  # fmt: skip


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=300), broken.map(lambda text: text.encode(errors="replace"))))
def test_no_bytes_make_the_reader_fail(body: bytes) -> None:
    try:
        page = read_forum(Raw(body, "https://f.example/showthread.php?p=1", datetime.now(UTC)))
    except Unreadable:
        return
    assert page.items or page.leads
