"""Reads the preview pages of public Telegram channels, `t.me/s/CHANNEL`.

Their markup is that of Telegram's post widget (https://core.telegram.org/widgets/post), which no
documentation describes. Tested against a local server that answers so, not against the live service.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from lxml import html

from crawlers.canonical import canonical_url
from crawlers.reading.dates import moment
from crawlers.reading.markup import tree_of, visible, xpath
from crawlers.reading.page import Item, Raw, Reading, Unreadable
from store.text import normalise
from store.vocabulary import PostKind

_HOSTS = frozenset({"t.me", "www.t.me", "telegram.me", "telegram.dog"})
_NOT_CHANNELS = frozenset(
    {"joinchat", "addstickers", "addemoji", "addlist", "addtheme", "share", "proxy", "socks", "setlanguage"}
    | {"login", "confirmphone", "invoice", "boost", "contact", "giftcode"}
)
_NAME = "[A-Za-z][A-Za-z0-9_]{3,31}"
_HANDLE = re.compile(f"@({_NAME})")
_PREVIEW = re.compile(rf"/s/{_NAME}(?:/\d+)?/?")
_CHANNEL = re.compile(rf"/({_NAME})(?:/\d+)?/?")
_PLACE = re.compile(rf"({_NAME})/(\d+)")
_MESSAGE_LINK = re.compile(rf"https?://[^/?#]+/({_NAME})/(\d+)(?:[?#].*)?")
_OLDER_LINK = re.compile(rf"https?://[^/?#]+(/s/{_NAME})\?before=(\d+)")
_IMAGE = re.compile(r"""background-image:\s*url\(["']?(https?://[^"')]+)""")
_COUNT = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([KMB]?)")
_TIMES = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}


def _with_class(name: str) -> str:
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


_REPLY = f"*[{_with_class('tgme_widget_message_reply')}]"
_TEXT = f"*[{_with_class('tgme_widget_message_text')}]"
_FIND_MESSAGES = xpath(f"//*[@data-post and {_with_class('tgme_widget_message')}]")
_FIND_HISTORY = xpath(f"//*[{_with_class('tgme_channel_history')}]")
_FIND_OLDER = xpath(
    f"//link[@rel='prev']/@href | //a[@data-before and {_with_class('tme_messages_more')}]/@href"
)
_FIND_BODIES = xpath(f".//{_TEXT}[not(ancestor::{_TEXT} or ancestor::{_REPLY})]")
_FIND_POLL = xpath(
    f".//*[{_with_class('tgme_widget_message_poll_question')} or"
    f" {_with_class('tgme_widget_message_poll_option_text')}]"
)
_FIND_QUOTES = xpath(".//blockquote[not(ancestor::blockquote)]")
_FIND_REPLIED = xpath(f".//{_REPLY}//{_TEXT}")
_FIND_REPLY_LINK = xpath(f".//{_REPLY}/@href")
_FIND_FORWARD_LINK = xpath(f".//a[{_with_class('tgme_widget_message_forwarded_from_name')}]/@href")
_FIND_AUTHOR = xpath(f".//*[{_with_class('tgme_widget_message_from_author')}]")
_FIND_OWNER = xpath(f".//*[{_with_class('tgme_widget_message_owner_name')}]")
_FIND_TIME = xpath(".//time/@datetime")
_FIND_VIEWS = xpath(f".//*[{_with_class('tgme_widget_message_views')}]")
# The words beside the time, without the signature that stands among them.
_FIND_META = xpath(f".//*[{_with_class('tgme_widget_message_meta')}]/text()")
_FIND_LINKS = xpath(".//a/@href")
_FIND_PHOTOS = xpath(f".//*[{_with_class('tgme_widget_message_photo_wrap')}]/@style")
_FIND_FILES = xpath(".//video/@src | .//audio/@src")


def address(url: str) -> str:
    """Return the preview page of a channel; raises `ValueError`, in Vietnamese, when `url` names none."""
    known = url.strip()
    if handle := _HANDLE.fullmatch(known):
        known = f"https://t.me/{handle[1]}"
    elif known.partition("/")[0] in _HOSTS:
        known = f"https://{known}"
    wrong = "phải là kênh Telegram công khai: https://t.me/tenkenh hoặc @tenkenh"
    try:
        canonical = canonical_url(known)
    except ValueError as error:
        raise ValueError(wrong) from error
    parts = urlsplit(canonical)
    if _PREVIEW.fullmatch(parts.path):
        return canonical
    channel = _CHANNEL.fullmatch(parts.path)
    if parts.hostname not in _HOSTS or channel is None or channel[1].lower() in _NOT_CHANNELS:
        raise ValueError(wrong)
    return f"https://t.me/s/{channel[1]}"


def read_telegram(raw: Raw) -> Reading:
    """Return the messages on a preview page; raises `Unreadable` when the channel has none."""
    root = tree_of(raw)
    messages = _FIND_MESSAGES(root)
    if not messages and not _FIND_HISTORY(root):
        raise Unreadable("kênh Telegram không có trang xem trước công khai: riêng tư, đã đóng, hoặc không có")
    parts = urlsplit(raw.url)
    site = f"{parts.scheme}://{parts.netloc}"
    older = next((link for href in _FIND_OLDER(root) if (link := _OLDER_LINK.fullmatch(href))), None)
    return Reading(
        tuple(item for message in messages if (item := _item(message, site))),
        older=canonical_url(f"{site}{older[1]}?before={older[2]}") if older else None,
    )


def _item(message: html.HtmlElement, site: str) -> Item | None:
    place = _PLACE.fullmatch(message.get("data-post"))
    if place is None or "service_message" in message.get("class").split():
        return None
    channel, number = place.groups()
    bodies = _FIND_BODIES(message)
    quotes = [visible(said) for said in _FIND_REPLIED(message)]
    quotes += [_taken_out(quote) for body in bodies for quote in _FIND_QUOTES(body)]
    links = [href for body in bodies for href in _FIND_LINKS(body) if _leads_away(href, site)]
    forwarded, reply = _message_link(_FIND_FORWARD_LINK(message)), _message_link(_FIND_REPLY_LINK(message))
    facts: dict[str, Any] = {
        "links": list(dict.fromkeys(links)),
        "media": [image[1] for style in _FIND_PHOTOS(message) if (image := _IMAGE.search(style))]
        + _FIND_FILES(message),
        "views": _count(_FIND_VIEWS(message)),
        "edited": any("edited" in words for words in _FIND_META(message)),
        "forwarded_from": forwarded[1] if forwarded else None,
    }
    return Item(
        url=canonical_url(f"{site}/{channel}/{number}"),
        anchor="",
        title="",
        text=normalise("\n".join(visible(part) for part in (*bodies, *_FIND_POLL(message)))),
        handle=_name(_FIND_AUTHOR(message)) or _name(_FIND_OWNER(message)),
        published=next((moment(time) for time in _FIND_TIME(message)), None),
        quotes=tuple(said for quote in quotes if (said := normalise(quote))),
        kind=PostKind.SOCIAL,
        parent=canonical_url(f"{site}/{reply[1]}/{reply[2]}") if reply else None,
        again=canonical_url(f"{site}/s/{channel}/{number}"),
        facts={name: value for name, value in facts.items() if value},
    )


def _taken_out(quote: html.HtmlElement) -> str:
    said = visible(quote)
    quote.tail = f"\n{quote.tail or ''}"
    quote.drop_tree()
    return said


def _leads_away(href: str, site: str) -> bool:
    """Say whether a link leads out of the preview, where a hashtag only searches in it."""
    return href.startswith(("http://", "https://")) and not href.startswith(f"{site}/s/")


def _message_link(hrefs: list[str]) -> re.Match[str] | None:
    return next((link for href in hrefs if (link := _MESSAGE_LINK.fullmatch(href))), None)


def _name(elements: list[html.HtmlElement]) -> str | None:
    return normalise(visible(elements[0])) or None if elements else None


def _count(elements: list[html.HtmlElement]) -> int | None:
    """Return a number that is shown as `987`, `1.2K` or `3M`."""
    shown = _COUNT.fullmatch(visible(elements[0])) if elements else None
    return round(float(shown[1]) * _TIMES[shown[2]]) if shown else None
