"""From bytes to text, whatever the page says of its own encoding."""

from __future__ import annotations

import codecs
import re

from w3lib.encoding import resolve_encoding

from crawlers.reading.legacy import restored, syllables
from crawlers.reading.page import LARGEST, Unreadable

_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([a-zA-Z0-9_-]{2,40})""", re.I)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII = bytes(range(128))
_LOOKED_AT = 4096


def decode(body: bytes, charset: str | None = None) -> str:
    """Return a page as text; `charset` is the server's word. Raises `Unreadable` where it is too long.

    What the bytes themselves show comes first: a byte order mark, the zeros of UTF-16, valid UTF-8. What the
    server, then the page, says is believed of the rest, save that Vietnamese declared as Western is read as
    Windows-1258. Text in a Vietnamese font of before Unicode comes out as Unicode.
    """
    if len(body) > LARGEST:
        raise Unreadable(f"trang dài {len(body)} byte, quá {LARGEST}")
    return _NOT_XML.sub("", _decoded(body, charset))


def _decoded(body: bytes, charset: str | None) -> str:
    if wide := _wide(body):
        return body.decode(wide, "replace")
    high = body.translate(None, _ASCII)
    try:
        return restored(body.decode("utf-8-sig"), high.decode("utf-8"))
    except UnicodeDecodeError:
        text = body.decode("utf-8-sig", "replace")
    # Cut within a letter, or put together from several sources, UTF-8 is still UTF-8.
    return text if text.count("\ufffd") * 10 < len(high) else _single(body, high, _declared(body, charset))


def _wide(body: bytes) -> str | None:
    for mark, name in _MARKS:
        if body.startswith(mark):
            return name
    opening = body[:_LOOKED_AT]
    first, second = opening[0::2].count(0), opening[1::2].count(0)
    if (
        len(opening) < 8
        or len(opening) > 5 * max(first, second)
        or 8 * min(first, second) > max(first, second)
    ):
        return None
    return "utf-16-le" if second > first else "utf-16-be"


def _declared(body: bytes, charset: str | None) -> list[str]:
    meta = _META_CHARSET.search(body[:_LOOKED_AT])
    labels = (charset, meta.group(1).decode("ascii") if meta else None)
    names = [name for label in labels if label and (name := resolve_encoding(label))]
    return [name for name in names if not name.startswith("utf") and "escape" not in name]


def _single(body: bytes, high: bytes, declared: list[str]) -> str:
    for name in declared:
        try:
            if name not in {"cp1252", "cp1258"}:
                return body.decode(name)
        except (LookupError, ValueError):
            continue
    western = body.decode("cp1252", "replace")
    if (read := restored(western, high.decode("cp1252", "replace"))) != western:
        return read
    vietnamese = body.decode("cp1258", "replace")
    is_vietnamese = declared[:1] == ["cp1258"] or syllables(vietnamese) > syllables(western)
    return vietnamese if is_vietnamese else western
