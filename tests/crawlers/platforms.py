"""A local server that answers as YouTube's Data API v3, Facebook's Graph API and t.me/s are documented to.

People, channels and texts are invented. What an answer leaves out by its documentation is left out here too:
parts and fields that were not asked for, the video of a comment asked for by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

KEY, TOKEN = "khoa-thu-nghiem", "ma-thu-nghiem"
CHANNEL, UPLOADS, HANDLE = "UCxomtraicay0000000000aa", "UUxomtraicay0000000000aa", "@xomtraicay"
PAGE, PAGE_NAME = "700100", "chobaisay.mau"
TELEGRAM = "xomtraicay_mau"

VIDEOS = {
    "vid_gung_001": ("Gừng sả chữa cúm?", "Ông Tám kể chuyện gừng sả. Xem https://baisay.example/gung.", "2026-11-20T01:00:00Z"),
    "vid_cho__002": ("Chợ Bãi Sậy mở lại", "Sáng nay chợ mở cửa.", "2026-11-19T01:00:00Z"),
    "vid_tat__003": ("Video tắt bình luận", "Không ai được bình luận.", "2026-11-18T01:00:00Z"),
}  # fmt: skip
THREADS = {"vid_gung_001": {"Ugx_mot": 7, "Ugx_hai": 0, "Ugx_ba": 1}, "vid_cho__002": {}}
COMMENTS = {
    "Ugx_mot": "Uống nước gừng là khỏi, khỏi cần tiêm.",
    "Ugx_hai": "Bác sĩ nào nói vậy?",
    "Ugx_ba": "Tôi không tin.",
}
POSTS = {
    "700100_1": "Bán viên trái cây diệt cúm, 300 nghìn một hộp.",
    "700100_2": "",
    "700100_3": "Chợ Bãi Sậy mở lại từ sáng mai.",
}
REPLIES = {"1_11": "Có giấy phép không?", "1_12": "Hàng nhà làm, an toàn.", "1_13": "Tôi đã báo quản lý chợ."}
MESSAGES = 7

Json = dict[str, Any]
Answer = tuple[int, str | Json]


@dataclass
class Platforms:
    """The server. `asked` is every path that was asked for, with the headers it was asked with.

    A page holds no more than `page` things; `quota` is how often YouTube still answers; `gone` are the ids
    of what was deleted since, `words` what was written instead, by id.
    """

    page: int = 2
    quota: int | None = None
    gone: set[str] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    _server: ThreadingHTTPServer | None = None
    _thread: Thread | None = None

    def start(self) -> Platforms:
        """Answer at `url` until stopped."""
        platforms = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                platforms.asked.append((self.path, dict(self.headers)))
                self.answer(*platforms.answer(self.path, dict(self.headers)))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, name="platforms", daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def stop(self) -> None:
        """Answer no more."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        """Return the status and the body for a path."""
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        headers = {name.lower(): value for name, value in headers.items()}
        if parts.path.startswith("/youtube/v3/"):
            return self._youtube(parts.path.rpartition("/")[2], query, headers.get("x-goog-api-key"))
        if re.match(r"/v\d+\.\d+/", parts.path):
            return self._graph(parts.path.split("/")[2:], query, headers.get("authorization"))
        if parts.path.startswith("/s/"):
            return self._telegram(parts.path.split("/")[2:], query)
        return 404, "Not Found"

    # YouTube

    def _youtube(self, resource: str, query: dict[str, str], key: str | None) -> Answer:
        if key is None:
            return _youtube_error(403, "forbidden", "Method doesn't allow unregistered callers.")
        if key != KEY:
            return _youtube_error(400, "badRequest", f"API key not valid: {key}", "API_KEY_INVALID")
        if self.quota is not None:
            self.quota -= 1
            if self.quota < 0:
                return _youtube_error(403, "quotaExceeded", "You have exceeded your quota.")
        known = {"part", "id", "maxResults", "pageToken", "forHandle", "forUsername", "playlistId"}
        known |= {"videoId", "parentId", "order", "textFormat"}
        if query.keys() - known:
            return _youtube_error(400, "unexpectedParameter", "Unexpected parameter.")
        if "part" not in query:
            return _youtube_error(400, "missingRequiredParameter", "No part.")
        found = getattr(self, f"_{resource}")(query)
        if isinstance(found, tuple):
            return found
        whole = {"kind", "etag", "id", *query["part"].split(",")}
        found = [{name: value for name, value in one.items() if name in whole} for one in found]
        kind = f"youtube#{resource.removesuffix('s')}ListResponse"
        answer: dict[str, Any] = {"kind": kind, "etag": "x"}
        start = int(query.get("pageToken", "trang0").removeprefix("trang"))
        if start + self.page < len(found):
            answer["nextPageToken"] = f"trang{start + self.page}"
        shown = found[start : start + self.page]
        return 200, {**answer, "pageInfo": {"totalResults": len(found)}, "items": shown}

    def _channels(self, query: dict[str, str]) -> list[Json]:
        if query.get("id") != CHANNEL and query.get("forHandle") != HANDLE:
            return []
        details = {"relatedPlaylists": {"uploads": UPLOADS}}
        return [{"kind": "youtube#channel", "id": CHANNEL, "contentDetails": details}]

    def _playlistItems(self, query: dict[str, str]) -> Any:
        if query["playlistId"] != UPLOADS:
            return _youtube_error(404, "playlistNotFound", "The playlist cannot be found.")
        return [self._listed(video) for video in VIDEOS]

    def _listed(self, video: str) -> Json:
        snippet = {**self._snippet(video), "videoOwnerChannelTitle": "Xóm Trái Cây"}
        details = {"videoId": video, "videoPublishedAt": snippet["publishedAt"]}
        if video in self.gone:
            snippet = {
                "title": "Deleted video",
                "description": "This video is unavailable.",
                "thumbnails": {},
            }
            details = {"videoId": video}
        snippet["publishedAt"] = "2026-11-21T00:00:00Z"
        snippet["resourceId"] = {"kind": "youtube#video", "videoId": video}
        return {
            "kind": "youtube#playlistItem",
            "id": f"PL{video}",
            "snippet": snippet,
            "contentDetails": details,
        }

    def _videos(self, query: dict[str, str]) -> list[Json]:
        video = query["id"]
        if video not in VIDEOS or video in self.gone:
            return []
        counts = {"viewCount": "1234", "likeCount": "9"}
        if video in THREADS:
            counts["commentCount"] = str(sum(1 + replies for replies in THREADS[video].values()))
        return [{"kind": "youtube#video", "id": video, "snippet": self._snippet(video), "statistics": counts}]

    def _snippet(self, video: str) -> Json:
        title, description, published = VIDEOS[video]
        return {
            "publishedAt": published, "channelId": CHANNEL, "title": title,
            "description": self.words.get(video, description), "channelTitle": "Xóm Trái Cây",
            "thumbnails": {
                "default": {"url": f"https://i.ytimg.example/{video}/default.jpg", "width": 120},
                "high": {"url": f"https://i.ytimg.example/{video}/hqdefault.jpg", "width": 480},
            },
        }  # fmt: skip

    def _commentThreads(self, query: dict[str, str]) -> Any:
        if "id" in query:
            return [one for video in THREADS for one in self._threads(video) if one["id"] == query["id"]]
        video = query["videoId"]
        if video not in VIDEOS or video in self.gone:
            return _youtube_error(404, "videoNotFound", "The video cannot be found.")
        if video not in THREADS:
            return _youtube_error(403, "commentsDisabled", "The video has disabled comments.")
        return self._threads(video)

    def _threads(self, video: str) -> list[Json]:
        threads = []
        for top, replies in THREADS[video].items():
            if top in self.gone:
                continue
            snippet = {
                "channelId": CHANNEL, "videoId": video, "topLevelComment": self._comment(top, video),
                "canReply": False, "totalReplyCount": replies, "isPublic": True,
            }  # fmt: skip
            inline = [self._comment(f"{top}.tl{n}", video) for n in range(replies)][:5]
            thread = {"kind": "youtube#commentThread", "id": top, "snippet": snippet}
            threads.append({**thread, "replies": {"comments": inline}})
        return threads

    def _comments(self, query: dict[str, str]) -> list[Json]:
        every = {top: replies for threads in THREADS.values() for top, replies in threads.items()}
        if "parentId" in query:
            ids = [f"{query['parentId']}.tl{n}" for n in range(every[query["parentId"]])]
        else:
            ids = [query["id"]]
        return [self._comment(one) for one in ids if one not in self.gone]

    def _comment(self, comment: str, video: str | None = None) -> Json:
        top, _, reply = comment.partition(".tl")
        text = self.words.get(comment) or (f"Trả lời thứ {reply}" if reply else COMMENTS[top])
        snippet: dict[str, Any] = {
            "channelId": CHANNEL, "textDisplay": text, "textOriginal": text, "authorDisplayName": "@ongtam",
            "authorChannelId": {"value": "UCnguoibinhluan"}, "likeCount": 3, "publishedAt": "2026-11-20T02:00:00Z",
            "updatedAt": "2026-11-20T03:00:00Z" if comment in self.words else "2026-11-20T02:00:00Z",
        }  # fmt: skip
        if video:
            snippet["videoId"] = video
        if reply:
            snippet["parentId"] = top
        return {"kind": "youtube#comment", "etag": "x", "id": comment, "snippet": snippet}

    # Facebook

    def _graph(self, path: Sequence[str], query: dict[str, str], token: str | None) -> Answer:
        if token != f"Bearer {TOKEN}":
            return _graph_error(401, 190, f"Invalid OAuth access token: {token}")
        fields = query.get("fields", "id,message,created_time")
        if path[0] in {PAGE, PAGE_NAME} and path[1:] == ["posts"]:
            found = [self._post(post) for post in POSTS if post not in self.gone]
            return 200, self._edge(path, query, found, fields)
        if path[0] in POSTS and path[0] not in self.gone:
            if path[1:] == ["comments"]:
                return 200, self._edge(path, query, self._post(path[0])["comments"], fields)
            return 200, _only(self._post(path[0]), fields, self, path)
        if path[0] in REPLIES and path[0] not in self.gone:
            return 200, _only(self._reply(path[0]), fields, self, path)
        return _graph_error(400, 100, f"Object with ID '{path[0]}' does not exist", 33)

    def _edge(self, path: Sequence[str], query: dict[str, str], found: list[Any], fields: str) -> Json:
        start = int(query.get("after", "0"))
        shown = [_only(one, fields, self, [one["id"]]) for one in found[start : start + self.page]]
        end = start + len(shown)
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(found):
            again = urlencode({**query, "access_token": TOKEN, "after": end})
            paging["next"] = f"{self.url}/v23.0/{'/'.join(path)}?{again}"
        return {"data": shown, "paging": paging, "summary": {"order": "ranked", "total_count": len(found)}}

    def _post(self, post: str) -> Json:
        image = {"media": {"image": {"src": f"https://scontent.example/{post}.jpg", "height": 9, "width": 9}}}
        number = post.rpartition("_")[2]
        share = {
            "title": "Chợ Bãi Sậy", "description": "Tin từ ban quản lý chợ.", "type": "share", **image,
            "url": "https://l.facebook.com/l.php?u=x", "unshimmed_url": f"https://baisay.example/{number}",
            "subattachments": {"data": [image, {"media": {"image": {"src": "https://scontent.example/hai.jpg"}}}]},
        }  # fmt: skip
        comments = [self._reply(one) for one in REPLIES if number == "1" and one not in self.gone]
        found = {
            "id": post, "message": self.words.get(post, POSTS[post]), "created_time": f"2026-11-2{number}T08:00:00+0000",
            "updated_time": "2026-11-25T08:00:00+0000", "from": {"name": "Chợ Bãi Sậy", "id": PAGE},
            "permalink_url": f"https://www.facebook.com/{PAGE}/posts/{number}", "comments": comments,
            "attachments": {"data": [share] if number == "2" else []},
        }  # fmt: skip
        return {name: value for name, value in found.items() if value != ""}

    def _reply(self, comment: str) -> Json:
        number = comment.rpartition("_")[2]
        place = f"comment_id=11&reply_comment_id={number}" if number == "12" else f"comment_id={number}"
        found = {
            "id": comment, "message": self.words.get(comment, REPLIES[comment]), "created_time": "2026-11-21T09:00:00+0000",
            "permalink_url": f"https://www.facebook.com/{PAGE}/posts/1?{place}", "like_count": 4,
        }  # fmt: skip
        return found | ({"parent": {"id": "1_11", "created_time": "x"}} if number == "12" else {})

    # Telegram

    def _telegram(self, path: Sequence[str], query: dict[str, str]) -> Answer:
        channel, *around = path
        if channel != TELEGRAM:
            return 200, NO_PREVIEW.format(channel=escape(channel))
        last = int(query["before"]) - 1 if "before" in query else MESSAGES
        last = min(MESSAGES, int(around[0])) if around else last
        shown = [number for number in range(last - self.page + 1, last + 1) if number > 0]
        messages = "".join(self._message(number) for number in shown if str(number) not in self.gone)
        older = shown[0] if shown and shown[0] > 1 else None
        prev = f'<link rel="prev" href="/s/{channel}?before={older}">' if older else ""
        more = MORE.format(channel=channel, older=older) if older else ""
        return 200, PREVIEW.format(prev=prev, more=more, messages=messages)

    def _message(self, number: int) -> str:
        if number == 1:
            return SERVICE
        body = BODIES.get(number, WORDS)
        text = escape(self.words.get(str(number), f"Tin thứ {number} của xóm."))
        edited = "edited &nbsp;" if str(number) in self.words else ""
        return MESSAGE.format(
            body=body.replace("{text}", text), number=number, edited=edited, channel=TELEGRAM,
            views={7: "1.2K", 6: "3M"}.get(number, "987"),
        )  # fmt: skip


def _youtube_error(code: int, reason: str, message: str, detail: str | None = None) -> Answer:
    errors = [{"message": message, "domain": "youtube", "reason": reason}]
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail}] if detail else []
    return code, {"error": {"code": code, "message": message, "errors": errors, "details": details}}


def _graph_error(status: int, code: int, message: str, subcode: int = 0) -> Answer:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}
    return status, {"error": {**error, **({"error_subcode": subcode} if subcode else {})}}


def _only(found: Any, fields: str, platforms: Platforms, path: Sequence[str]) -> Any:
    """Return of an object, or of a list of them, the fields that were asked for, and its id."""
    if isinstance(found.get("data"), list):
        return {"data": [_only(one, fields, platforms, path) for one in found["data"]]}
    kept = {"id": found["id"]} if "id" in found else {}
    for name, inner in _fields(fields):
        value = found.get(name)
        if name == "comments" and isinstance(value, list):
            kept[name] = platforms._edge([*path, name], {}, value, inner)
        elif value is not None:
            kept[name] = _only(value, inner, platforms, path) if inner and isinstance(value, dict) else value
    return kept


def _fields(fields: str) -> list[tuple[str, str]]:
    """Return the names that `a,b.limit(2){c,d{e}}` asks for, each with what it asks for inside."""
    found, depth, start = [], 0, 0
    for end, letter in enumerate(f"{fields},"):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            name, _, inner = fields[start:end].partition("{")
            found.append((name.partition(".")[0], inner.removesuffix("}")))
            start = end + 1
    return found


class _Handler(BaseHTTPRequestHandler):
    server_version = "Platforms"
    sys_version = ""

    def answer(self, status: int, said: str | dict[str, Any]) -> None:
        body = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(status)
        kind = "text/html; charset=utf-8" if isinstance(said, str) else "application/json; charset=UTF-8"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


MORE = """<div class="tgme_widget_message_centered js-messages_more_wrap"><a href="/s/{channel}?before={older}"
class="tme_messages_more js-messages_more" data-before="{older}"></a></div>"""
PREVIEW = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>Xóm Trái Cây – Telegram</title>{prev}</head>
<body class="widget_frame_base tgme_webpreview"><main class="tgme_main" data-url="/xomtraicay_mau"><div class="tgme_container">
<section class="tgme_channel_history js-message_history">{more}{messages}</section></div></main></body></html>"""
NO_PREVIEW = """<!DOCTYPE html><html><head><title>Telegram: Contact @{channel}</title></head><body class="tgme_page_wrap">
<div class="tgme_page"><div class="tgme_page_description">If you have <strong>Telegram</strong>, you can contact
<a class="tgme_username_link" href="tg://resolve?domain={channel}">@{channel}</a> right away.</div></div></body></html>"""
SERVICE = """<div class="tgme_widget_message_wrap js-widget_message_wrap">
<div class="tgme_widget_message service_message js-widget_message" data-post="xomtraicay_mau/1">
<div class="tgme_widget_message_bubble"><div class="tgme_widget_message_text js-message_text" dir="auto">Channel created</div>
<div class="tgme_widget_message_footer"><a class="tgme_widget_message_date" href="https://t.me/xomtraicay_mau/1">
<time datetime="2026-11-01T00:00:00+00:00" class="time">00:00</time></a></div></div></div></div>"""
MESSAGE = """<div class="tgme_widget_message_wrap js-widget_message_wrap">
<div class="tgme_widget_message text_not_supported_wrap js-widget_message" data-post="{channel}/{number}" data-view="x">
<div class="tgme_widget_message_user"><a href="https://t.me/{channel}"><i class="tgme_widget_message_user_photo"><img
src="https://cdn.example/anh.jpg"></i></a></div><div class="tgme_widget_message_bubble">
<div class="tgme_widget_message_author accent_color"><a class="tgme_widget_message_owner_name" href="https://t.me/{channel}">
<span dir="auto">Xóm Trái Cây</span></a></div>{body}
<div class="tgme_widget_message_footer compact js-message_footer"><div class="tgme_widget_message_info short js-message_info">
<span class="tgme_widget_message_views">{views}</span><span class="copyonly"> views</span><span class="tgme_widget_message_meta">{edited}<a
class="tgme_widget_message_date" href="https://t.me/{channel}/{number}"><time datetime="2026-11-2{number}T08:00:00+00:00"
class="time">08:00</time></a></span></div></div></div></div></div>"""
WORDS = '<div class="tgme_widget_message_text js-message_text" dir="auto">{text}</div>'
BODIES = {
    6: """<div class="tgme_widget_message_poll"><div class="tgme_widget_message_poll_question">Bà con đã tiêm chưa?</div>
<div class="tgme_widget_message_poll_type">Anonymous Poll</div><div class="tgme_widget_message_poll_options">
<div class="tgme_widget_message_poll_option"><div class="tgme_widget_message_poll_option_percent">60%</div>
<div class="tgme_widget_message_poll_option_text">Rồi</div></div><div class="tgme_widget_message_poll_option">
<div class="tgme_widget_message_poll_option_percent">40%</div>
<div class="tgme_widget_message_poll_option_text">Chưa</div></div></div></div>""",
    7: """<a class="tgme_widget_message_reply user-color-default" href="https://t.me/xomtraicay_mau/5">
<div class="tgme_widget_message_author accent_color"><span class="tgme_widget_message_author_name" dir="auto">Xóm Trái Cây</span></div>
<div class="tgme_widget_message_text js-message_reply_text" dir="auto">Tin thứ 5 của xóm.</div></a>"""
    + WORDS,
}
