"""Reads the answers of Facebook's Graph API: the posts of public Pages and the comments on them.

After https://developers.facebook.com/docs/graph-api. Tested against a local server that answers so, not
against the live service. The token is sent in a header; no address made here holds one, for which the
`paging.next` of an answer, which does, is never followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import BaseModel, Field

from crawlers.canonical import canonical_url
from crawlers.reading.dates import moment
from crawlers.reading.interfaces import Plain, at, each, parameters
from crawlers.reading.page import Item, Lead, Raw, Reading, Unreadable
from store.text import normalise
from store.vocabulary import PageRole, PostKind

_BASE = "https://graph.facebook.com/v23.0"
_COMMENT = "id,message,created_time,permalink_url,from{name},parent{id}"
# All levels of comments, the newest first.
_ORDER = {"filter": "stream", "order": "reverse_chronological"}
_POST = (
    "id,message,created_time,permalink_url,from{name},"
    "attachments{title,description,url,unshimmed_url,media,subattachments{media}},"
    f"comments{''.join(f'.{name}({value})' for name, value in _ORDER.items())}.limit(25).summary(true)"
    f"{{{_COMMENT}}}"
)
_EDGES = ("posts", "feed", "published_posts", "comments")
_API = re.compile(rf"(?:/.*)?/v\d+\.\d+/[\w.-]+(?:/(?:{'|'.join(_EDGES)}))?")
_TOKENS = frozenset({"access_token", "appsecret_proof"})
_HOSTS = frozenset({"facebook.com", "www.facebook.com", "m.facebook.com", "fb.com", "www.fb.com"})
_OWN = re.compile(r"https?://(?:[^/?]+\.)?(?:facebook|fb)\.com[:/]")
_PAGE = re.compile(r"/(?:p/[^/]*-|pages/[^/]+/)?([A-Za-z0-9.]+)/?")
_NOT_PAGES = frozenset(
    {"groups", "events", "watch", "marketplace", "share", "login", "story.php", "permalink.php", "photo.php"}
    | {"home.php", "reel", "hashtag", "search", "profile.php", "pages", "p", "sharer.php", "messages"}
)
_REASONS = {
    1: "Facebook tạm thời không trả lời được",
    2: "Facebook tạm thời không trả lời được",
    4: "đã hỏi Facebook quá số lần cho phép",
    10: "mã truy cập Facebook không có quyền đọc trang công khai (Page Public Content Access)",
    17: "đã hỏi Facebook quá số lần cho phép",
    32: "đã hỏi Facebook quá số lần cho phép",
    100: "Facebook không có trang hay bài này, hoặc mã truy cập không được xem",
    102: "mã truy cập Facebook không đúng hoặc đã hết hạn",
    190: "mã truy cập Facebook không đúng hoặc đã hết hạn",
    613: "đã hỏi Facebook quá số lần cho phép",
    803: "Facebook không có trang này",
}


def address(url: str) -> str:
    """Return what the API is asked for a public Page, by the address that people know.

    Raises `ValueError`, in Vietnamese, when `url` is none or holds a token.
    """
    wrong = "phải là trang Facebook công khai, như https://www.facebook.com/tentrang"
    try:
        canonical = canonical_url(url)
    except ValueError as error:
        raise ValueError(wrong) from error
    parts, query = urlsplit(canonical), parameters(canonical)
    if _TOKENS & query.keys():
        raise ValueError("địa chỉ không được chứa mã truy cập; mã được gửi riêng")
    if _API.fullmatch(parts.path):
        return canonical
    page = _PAGE.fullmatch(f"/{query.get('id', '')}" if parts.path == "/profile.php" else parts.path)
    if parts.hostname not in _HOSTS or page is None or page[1] in _NOT_PAGES:
        raise ValueError(wrong)
    return _ask(f"{_BASE}/{page[1]}/posts", fields=_POST, limit="25")


def read_facebook(raw: Raw) -> Reading:
    """Return what an answer of the API holds; raises `Unreadable` for an error or what is no such answer.

    `thread` is the post, or a comment on it, that a page of comments belongs to: the answer does not say.
    """
    try:
        said = json.loads(raw.body)
        answer = _Answer.model_validate(said)
    except (ValueError, RecursionError) as error:
        raise Unreadable("không phải trả lời của Graph API") from error
    if answer.error is not None:
        # Never its message, which may repeat the token.
        raise Unreadable(_REASONS.get(answer.error, f"Facebook báo lỗi {answer.error}"))
    objects = (said,) if answer.data is None else answer.data
    path = urlsplit(raw.url).path
    if path.endswith("/comments") or "comment_id=" in answer.permalink:
        comments = list(each(objects, _Comment))
        asked = path.removesuffix("/comments").rpartition("/")[2]
        named = raw.thread or next((one.permalink for one in comments if one.permalink), "")
        post = _commented(named) or f"https://www.facebook.com/{asked}"
        items = tuple(_comment_item(one, post, raw) for one in comments)
        reading = Reading(items, _leads(_after(raw.url, answer.paging), post))
    else:
        reading = _posts(each(objects, _Post), raw, _after(raw.url, answer.paging))
    if answer.data is None and not reading.items:
        raise Unreadable("không phải bài hay bình luận của Facebook")
    return reading


_Id = Annotated[str, Field(pattern=r"^[0-9]+(_[0-9]+)?$")]


class _Paging(BaseModel):
    after: Plain | None = at("cursors.after", None)
    # Missing on the last page, which has a cursor too.
    next: str | None = None


class _Answer(BaseModel):
    """A list of objects, or one object, of which this is only what tells a comment from a post."""

    data: tuple[Any, ...] | None = None
    paging: _Paging = _Paging()
    error: int | None = at("error.code", None)
    permalink: str = at("permalink_url", "")


class _Said(BaseModel):
    id: _Id
    created: str = at("created_time")
    message: str = ""
    permalink: str = at("permalink_url", "")
    author: str | None = at("from.name", None)


class _Comment(_Said):
    parent: _Id | None = at("parent.id", None)


class _Media(BaseModel):
    image: Plain | None = at("media.image.src", None)
    video: Plain | None = at("media.source", None)


class _Attachment(_Media):
    title: str = ""
    description: str = ""
    url: str = ""
    unshimmed: str = at("unshimmed_url", "")
    more: tuple[_Media, ...] = at("subattachments.data", ())


class _Post(_Said):
    attachments: tuple[_Attachment, ...] = at("attachments.data", ())
    comments: tuple[Any, ...] = at("comments.data", ())
    paging: _Paging = at("comments.paging", _Paging())
    total: int | None = at("comments.summary.total_count", None)


def _posts(posts: Iterable[_Post], raw: Raw, older: str | None) -> Reading:
    items: list[Item] = []
    leads: list[Lead] = []
    for post in posts:
        item = _post_item(post, raw)
        items.append(item)
        items += (_comment_item(one, item.url, raw) for one in each(post.comments, _Comment))
        comments = _ask(f"{_base(raw)}/{post.id}/comments", fields=_COMMENT, limit="100", **_ORDER)
        leads += _leads(_after(comments, post.paging), item.url)
    return Reading(tuple(items), tuple(leads), older)


def _post_item(post: _Post, raw: Raw) -> Item:
    attached = [words for one in post.attachments for words in (one.title, one.description)]
    shown = [media for one in post.attachments for media in (one, *one.more)]
    links = [_link(one.unshimmed or one.url) for one in post.attachments]
    facts = {
        "comments": post.total,
        # A picture's own page is no link that the author gave.
        "links": [link for link in dict.fromkeys(links) if link and not _OWN.match(link)],
        "media": list(dict.fromkeys(url for one in shown for url in (one.image, one.video) if url)),
    }
    # `updated_time` is not asked for: a new comment changes it too.
    return Item(
        url=_link(post.permalink) or f"https://www.facebook.com/{post.id}",
        anchor="",
        title="",
        text=normalise(post.message) or normalise("\n".join(attached)),
        handle=normalise(post.author or "") or None,
        published=moment(post.created),
        kind=PostKind.SOCIAL,
        again=_ask(f"{_base(raw)}/{post.id}", fields=_POST),
        facts={name: value for name, value in facts.items() if value not in (None, [])},
    )


def _comment_item(comment: _Comment, post: str, raw: Raw) -> Item:
    above = {"comment_id": _number(comment.parent)} if comment.parent else {}
    own = {"reply_comment_id" if above else "comment_id": _number(comment.id)}
    return Item(
        url=_on(post, above | own),
        anchor="",
        title="",
        text=normalise(comment.message),
        handle=normalise(comment.author or "") or None,
        published=moment(comment.created),
        kind=PostKind.COMMENT,
        parent=_on(post, above),
        again=_ask(f"{_base(raw)}/{comment.id}", fields=_COMMENT),
    )


def _number(comment: str) -> str:
    """Return what a comment's id, `POST_COMMENT`, adds to that of its post."""
    return comment.rpartition("_")[2]


def _on(post: str, place: dict[str, str]) -> str:
    path, _, query = post.partition("?")
    return canonical_url(f"{path}?{urlencode({**dict(parse_qsl(query, True)), **place})}")


def _commented(url: str) -> str | None:
    """Return the permalink of the post that `url` is of, or of a comment on."""
    link = _link(url)
    if link is None:
        return None
    place = {name: value for name, value in parameters(link).items() if not name.endswith("comment_id")}
    return _on(link.partition("?")[0], place)


def _link(url: str) -> str | None:
    try:
        return canonical_url(url)
    except ValueError:
        return None


def _leads(url: str | None, post: str) -> tuple[Lead, ...]:
    return (Lead(url, PageRole.THREAD, post),) if url else ()


def _after(url: str, paging: _Paging) -> str | None:
    """Return the page after `url`, made from its cursor."""
    if not paging.next or not paging.after:
        return None
    kept = {name: value for name, value in parameters(url).items() if name not in _TOKENS}
    return _ask(url.partition("?")[0], **{**kept, "after": paging.after})


def _base(raw: Raw) -> str:
    """Return the API's own address, without the object that was asked for."""
    asked, _, last = raw.url.partition("?")[0].rpartition("/")
    return asked.rpartition("/")[0] if last in _EDGES else asked


def _ask(url: str, **parameters: str) -> str:
    return canonical_url(f"{url}?{urlencode(parameters)}")
