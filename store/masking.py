"""Takes what reaches a person out of a text: phone numbers, accounts, e-mail addresses, handles, profiles.

The tags are those of the labelled posts that models are trained on. Names and street addresses cannot be told
from other words by rules; they stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from store.text import fold_aligned

PHONE, ACCOUNT, EMAIL, HANDLE = "<PHONE>", "<ACCOUNT>", "<EMAIL>", "<USER>"

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
# The address of a page that is somebody's own, or may be.
_PROFILE = re.compile(
    r"(\b(?:facebook|fb|zalo|tiktok|twitter|x|instagram|threads|youtube|t)\.(?:com|me|net|vn))/[^\s<>\"')\]]+",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\.(?:com|me|net|vn)/", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@.])@\w[\w.]{1,63}")
# After a word that announces one, six digits are an account or an identity card.
_ANNOUNCED = re.compile(
    r"(?:(?<![^\W\d_])(?:stk|tk|ck|cccd|cmnd)(?![^\W\d_])|tai khoan|chuyen khoan|can cuoc|chung minh)"
    r"[^\d\n]{0,40}?(?P<run>(?<!\d)\d(?:[ .-]?\d){5,29}(?!\d))"
)
_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:[. ]\d{3})+|[1-9]\d*")
_UNIT = re.compile(r" ?(?:d|dong|vnd|usd|do|k|nghin|ngan|tr|trieu|ty|ti|nguoi|ca|lieu|dan)\b|[đ₫$]")
# Most texts have no six digits close together: they need no closer look.
_SIX_DIGITS = re.compile(r"\d(?:\D{0,4}\d){5}")
# The first that fits at a place counts; what only looks like a number of a person comes before it and stays.
_NUMBERS = re.compile(
    r"(?<![\d<])(?:"
    r"(?P<kept>\d{1,2}/\d{1,2}(?:/\d{2,4})?(?!\d)"
    r"|(?:[0-2]?\d|3[01])[.-](?:0?\d|1[0-2])[.-](?:\d{4}|\d{2})(?![.-]?\d)"
    r"|\d{4}-\d{1,2}-\d{1,2}(?![.-]?\d)"
    r"|(?:19|20)\d\d ?[- ] ?(?:19|20)\d\d(?![.-]?\d)"
    r"|[1-9]\d?(?:\.\d{3}){1,2}(?![ .]?\d))"
    r"|(?P<phone>\(?(?:\+?84|0)(?:\(0\))?(?:[ .()-]{0,2}\d){8,10}(?!\d)|1[89]00(?:[ .-]?\d){4,6}(?!\d))"
    r"|(?P<long>\d(?:[ .-]?\d){7,39}(?!\d)))"
)


def mask(text: str) -> str:
    """Return NFC `text` with tags for what reaches a person. Masking again changes nothing.

    Numbers of eight digits and more are masked unless they are a date or an amount with its unit.
    """
    while (left := _once(text)) != text:
        text = left
    return text


def _once(text: str) -> str:
    if "@" in text:
        text = _HANDLE.sub(HANDLE, _EMAIL.sub(EMAIL, text))
    if _PLACE.search(text):
        text = _PROFILE.sub(rf"\1/{HANDLE}", text)
    return _masked(_masked(text, _ANNOUNCED), _NUMBERS) if _SIX_DIGITS.search(text) else text


def reaching(text: str) -> list[tuple[int, int, str]]:
    """Return what `mask` would take out of NFC `text`: start, end and tag of each piece, in order, apart."""
    found = [(*match.span(), EMAIL) for match in _EMAIL.finditer(text)]
    found += [(match.end(1) + 1, match.end(), HANDLE) for match in _PROFILE.finditer(text)]
    found += [(*match.span(), HANDLE) for match in _HANDLE.finditer(text)]
    if _SIX_DIGITS.search(text):
        found += [*_numbers(text, _ANNOUNCED), *_numbers(text, _NUMBERS)]
    apart: list[tuple[int, int, str]] = []
    for piece in sorted(found, key=lambda one: (one[0], -one[1])):
        if not apart or piece[0] >= apart[-1][1]:
            apart.append(piece)
    return apart


def _masked(text: str, pattern: re.Pattern[str]) -> str:
    pieces, at = [], 0
    for start, end, tag in _numbers(text, pattern):
        pieces += [text[at:start], tag]
        at = end
    return "".join([*pieces, text[at:]])


def _numbers(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    folded = fold_aligned(text)
    for found in pattern.finditer(folded):
        groups = found.groupdict()
        group = next(name for name, value in groups.items() if value is not None)
        start, end = found.span(group)
        counted = _AMOUNT.fullmatch(groups[group]) and _UNIT.match(folded, end)
        if group != "kept" and not counted:
            yield start, end, PHONE if group == "phone" else ACCOUNT
