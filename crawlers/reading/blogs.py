"""Reads blogs by their feeds: Blogger and WordPress, posts and comments; of others it leads to the posts.

The formats: RFC 4287 (Atom), RFC 4685 (`thr`: what answers what), the Blogger Data API 2.0 (ids, feeds of one
entry), `wp-includes/feed-rss2.php` and `feed-rss2-comments.php` of WordPress, and the RSS modules `content`,
`slash` and `wfw` (wellformedweb.org/CommentAPI).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from lxml import html

from crawlers.canonical import same_host
from crawlers.reading.feeds import is_feed, parsed, published, read_feed, said_time, web_address
from crawlers.reading.markup import tree, visible, xpath
from crawlers.reading.page import Item, Lead, Raw, Reading, Unreadable
from store.text import normalise
from store.vocabulary import PageRole, PostKind

__all__ = ["read_blog"]

_BLOGGER_ID = re.compile(r"tag:blogger\.com,1999:blog-\d+\.post-?(\d+)")
_BLOGGER_HOST = re.compile(r"https?://(?:www|draft)\.blogger\.com/feeds/\d+(?=/)")
_BLOGGER_ANSWERED = re.compile(r"/comments/\w+/(\d+)$")
_ANCHOR = re.compile(r"(?:comment-|c)\d+")
_PAGE_OF_COMMENTS = re.compile(r"/comment-page-\d+(/?)$")
_REMOVED = re.compile(
    r"This comment has been removed by (?:the author|a blog administrator)\."
    r"|Nhận xét này đã bị (?:tác giả|quản trị viên blog) xóa\."
)
# WordPress's feeds of comments hold the last ten unless set otherwise: where there are fewer, they are all.
_ALL_IF_FEWER = 10
_QUOTES = xpath(".//blockquote[not(ancestor::blockquote)]")
_LINKS = xpath(".//a/@href")
_MEDIA = xpath("(.//img | .//video | .//audio | .//source | .//iframe)/@src")
_APPEARED = xpath("(.//p)[last()][count(a[@href]) = 2 and count(*) = 2]")
_IN_REPLY = xpath(
    "(.//p)[1][count(*) = 1 and string-length(text()) < 30]/a[@href and following-sibling::text() = '.']"
)


def read_blog(raw: Raw) -> Reading:
    """Return the posts and comments that a feed of a blog holds in full, and where it leads.

    A post is an item where it is whole and can be looked at again alone; its page is led to otherwise. A page
    that is no feed leads to the feed of posts that it names. Raises `Unreadable`.
    """
    if not is_feed(raw.body):
        leads = read_feed(raw).leads
        return Reading(leads=leads[:1] if leads and leads[0].role == PageRole.LISTING else leads)
    feed = parsed(raw)
    comments = [entry for entry in feed.entries if _is_comment(entry)]
    posts = [entry for entry in feed.entries if not _is_comment(entry)]
    found = list(chain.from_iterable(_post(entry, feed, raw.url) for entry in posts))
    items = [one for one in found if isinstance(one, Item)] + list(_comments(comments, feed, raw.url))
    leads = tuple(one for one in found if isinstance(one, Lead))
    following, thread = _following(feed, raw.url), None if posts else _thread(comments, raw.url)
    if following and thread:
        leads, following = (*leads, Lead(following, PageRole.THREAD, thread)), None
    once = {(item.url, item.anchor): item for item in items}
    # What has no page of its own is pushed out of the feed by what is newer.
    passing = any(item.again is None for item in items)
    kept = tuple({lead.url: lead for lead in leads}.values())
    return Reading(tuple(once.values()), kept, following, passing)


def _post(entry: Any, feed: Any, base: str) -> Iterator[Item | Lead]:
    url = web_address(str(entry.get("link", "")), base)
    if url is None:
        return
    alone, comments = _beside(entry, feed, url)
    number = _number(entry.get("thr_total") or entry.get("slash_comments"))
    # A feed does not speak for other hosts; and what is in it now only for a while must be found elsewhere.
    body = _whole(entry, url) if alone and same_host(url, base) else None
    first, last = published(entry), said_time(entry, "updated")
    if body is None:
        yield Lead(url, PageRole.ARTICLE, published=first)
    else:
        heading = _body(_markup(entry.get("title_detail", {})), url)
        title = " ".join(heading.text.split()) if heading else ""
        topics = [tag.get("term") for tag in entry.get("tags", ())]
        facts = {"section": topics[0] if topics else None, **body.facts, "comments": number}
        yield Item(
            url=url,
            anchor="",
            title=title,
            text=normalise(f"{title}\n\n{body.text}"),
            handle=_name(entry),
            published=first,
            quotes=body.quotes,
            modified=last if first and last and last > first else None,
            again=alone,
            facts={name: fact for name, fact in facts.items() if fact is not None},
        )
    if number and comments:
        yield Lead(comments, PageRole.THREAD, url)


def _beside(entry: Any, feed: Any, url: str) -> tuple[str | None, str | None]:
    """Return the feed that holds one post alone, and that of its comments, both on the host of the post."""
    if blogger := _blogger_id(entry):
        # Blogger names them on a host of its own; they are the same on the blog's.
        alone, comments = f"/feeds/posts/default/{blogger}", f"/feeds/{blogger}/comments/default"
        return urljoin(url, alone), urljoin(url, comments)
    wordpress = str(entry.get("wfw_commentrss", ""))
    if not wordpress and "wordpress" in str(feed.feed.get("generator", "")) and not urlsplit(url).query:
        wordpress = f"{url.rstrip('/')}/feed/"
    named = web_address(wordpress or next(_linked(entry, "replies", "atom"), ""), url)
    if named is None or not same_host(named, url):
        return None, None
    return f"{named}{'&' if '?' in named else '?'}withoutcomments=1" if wordpress else None, named


def _comments(entries: Sequence[Any], feed: Any, base: str) -> Iterator[Item]:
    """Return the comments in order of time, with their positions where the feed lets them be known."""
    ordered = sorted(entries, key=lambda entry: when.timestamp() if (when := published(entry)) else 0.0)
    of_one_post = len(entries) == len(feed.entries) and _thread(entries, base)
    before = _before(ordered, feed) if of_one_post else None
    for number, entry in enumerate(ordered, 1):
        item = _comment(entry, base)
        if item is not None:
            yield item if before is None else replace(item, position=before + number)


def _comment(entry: Any, base: str) -> Item | None:
    url, anchor = _permalink(str(entry.get("link", "")), base)
    body = _body(_content(entry) or str(entry.get("summary", "")), url) if url else None
    if not url or body is None or not body.text or not same_host(url, base) or _REMOVED.fullmatch(body.text):
        return None
    return Item(
        url=url,
        anchor=anchor,
        title="",
        text=body.text,
        handle=_name(entry),
        published=published(entry),
        quotes=body.quotes,
        kind=PostKind.COMMENT,
        parent=body.answers or _answered(entry, url),
        again=_comment_alone(entry, url),
        facts=body.facts,
    )


def _is_comment(entry: Any) -> bool:
    anchor = str(entry.get("link", "")).partition("#")[2]
    return "thr_in-reply-to" in entry or _ANCHOR.fullmatch(anchor) is not None


def _permalink(link: str, base: str) -> tuple[str, str]:
    """Return the canonical URL of the post that a comment is on, and the comment's anchor there."""
    address, _, anchor = link.partition("#")
    url = web_address(address, base)
    if url is None:
        return "", ""
    parts = urlsplit(url)
    kept = [one for one in parse_qsl(parts.query, True) if one[0] not in {"showComment", "cpage"}]
    path = _PAGE_OF_COMMENTS.sub(r"\1", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(kept), "")), anchor


def _answered(entry: Any, post: str) -> str:
    """Return the permalink of the comment that a comment answers, else that of the post."""
    for related in _linked(entry, "related"):
        if blogger := _BLOGGER_ANSWERED.search(related):
            return f"{post}#c{blogger[1]}"
    url, anchor = _permalink(_in_reply_to(entry, "href"), post)
    return f"{url}#{anchor}" if url == post and _ANCHOR.fullmatch(anchor) else post


def _comment_alone(entry: Any, post: str) -> str | None:
    comment, answered = _blogger_id(entry), _BLOGGER_ID.match(_in_reply_to(entry, "ref"))
    return urljoin(post, f"/feeds/{answered[1]}/comments/default/{comment}") if comment and answered else None


def _in_reply_to(entry: Any, attribute: str) -> str:
    said = entry.get("thr_in-reply-to")
    return str(said.get(attribute, "")) if isinstance(said, dict) else ""


def _thread(comments: Sequence[Any], base: str) -> str | None:
    """Return the post that all the comments are on; None when they are on several."""
    posts = {_permalink(str(entry.get("link", "")), base)[0] for entry in comments}
    return posts.pop() or None if len(posts) == 1 else None


def _before(ordered: Sequence[Any], feed: Any) -> int | None:
    """Return how many comments are before those in the feed; None when it does not say."""
    total, start = (_number(feed.feed.get(f"opensearch_{name}")) for name in ("totalresults", "startindex"))
    if total is None:
        # A document of a single entry has no title of its own.
        return 0 if feed.feed.get("title") and len(ordered) < _ALL_IF_FEWER else None
    skipped = (start or 1) - 1
    before = total - skipped - len(ordered) if feed.entries[0] is ordered[-1] else skipped
    return before if before >= 0 else None


@dataclass(frozen=True)
class _Body:
    text: str
    quotes: tuple[str, ...]
    facts: dict[str, Any]
    answers: str | None = None


def _content(entry: Any) -> str:
    """Return the markup of the full content of an entry; empty when it has none."""
    full = next((markup for said in entry.get("content", ()) if (markup := _markup(said)).strip()), "")
    # Blogger's RSS has no element for it; a mere summary of Blogger's is plain text.
    summary = str(entry.get("summary", ""))
    return full or (summary if _blogger_id(entry) and "<" in summary else "")


def _markup(said: Any) -> str:
    value = str(said.get("value") or "")
    return escape(value) if said.get("type") == "text/plain" else value


def _whole(entry: Any, url: str) -> _Body | None:
    """Return the content of a post; None when only its opening is there."""
    body = _body(_content(entry), url)
    cut = body is not None and any(link.endswith("#more") for link in body.facts.get("links", ()))
    return None if cut else body


def _body(markup: str, url: str) -> _Body | None:
    """Return the words of content, quotes apart, without what the blog's software adds to them."""
    try:
        root = tree(markup, url)
    except Unreadable:
        return None
    answers = _added(root, url)
    facts = {
        name: list(dict.fromkeys(str(link) for link in find(root) if link.startswith("http")))
        for name, find in (("links", _LINKS), ("media", _MEDIA))
    }
    quotes = []
    for quote in _QUOTES(root):
        quotes.append(normalise(visible(quote)))
        quote.drop_tree()
    return _Body(
        text=normalise(visible(root)),
        quotes=tuple(filter(None, quotes)),
        facts={name: links for name, links in facts.items() if links},
        answers=answers,
    )


def _added(root: html.HtmlElement, url: str) -> str | None:
    """Take out "In reply to NAME." and "The post TITLE appeared first on BLOG."; return what is answered."""
    for paragraph in _APPEARED(root):
        post, blog = (web_address(link.get("href"), url) for link in paragraph.iterchildren("a"))
        if post == url and blog and urlsplit(blog).path == "/":
            paragraph.drop_tree()
    for link in _IN_REPLY(root):
        answered, anchor = _permalink(link.get("href"), url)
        if answered == url and _ANCHOR.fullmatch(anchor):
            link.getparent().drop_tree()
            return f"{answered}#{anchor}"
    return None


def _blogger_id(entry: Any) -> str | None:
    found = _BLOGGER_ID.match(str(entry.get("id", "")))
    return found.group(1) if found else None


def _name(entry: Any) -> str | None:
    return normalise(str(entry.get("author_detail", {}).get("name") or "")) or None


def _number(said: Any) -> int | None:
    return int(said) if re.fullmatch(r"[0-9]{1,9}", str(said or "").strip()) else None


def _linked(entry: Any, rel: str, media_type: str = "") -> Iterator[str]:
    for link in entry.get("links", ()):
        if link.get("rel") == rel and media_type in link.get("type", ""):
            yield str(link.get("href", ""))


def _following(feed: Any, base: str) -> str | None:
    """Return the next page of a feed on its own host, where Blogger has it too."""
    for href in _linked(feed.feed, "next"):
        for address in (href, _BLOGGER_HOST.sub("/feeds", href)):
            url = web_address(address, base)
            if url is not None and same_host(url, base):
                return url
    return None
