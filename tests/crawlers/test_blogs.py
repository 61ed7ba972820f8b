"""Feeds of blogs become posts and comments, as Blogger and WordPress write them; no bytes make the reader fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.reading import blogs
from crawlers.reading.blogs import read_blog
from crawlers.reading.page import LARGEST, Item, Lead, Raw, Reading, Unreadable
from store.vocabulary import PageRole, PostKind

HANOI = timezone(timedelta(hours=7))
BLOG = "https://suongsom.blogspot.com"
POST = f"{BLOG}/2026/11/la-tre.html"
WORDPRESS = "https://blog.example"
ENTRY = f"{WORDPRESS}/2026/11/la-tre/"


def raw(body: bytes | str, url: str) -> Raw:
    return Raw(body.encode() if isinstance(body, str) else body, url, datetime(2026, 11, 21, tzinfo=UTC))


def atom(*entries: str, head: str = "") -> str:
    return (
        "<?xml version='1.0' encoding='UTF-8'?><?xml-stylesheet href='https://www.blogger.com/styles/atom.css' type='text/css'?>"
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:openSearch='http://a9.com/-/spec/opensearchrss/1.0/'"
        " xmlns:gd='http://schemas.google.com/g/2005' xmlns:thr='http://purl.org/syndication/thread/1.0'>"
        "<id>tag:blogger.com,1999:blog-11</id><updated>2026-11-20T08:00:00.001+07:00</updated>"
        f"<title type='text'>Sương sớm</title>{head}<link rel='alternate' type='text/html' href='{BLOG}/'/>"
        "<generator version='7.00' uri='https://www.blogger.com'>Blogger</generator>"
        f"{''.join(entries)}</feed>"
    )


AUTHOR = (
    "<author><name>Hạ Miên</name><uri>https://www.blogger.com/profile/1</uri><email>noreply@blogger.com</email>"
    "<gd:image rel='http://schemas.google.com/g/2005#thumbnail' width='32' height='32' src='https://img.example/1.jpg'/></author>"
)
CONTENT = (
    "<div>Lá tre <b>không</b> chữa được bệnh.</div><blockquote>Uống lá tre là khỏi</blockquote>"
    '<div><a href="https://yte.example/huong-dan">Hướng dẫn</a><img src="//anh.example/la.jpg"></div><script>x()</script>'
)


def post(
    total: int = 2, content: str = CONTENT, number: int = 22, url: str = POST, element: str = "content"
) -> str:
    return (
        f"<entry><id>tag:blogger.com,1999:blog-11.post-{number}</id><published>2026-11-19T08:00:00.001+07:00</published>"
        "<updated>2026-11-20T09:00:00.002+07:00</updated>"
        "<category scheme='http://www.blogger.com/atom/ns#' term='sức khỏe'/><category scheme='http://www.blogger.com/atom/ns#' term='lá'/>"
        f"<title type='text'>Lá tre &amp; tin đồn</title><{element} type='html'>{escape(content)}</{element}>"
        f"<link rel='replies' type='application/atom+xml' href='{BLOG}/feeds/{number}/comments/default' title='Đăng Nhận xét'/>"
        f"<link rel='replies' type='text/html' href='https://www.blogger.com/comment.g?blogID=11&amp;postID={number}' title='2 Nhận xét'/>"
        f"<link rel='edit' type='application/atom+xml' href='https://www.blogger.com/feeds/11/posts/default/{number}'/>"
        f"<link rel='self' type='application/atom+xml' href='https://www.blogger.com/feeds/11/posts/default/{number}'/>"
        f"<link rel='alternate' type='text/html' href='{url}' title='Lá tre'/>{AUTHOR}<thr:total>{total}</thr:total></entry>"
    )


NEXT = "<link rel='next' type='application/atom+xml' href='https://www.blogger.com/feeds/11/posts/default?start-index=26&amp;max-results=25'/>"
BLOGGER_ITEM = Item(
    url=POST,
    anchor="",
    title="Lá tre & tin đồn",
    text="Lá tre & tin đồn\n\nLá tre không chữa được bệnh.\nHướng dẫn",
    handle="Hạ Miên",
    published=datetime(2026, 11, 19, 8, 0, 0, 1000, tzinfo=HANOI),
    quotes=("Uống lá tre là khỏi",),
    modified=datetime(2026, 11, 20, 9, 0, 0, 2000, tzinfo=HANOI),
    again=f"{BLOG}/feeds/posts/default/22",
    facts={
        "section": "sức khỏe",
        "links": ["https://yte.example/huong-dan"],
        "media": ["https://anh.example/la.jpg"],
        "comments": 2,
    },
)
BLOGGER_COMMENTS = Lead(f"{BLOG}/feeds/22/comments/default", PageRole.THREAD, POST)


def test_a_post_of_blogger_is_read_whole_and_leads_to_its_comments_and_to_older_posts() -> None:
    assert read_blog(raw(atom(post(), head=NEXT), f"{BLOG}/feeds/posts/default")) == Reading(
        (BLOGGER_ITEM,), (BLOGGER_COMMENTS,), f"{BLOG}/feeds/posts/default?max-results=25&start-index=26"
    )


def test_a_post_read_again_alone_is_the_same_post() -> None:
    entry = post().replace(
        "<entry>", "<?xml version='1.0'?><entry xmlns='http://www.w3.org/2005/Atom' xmlns:gd='http://schemas.google.com/g/2005'"
        " xmlns:thr='http://purl.org/syndication/thread/1.0'>",
    )  # fmt: skip
    assert read_blog(raw(entry, f"{BLOG}/feeds/posts/default/22")).items == (BLOGGER_ITEM,)


def test_the_rss_of_blogger_says_the_same() -> None:
    body = (
        "<?xml version='1.0' encoding='UTF-8'?><rss xmlns:atom='http://www.w3.org/2005/Atom' version='2.0'"
        " xmlns:thr='http://purl.org/syndication/thread/1.0'><channel><title>Sương sớm</title><generator>Blogger</generator>"
        "<item><guid isPermaLink='false'>tag:blogger.com,1999:blog-11.post-22</guid><pubDate>Thu, 19 Nov 2026 01:00:00 +0000</pubDate>"
        "<atom:updated>2026-11-20T09:00:00.002+07:00</atom:updated><category domain='http://www.blogger.com/atom/ns#'>sức khỏe</category>"
        f"<title>Lá tre &amp; tin đồn</title><description>{escape(CONTENT)}</description><link>{POST}</link>"
        "<author>noreply@blogger.com (Hạ Miên)</author><thr:total>2</thr:total></item></channel></rss>"
    )
    reading = read_blog(raw(body, f"{BLOG}/feeds/posts/default?alt=rss"))
    (item,) = reading.items
    for name in ("url", "title", "text", "handle", "quotes", "modified", "again", "facts"):
        assert getattr(item, name) == getattr(BLOGGER_ITEM, name)
    assert item.published == datetime(2026, 11, 19, 1, tzinfo=UTC)
    assert reading.leads == (BLOGGER_COMMENTS,)


@pytest.mark.parametrize(
    "entry",
    [
        post(element="summary", content="Lá tre không chữa được…", total=0),
        post(content=f'Lá tre <a href="{POST}#more">Đọc thêm »</a>', total=0),
        post(content="<!-- -->", total=0),
    ],
)
def test_a_post_that_is_not_whole_is_led_to(entry: str) -> None:
    reading = read_blog(raw(atom(entry), f"{BLOG}/feeds/posts/default"))
    assert reading == Reading(leads=(Lead(POST, PageRole.ARTICLE, published=BLOGGER_ITEM.published),))


def test_a_feed_does_not_speak_for_another_host() -> None:
    entry = post(url="https://bao.example/tin.html", total=0)
    reading = read_blog(raw(atom(entry), f"{BLOG}/feeds/posts/default"))
    assert not reading.items
    assert [lead.url for lead in reading.leads] == ["https://bao.example/tin.html"]
    elsewhere = comment(31, 19, "Một", on="https://bao.example/tin.html")
    assert read_blog(raw(atom(elsewhere), COMMENTS)) == Reading()


def comment(number: int, day: int, text: str, related: int | None = None, on: str = POST) -> str:
    answered = (
        f"<link rel='related' type='application/atom+xml' href='https://www.blogger.com/feeds/11/22/comments/default/{related}' title=''/>"
        if related
        else ""
    )
    return (
        f"<entry><id>tag:blogger.com,1999:blog-11.post-{number}</id><published>2026-11-{day}T08:00:00+07:00</published>"
        f"<updated>2026-11-{day}T08:00:00+07:00</updated><title type='text'>{escape(text[:20])}</title><content type='html'>{escape(text)}</content>"
        f"<link rel='edit' type='application/atom+xml' href='https://www.blogger.com/feeds/11/22/comments/default/{number}'/>"
        f"<link rel='self' type='application/atom+xml' href='https://www.blogger.com/feeds/11/22/comments/default/{number}'/>"
        f"<link rel='alternate' type='text/html' href='{on}?showComment=17{number}#c{number}' title=''/>{AUTHOR}{answered}"
        f"<thr:in-reply-to href='{on}' ref='tag:blogger.com,1999:blog-11.post-22' source='https://www.blogger.com/feeds/11/posts/default/22' type='text/html'/>"
        "<gd:extendedProperty name='blogger.itemClass' value='pid-1'/></entry>"
    )


COMMENTS = f"{BLOG}/feeds/22/comments/default"


def total(number: int, start: int = 1) -> str:
    return f"<openSearch:totalResults>{number}</openSearch:totalResults><openSearch:startIndex>{start}</openSearch:startIndex>"


def test_comments_of_blogger_have_their_places_in_time_and_what_they_answer() -> None:
    entries = (
        comment(33, 21, "Tôi <b>uống</b> rồi<br />chẳng khỏi", related=31),
        comment(32, 20, "Nhận xét này đã bị tác giả xóa."),
        comment(31, 19, "Thật không?"),
    )
    reading = read_blog(raw(atom(*entries, head=total(3)), COMMENTS))
    first, last = reading.items
    assert (first.url, first.anchor, first.position, first.parent) == (POST, "c31", 1, POST)
    assert last == Item(
        url=POST,
        anchor="c33",
        title="",
        text="Tôi uống rồi\nchẳng khỏi",
        handle="Hạ Miên",
        published=datetime(2026, 11, 21, 8, tzinfo=HANOI),
        kind=PostKind.COMMENT,
        position=3,
        parent=f"{POST}#c31",
        again=f"{BLOG}/feeds/22/comments/default/33",
    )
    assert not reading.leads


@pytest.mark.parametrize(
    ("head", "newest_first", "positions"),
    [
        (total(60), True, [59, 60]),
        (total(60, 26), True, [34, 35]),
        (total(60, 26), False, [26, 27]),
        (total(1), True, [None, None]),
        ("", True, [1, 2]),
    ],
)
def test_the_place_of_a_comment_is_that_in_its_thread_not_on_its_page(
    head: str, newest_first: bool, positions: list[int | None]
) -> None:
    entries = [comment(33, 21, "Sau"), comment(32, 20, "Trước")]
    body = atom(*(entries if newest_first else entries[::-1]), head=head)
    assert [item.position for item in read_blog(raw(body, COMMENTS)).items] == positions


def test_older_comments_belong_to_the_thread_of_their_post_but_those_of_all_posts_to_none() -> None:
    following = NEXT.replace("/posts/", "/22/comments/")
    older = f"{COMMENTS}?max-results=25&start-index=26"
    one = read_blog(raw(atom(comment(31, 19, "Một"), head=following), COMMENTS))
    assert (one.leads, one.older) == ((Lead(older, PageRole.THREAD, POST),), None)
    entries = comment(31, 19, "Một"), comment(32, 20, "Hai", on=f"{BLOG}/2026/11/khac.html")
    several = read_blog(raw(atom(*entries, head=following), f"{BLOG}/feeds/comments/default"))
    assert (several.leads, several.older) == ((), older)
    assert [item.position for item in several.items] == [None, None]


def rss(*items: str, generator: str = "https://wordpress.org/?v=6.6") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"\n\txmlns:content="http://purl.org/rss/1.0/modules/content/"\n'
        '\txmlns:wfw="http://wellformedweb.org/CommentAPI/"\n\txmlns:dc="http://purl.org/dc/elements/1.1/"\n'
        '\txmlns:atom="http://www.w3.org/2005/Atom"\n\txmlns:slash="http://purl.org/rss/1.0/modules/slash/"\n\t>\n<channel>\n'
        f'<title>Nhà thuốc làng</title><atom:link href="{WORDPRESS}/feed/" rel="self" type="application/rss+xml" />'
        f"<link>{WORDPRESS}</link><lastBuildDate>Fri, 20 Nov 2026 01:00:00 +0000</lastBuildDate><language>vi</language>"
        f"<generator>{generator}</generator>{''.join(items)}</channel></rss>"
    )


def entry(beside: str, content: str = "<p>Lá tre không chữa được bệnh.</p>") -> str:
    return (
        f"<item><title>Lá tre &#8220;thần&#8221;</title><link>{ENTRY}</link><comments>{ENTRY}#comments</comments>"
        "<dc:creator><![CDATA[Hạ Miên]]></dc:creator><pubDate>Thu, 19 Nov 2026 01:00:00 +0000</pubDate>"
        f'<category><![CDATA[Sức khỏe]]></category><guid isPermaLink="false">{WORDPRESS}/?p=5</guid>'
        f"<description><![CDATA[Lá tre [&#8230;]]]></description><content:encoded><![CDATA[{content}]]></content:encoded>{beside}</item>"
    )


COMMENTED = f"<wfw:commentRss>{ENTRY}feed/</wfw:commentRss><slash:comments>2</slash:comments>"
APPEARED = f'<p>Bài viết <a href="{ENTRY}">Lá tre “thần”</a> đã xuất hiện đầu tiên vào ngày <a href="{WORDPRESS}">Nhà thuốc làng</a>.</p>'


def test_a_post_of_wordpress_is_read_whole_without_what_its_software_adds() -> None:
    body = rss(entry(COMMENTED, f"<p>Lá tre không chữa được bệnh.</p>{APPEARED}"))
    reading = read_blog(raw(body, f"{WORDPRESS}/feed/"))
    (item,) = reading.items
    assert item.text == "Lá tre “thần”\n\nLá tre không chữa được bệnh."
    assert (item.url, item.handle, item.facts["section"], item.facts["comments"]) == (
        ENTRY,
        "Hạ Miên",
        "Sức khỏe",
        2,
    )
    assert item.published == datetime(2026, 11, 19, 1, tzinfo=UTC)
    assert item.again == f"{ENTRY}feed/?withoutcomments=1"
    assert reading.leads == (Lead(f"{ENTRY}feed/", PageRole.THREAD, ENTRY),)


@pytest.mark.parametrize(
    ("beside", "again"),
    [
        ("", f"{ENTRY}feed/?withoutcomments=1"),
        (
            f"<wfw:commentRss>{WORDPRESS}/?feed=rss2&amp;p=5</wfw:commentRss>",
            f"{WORDPRESS}/?feed=rss2&p=5&withoutcomments=1",
        ),
    ],
)
def test_a_post_without_comments_leads_to_none_but_can_be_looked_at_again(beside: str, again: str) -> None:
    reading = read_blog(raw(rss(entry(beside)), f"{WORDPRESS}/feed/"))
    assert [item.again for item in reading.items] == [again]
    assert not reading.leads


def test_a_post_that_cannot_be_looked_at_again_alone_is_led_to() -> None:
    reading = read_blog(raw(rss(entry(""), generator="Máy của tôi"), f"{WORDPRESS}/feed/"))
    assert not reading.items
    assert [(lead.url, lead.role) for lead in reading.leads] == [(ENTRY, PageRole.ARTICLE)]


def test_a_post_of_another_blog_is_led_to_and_so_are_its_comments() -> None:
    entry = post().replace("tag:blogger.com,1999:blog-11.post-22", f"{POST}#bai")
    leads = read_blog(raw(atom(entry), f"{BLOG}/atom.xml")).leads
    assert leads == (Lead(POST, PageRole.ARTICLE, published=BLOGGER_ITEM.published), BLOGGER_COMMENTS)


def reply(number: int, content: str, page: str = "") -> str:
    return (
        f"<item><title>Bởi: Mai Hoa</title><link>{ENTRY}{page}#comment-{number}</link><dc:creator><![CDATA[Mai Hoa]]></dc:creator>"
        f'<pubDate>Fri, 20 Nov 2026 0{number % 10}:00:00 +0000</pubDate><guid isPermaLink="false">{WORDPRESS}/?p=5#comment-{number}</guid>'
        f"<description><![CDATA[rút gọn]]></description><content:encoded><![CDATA[{content}]]></content:encoded></item>"
    )


def test_comments_of_wordpress_say_what_they_answer_in_words_that_are_not_their_authors() -> None:
    notice = f'<p>Trả lời <a href="{ENTRY}comment-page-1/#comment-11">Mai Hoa</a>.</p>\n'
    body = rss(reply(12, f"{notice}<p>Không đâu.</p>", "comment-page-2/"), reply(11, "<p>Có khỏi không?</p>"))
    first, second = read_blog(raw(body, f"{ENTRY}feed/")).items
    assert (first.url, first.anchor, first.text, first.parent, first.position) == (
        ENTRY,
        "comment-11",
        "Có khỏi không?",
        ENTRY,
        1,
    )
    assert (second.url, second.anchor, second.text) == (ENTRY, "comment-12", "Không đâu.")
    assert (second.parent, second.position, second.kind) == (f"{ENTRY}#comment-11", 2, PostKind.COMMENT)
    assert (second.title, second.handle) == ("", "Mai Hoa")


def test_ten_comments_may_be_only_the_last_ten_of_a_thread() -> None:
    body = rss(*(reply(n, "<p>Vâng</p>") for n in range(20, 10, -1)))
    assert [item.position for item in read_blog(raw(body, f"{ENTRY}feed/")).items] == [None] * 10


def test_a_comment_in_atom_of_wordpress_names_the_comment_that_it_answers() -> None:
    body = atom(
        f"<entry><title>Bởi: Mai Hoa</title><link rel='alternate' href='{ENTRY}#comment-12' type='text/html'/>"
        f"<author><name>Mai Hoa</name></author><id>{ENTRY}#comment-12</id><updated>2026-11-20T01:00:00Z</updated>"
        "<content type='html'>Không đâu</content>"
        f"<thr:in-reply-to ref='{ENTRY}#comment-11' href='{ENTRY}#comment-11' type='text/html'/></entry>"
    )
    (item,) = read_blog(raw(body, f"{ENTRY}feed/atom/")).items
    assert (item.url, item.anchor, item.parent) == (ENTRY, "comment-12", f"{ENTRY}#comment-11")


def test_the_front_page_of_a_blog_leads_to_its_feed_of_posts() -> None:
    page = f"""<!DOCTYPE html><html><head><title>Sương sớm</title>
<link rel="alternate" type="application/rss+xml" title="Sương sớm - RSS" href="{BLOG}/feeds/posts/default?alt=rss">
<link rel="alternate" type="application/atom+xml" title="Sương sớm - Atom" href="{BLOG}/feeds/posts/default">
<link rel="service.post" type="application/atom+xml" href="https://www.blogger.com/feeds/11/posts/default">
<link rel="alternate" type="application/atom+xml" title="Sương sớm - Atom" href="{BLOG}/feeds/22/comments/default">
</head><body><p>Chào</p></body></html>"""
    expected = Reading(leads=(Lead(f"{BLOG}/feeds/posts/default", PageRole.LISTING),))
    assert read_blog(raw(page, f"{BLOG}/")) == expected
    with pytest.raises(Unreadable):
        read_blog(raw("<html><body><p>Chào</p></body></html>", f"{BLOG}/"))


def test_a_blog_with_a_json_feed_leads_to_all_its_posts() -> None:
    body = '{"version": "https://jsonfeed.org/version/1.1", "items": [{"url": "/a"}, {"url": "/b"}]}'
    assert len(read_blog(raw(body, f"{WORDPRESS}/feed.json")).leads) == 2


def test_only_the_reader_is_for_others() -> None:
    assert blogs.__all__ == ["read_blog"]


@pytest.mark.parametrize(
    "body", [b"", b"\x00" * 1000, b"<" * 100_000, b"%PDF-1.7", b"<rss>" + b"x" * LARGEST]
)
def test_a_hostile_page_is_an_error_of_that_page_alone(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_blog(raw(body, f"{WORDPRESS}/feed/"))


@settings(max_examples=200)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode), st.sampled_from([b"http://[", b"&#0;", b"#c1", b"-1"])),
    st.sampled_from(["", "Lá tre", POST, ENTRY, "2026-11-19", "comment-1", "11", "html", "related", "20 Nov 2026", ">", "'"]),
    st.sampled_from([atom(post(), comment(33, 21, "a", 31), head=total(3) + NEXT), rss(entry(COMMENTED), reply(11, APPEARED))]),
)  # fmt: skip
def test_no_bytes_make_the_reader_fail(junk: bytes, place: str, body: str) -> None:
    page = body.encode().replace(place.encode(), junk) if place else junk
    try:
        read_blog(raw(page, f"{WORDPRESS}/feed/"))
    except Unreadable as error:
        assert str(error)
