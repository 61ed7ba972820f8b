"""Reads the answers of the YouTube Data API v3: channels, playlists, videos and comments.

After https://developers.google.com/youtube/v3/docs. Tested against a local server that answers so, not
against the live service. The key is sent in a header; no address made here holds one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, Field

from crawlers.canonical import canonical_url
from crawlers.reading.dates import moment
from crawlers.reading.interfaces import Plain, at, each, parameters
from crawlers.reading.page import Item, Lead, Raw, Reading, Unreadable
from store.text import normalise
from store.vocabulary import PageRole, PostKind

_BASE = "https://www.googleapis.com/youtube/v3"
_ASKED: dict[str, dict[str, str]] = {
    "channels": {"part": "contentDetails"},
    "playlistItems": {"part": "snippet,contentDetails", "maxResults": "50"},
    "videos": {"part": "snippet,statistics"},
    "commentThreads": {
        "part": "snippet,replies", "maxResults": "100", "order": "time", "textFormat": "plainText",
    },
    "comments": {"part": "snippet", "maxResults": "100", "textFormat": "plainText"},
}  # fmt: skip
_API = re.compile(rf"(?:/.*)?/youtube/v3/(?:{'|'.join(_ASKED)})")
_KEYS = frozenset({"key", "access_token", "oauth_token"})
_HOSTS = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"})
_PLACES = {
    "@": ("channels", "forHandle"),
    "channel/": ("channels", "id"),
    "user/": ("channels", "forUsername"),
    "playlist?list=": ("playlistItems", "playlistId"),
    "watch?v=": ("videos", "id"),
    "shorts/": ("videos", "id"),
}
_PLACE = re.compile(rf"/({'|'.join(map(re.escape, _PLACES))})([^/?&]+)(?:[/?&].*)?")
_LINK = re.compile(r"""https?://[^\s<>"]+""")
_NOT_PUBLIC = frozenset({"Private video", "Deleted video"})
_REASONS = {
    "quotaExceeded": "đã hết hạn mức hỏi YouTube hôm nay",
    "rateLimitExceeded": "hỏi YouTube quá nhanh",
    "API_KEY_INVALID": "khóa YouTube không đúng hoặc đã hết hạn",
    "accessNotConfigured": "khóa YouTube chưa được bật YouTube Data API v3",
    "forbidden": "YouTube không cho phép; kiểm tra khóa",
    "commentsDisabled": "video đã tắt bình luận",
    "channelNotFound": "không có kênh này",
    "playlistNotFound": "không có danh sách phát này",
    "videoNotFound": "không có video này",
    "commentNotFound": "không có bình luận này",
}


def address(url: str) -> str:
    """Return what the API is asked for a channel, a playlist or a video, by the address that people know.

    Raises `ValueError`, in Vietnamese, when `url` is none of them or holds a key.
    """
    wrong = "phải là kênh, danh sách phát hay video YouTube, như https://www.youtube.com/@tenkenh"
    try:
        canonical = canonical_url(url)
    except ValueError as error:
        raise ValueError(wrong) from error
    parts, query = urlsplit(canonical), parameters(canonical)
    if _KEYS & query.keys():
        raise ValueError("địa chỉ không được chứa khóa; khóa được gửi riêng")
    if _API.fullmatch(parts.path):
        return canonical
    path = f"/shorts{parts.path}" if parts.hostname == "youtu.be" else parts.path
    for name in {"list", "v"} & query.keys():
        if f"{path[1:]}?{name}=" in _PLACES:
            path = f"{path}?{name}={query[name]}"
    place = _PLACE.fullmatch(path)
    if parts.hostname not in _HOSTS or place is None:
        raise ValueError(wrong)
    resource, parameter = _PLACES[place[1]]
    return _ask(_BASE, resource, **{parameter: f"@{place[2]}" if place[1] == "@" else place[2]})


def read_youtube(raw: Raw) -> Reading:
    """Return what an answer of the API holds; raises `Unreadable` for an error or what is no such answer.

    `thread` is the video, or a comment on it, that a page of comments belongs to: by its documentation the
    answer of `comments` does not say.
    """
    try:
        answer = _Answer.model_validate(json.loads(raw.body))
    except (ValueError, RecursionError) as error:
        raise Unreadable("không phải trả lời của YouTube Data API v3") from error
    if answer.error is not None:
        raise Unreadable(_reason(answer.error))
    if answer.kind == "youtube#commentListResponse":
        return _comments(answer, raw, parameters(raw.thread or "").get("v"))
    if answer.kind not in _READERS:
        raise Unreadable("không phải trả lời của YouTube Data API v3")
    return _READERS[answer.kind](answer, raw)


_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,200}$")]


class _Error(BaseModel):
    code: int = 0
    errors: tuple[dict[str, Any], ...] = ()
    details: tuple[dict[str, Any], ...] = ()


class _Answer(BaseModel):
    kind: str = ""
    items: tuple[Any, ...] = ()
    next: Plain | None = at("nextPageToken", None)
    error: _Error | None = None


class _Channel(BaseModel):
    uploads: _Id = at("contentDetails.relatedPlaylists.uploads")


class _Video(BaseModel):
    id: _Id
    title: str = at("snippet.title")
    description: str = at("snippet.description", "")
    channel: str | None = at("snippet.channelTitle", None)
    published: str | None = at("snippet.publishedAt", None)
    thumbnail: Plain | None = at("snippet.thumbnails.high.url", None)
    views: int | None = at("statistics.viewCount", None)
    comments: int | None = at("statistics.commentCount", None)
    counted: Any = at("statistics", None)


class _Listed(_Video):
    """A video on a playlist; the snippet's own channel and time are those of the list."""

    id: _Id = at("snippet.resourceId.videoId")
    channel: str | None = at("snippet.videoOwnerChannelTitle", None)
    published: str | None = at("contentDetails.videoPublishedAt", None)


class _Comment(BaseModel):
    id: _Id
    text: str = at("snippet.textDisplay")
    author: str | None = at("snippet.authorDisplayName", None)
    parent: _Id | None = at("snippet.parentId", None)
    video: _Id | None = at("snippet.videoId", None)
    published: str | None = at("snippet.publishedAt", None)
    updated: str | None = at("snippet.updatedAt", None)


class _Thread(BaseModel):
    video: _Id = at("snippet.videoId")
    top: _Comment = at("snippet.topLevelComment")
    total: int = at("snippet.totalReplyCount", 0)
    replies: tuple[_Comment, ...] = at("replies.comments", ())


def _channels(answer: _Answer, raw: Raw) -> Reading:
    lists = [
        _ask(_base(raw), "playlistItems", playlistId=one.uploads) for one in each(answer.items, _Channel)
    ]
    if not lists:
        raise Unreadable("YouTube không có kênh này")
    return Reading(leads=tuple(Lead(url, PageRole.LISTING) for url in lists))


def _videos(answer: _Answer, raw: Raw) -> Reading:
    model = _Listed if answer.kind == "youtube#playlistItemListResponse" else _Video
    # What is no longer public stays on its playlist, without an owner.
    videos = [one for one in each(answer.items, model) if one.channel or one.title not in _NOT_PUBLIC]
    leads = (
        Lead(_ask(_base(raw), "commentThreads", videoId=one.id), PageRole.THREAD, _permalink(one.id))
        for one in videos
        # The number of comments is left out where there may be none.
        if one.comments or one.counted is None
    )
    return Reading(tuple(_video_item(one, raw) for one in videos), tuple(leads), _next(answer, raw))


def _video_item(video: _Video, raw: Raw) -> Item:
    title, description = normalise(video.title), normalise(video.description)
    links = [link.rstrip(".,;:!?)]}'…”»") for link in dict.fromkeys(_LINK.findall(description))]
    media = [video.thumbnail] if video.thumbnail else None
    facts = {"comments": video.comments, "views": video.views, "media": media, "links": links or None}
    return Item(
        url=_permalink(video.id),
        anchor="",
        title=title,
        text=f"{title}\n\n{description}".strip(),
        handle=normalise(video.channel or "") or None,
        published=moment(video.published),
        kind=PostKind.SOCIAL,
        again=_ask(_base(raw), "videos", id=video.id),
        facts={name: value for name, value in facts.items() if value is not None},
    )


def _comment_threads(answer: _Answer, raw: Raw) -> Reading:
    items: list[Item] = []
    leads: list[Lead] = []
    for thread in each(answer.items, _Thread):
        items += (_comment_item(one, thread.video, raw) for one in (thread.top, *thread.replies))
        if len(thread.replies) < thread.total:
            rest = _ask(_base(raw), "comments", parentId=thread.top.id)
            leads.append(Lead(rest, PageRole.THREAD, _permalink(thread.video)))
    return Reading(tuple(items), (*leads, *_following(answer, raw, parameters(raw.url).get("videoId"))))


def _comments(answer: _Answer, raw: Raw, video: str | None) -> Reading:
    comments = list(each(answer.items, _Comment))
    video = next((one.video for one in comments if one.video), video or "")
    if comments and not video:
        raise Unreadable("YouTube không nói các bình luận này là của video nào")
    items = tuple(_comment_item(one, video, raw) for one in comments)
    return Reading(items, _following(answer, raw, video))


def _comment_item(comment: _Comment, video: str, raw: Raw) -> Item:
    published, updated = moment(comment.published), moment(comment.updated)
    # A thread says of which video it is; a reply has none of its own.
    alone = "comments" if comment.parent else "commentThreads"
    return Item(
        url=_permalink(video, comment.id),
        anchor="",
        title="",
        text=normalise(comment.text),
        handle=normalise(comment.author or "") or None,
        published=published,
        kind=PostKind.COMMENT,
        modified=updated if updated != published else None,
        parent=_permalink(video, comment.parent),
        again=_ask(_base(raw), alone, id=comment.id),
    )


_READERS: dict[str, Callable[[_Answer, Raw], Reading]] = {
    "youtube#channelListResponse": _channels,
    "youtube#playlistItemListResponse": _videos,
    "youtube#videoListResponse": _videos,
    "youtube#commentThreadListResponse": _comment_threads,
}


def _reason(error: _Error) -> str:
    """Return what an error means; never its message, which may repeat what was sent."""
    reasons = [str(one.get("reason")) for one in (*error.details, *error.errors)]
    return next((_REASONS[one] for one in reasons if one in _REASONS), f"YouTube báo lỗi {error.code}")


def _following(answer: _Answer, raw: Raw, video: str | None) -> tuple[Lead, ...]:
    url = _next(answer, raw)
    return (Lead(url, PageRole.THREAD, _permalink(video)),) if url and video else ()


def _next(answer: _Answer, raw: Raw) -> str | None:
    if not answer.next:
        return None
    kept = {name: value for name, value in parameters(raw.url).items() if name not in _KEYS}
    return canonical_url(f"{raw.url.partition('?')[0]}?{urlencode({**kept, 'pageToken': answer.next})}")


def _base(raw: Raw) -> str:
    return raw.url.partition("?")[0].rpartition("/")[0]


def _ask(base: str, resource: str, **selected: str) -> str:
    parameters = {**_ASKED[resource], **selected}
    for not_with_id in ("maxResults", "order") if "id" in selected else ():
        parameters.pop(not_with_id, None)
    return canonical_url(f"{base}/{resource}?{urlencode(parameters)}")


def _permalink(video: str, comment: str | None = None) -> str:
    place = {"v": video, "lc": comment} if comment else {"v": video}
    return canonical_url(f"https://www.youtube.com/watch?{urlencode(place)}")
