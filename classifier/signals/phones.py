"""Vietnamese phone numbers in folded text, however spaced or disguised; never dates, sums or documents.

Numbering: mobile 03, 05, 07, 08, 09 with ten digits; 012, 016, 018, 019 with eleven (until 2018); landlines
02 with eleven; 1800 and 1900 with eight or ten; 84 in place of the first 0 (numbering plan of Circular
22/2014/TT-BTTTT, with the changes of 2017 and 2018).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from classifier.signals.data import official_numbers

_S: Final = (
    r"[ .,\-–—_()•·*]{0,3}"  # what people put between digits; no digit is among it, so nothing backtracks
)
_D: Final = r"[0-9oil]"
# The first character is looked for alone, which is fast; what may follow depends on it.
_NUMBER = re.compile(
    rf"[0o+81](?<![0-9].)(?:"
    rf"(?<=[0o]){_S}[35789](?:{_S}{_D}){{8}}"  # mobile
    rf"|(?<=0){_S}(?:2(?:{_S}{_D}){{9}}|1{_S}[2689](?:{_S}{_D}){{8}}|6{_S}9(?:{_S}{_D}){{7}})"  # landline
    rf"|(?:(?<=\+)|(?<=0)0{_S})84{_S}0?{_S}(?:[35789](?:{_S}{_D}){{8}}|2(?:{_S}{_D}){{9}})"
    rf"|(?<=8)4{_S}[35789](?:{_S}{_D}){{8}}"
    rf"|(?<=1)[89]00(?:{_S}\d){{4}}(?:{_S}\d{_S}\d)?"
    rf")(?![0-9])"
)
# "không chín không ..." or "0 chín 8 bảy ...": ten or eleven digits, some of them words.
_WORDS: Final = {
    "khong": "0", "mot": "1", "hai": "2", "bay": "7", "ba": "3", "bon": "4", "tu": "4", "nam": "5",
    "lam": "5", "sau": "6", "tam": "8", "chin": "9",
}  # fmt: skip
_SPOKEN_DIGIT = re.compile(rf"{'|'.join(_WORDS)}|\d")
_SPOKEN = re.compile(
    r"[k0](?<!\w.)(?:(?<=k)hong|(?<=0))[ .,-]{0,3}(?:hai|bay|ba|nam|tam|chin|[235789])"
    rf"(?:[ .,-]{{0,3}}(?:{_SPOKEN_DIGIT.pattern})){{8,9}}(?![a-z0-9])"
)
# ⓪①, 0️⃣, ２: digits in another dress. Only text that has some is translated.
_DRESSED = re.compile("[^\\D0-9]|[⓪①-⑨⑴-⑼⒈-⒐❶-❾➀-➈➊-➒\u20e3]")

_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d|0?\d[./-](?:19|20)\d\d(?![0-9])")
_TIMES = re.compile(r"\d\d[.h]\d\d ?[-–] ?\d\d[.h]\d\d")
_DECIMALS = re.compile(r"0[.,]\d\D{1,3}0[.,]\d")
_YEARS = re.compile(r"1[89]00 ?[-–—] ?(?:1[5-9]|20)\d\d")
_OTHER: Final = (_DATE, _TIMES, _DECIMALS, _YEARS)
_MONEY_AFTER = re.compile(r" ?(?:d|dong|vnd|usd|trieu|nghin|ngan(?! hang)|ty|k|%)(?![a-z0-9])")
_MORE_AFTER = re.compile(r"[.,:]\d{1,3}(?!\d)|/(?:[a-z]{1,6}-|qd|nd|tb|kh|cv|bc|tt|gp|hd|20\d\d)")
_DOCUMENT_BEFORE = re.compile(
    r"\b(?:mst|ma so thue|cmnd|cmt|cmtnd|cccd|can cuoc|ho chieu|giay phep|gpkd|gplx|dkkd|gcn|sdk|dang ky so"
    r"|so dang ky|van don|ma don hang|don hang so|ma don|ma so|ma the|ma ho so|imei|serial|seri|so lo|isbn"
    r"|stk|so tk|so tai khoan|so the|bhyt|bhxh|bien so|nam|thap nien)[^\w\n]{0,3}(?:so)?[^\w\n]{0,3}$"
)
_ADDRESS_BEFORE = re.compile(r"\.[a-z]{2,}/\S*$")
_CONTACT_ADDRESS = re.compile(r"(?:zalo|wa)\.me/$")
_SHORT = re.compile(r"\b(?:goi|so|nong|dai|hotline|bao|qua|den) (?:so |ngay |den )?(1022|11[1-5])(?![0-9.,])")
_AS_DIGIT: Final = {"o": "0", "i": "1", "l": "1"}


@dataclass(frozen=True)
class Phone:
    """A number in a text: its digits as dialled inside the country, and where it stands."""

    digits: str
    start: int
    end: int

    @property
    def official(self) -> bool:
        """Whether a public body answers it."""
        known = official_numbers()
        return self.digits in known.whole or self.digits.startswith(known.prefixes)


def find(text: str) -> Iterator[Phone]:
    """Yield the phone numbers of a folded text with plain digits, in order; those told in words come last."""
    at = 0
    while (match := _NUMBER.search(text, at)) is not None:
        start, end = match.span()
        if _is_number(match.group(), text, start, end):
            yield Phone(_dialled(match.group()), start, end)
            at = end
        else:
            at = start + 1
    for match in _SPOKEN.finditer(text):
        said = match.group()
        digits = "".join(_WORDS.get(word, word) for word in _SPOKEN_DIGIT.findall(said))
        if any(c.isalpha() for c in said) and _is_dialled(digits := digits[: _length(digits)]):
            yield Phone(digits, *match.span())


def short_official(folded: str) -> str | None:
    """Return an emergency number that the text says to call."""
    match = _SHORT.search(folded) if "11" in folded or "1022" in folded else None
    return match.group(1) if match and match.group(1) in official_numbers().short else None


def plain_digits(folded: str) -> str:
    """Return the text with digits in another dress as plain ones; the same object when there are none."""
    return folded.translate(_DIGITS) if not folded.isascii() and _DRESSED.search(folded) else folded


class _Digits(dict[int, str | None]):
    """The plain digit of each dressed one, worked out when it first comes; joiners of emoji go."""

    def __missing__(self, code: int) -> str | None:
        value = unicodedata.digit(chr(code), None)
        self[code] = plain = chr(code) if value is None else str(value)
        return plain


_DIGITS = _Digits(dict.fromkeys(map(ord, "\u200d\ufe0f\u20e3")))


def _is_number(said: str, text: str, start: int, end: int) -> bool:
    """Say whether what has the form of a number is one by what it holds and what stands beside it."""
    if _is_word(said, text, start, end) or any(other.match(said) for other in _OTHER):
        return False
    if _MORE_AFTER.match(text, end) or (said[0] != "0" and _MONEY_AFTER.match(text, end)):
        return False
    before = text[max(0, start - 60) : start]
    if _DOCUMENT_BEFORE.search(before[-26:]):
        return False
    return _ADDRESS_BEFORE.search(before) is None or _CONTACT_ADDRESS.search(before) is not None


def _is_word(said: str, text: str, start: int, end: int) -> bool:
    """Say whether letters that may stand for digits are those of a word: "098765432 lo"."""
    if said[0] == "o" and text[start - 1 : start].isalpha():
        return True
    return sum(c.isdigit() for c in said) < 7 or (said[-1] in _AS_DIGIT and text[end : end + 1].isalpha())


def _dialled(said: str) -> str:
    digits = "".join(_AS_DIGIT.get(c, c) for c in said if c.isdigit() or c in _AS_DIGIT)
    if digits.startswith("84") or digits.startswith("0084"):
        return f"0{digits[digits.index('84') + 2 :].removeprefix('0')}"
    # "1900 9095 24/7": the eight digits of a known line, not ten.
    return digits[:8] if digits[0] == "1" and digits[:8] in official_numbers().whole else digits


def _length(digits: str) -> int:
    return 11 if digits.startswith("02") else 10


def _is_dialled(digits: str) -> bool:
    return len(digits) == _length(digits) and digits[:2] in ("02", "03", "05", "07", "08", "09")
