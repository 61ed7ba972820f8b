"""Vietnamese text in one form: normalised for keeping, folded for comparing."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Control, format and private-use characters carry no words; tab and newline are kept.
# U+200D and U+FE0F stay: emoji are built with them.
_DROPPED = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_WORD = re.compile(r"\w+")


def normalise(text: str) -> str:
    """Return `text` in NFC with plain line ends, no control or bidirectional marks, no trailing blanks."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = unicodedata.normalize("NFC", _DROPPED.sub("", text))
    text = "\n".join(_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip()


class _Plain(dict[int, str]):
    """What each character is without case and diacritics; worked out when it first comes."""

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFD", chr(code).lower())
        plain = "".join(c for c in parts if not unicodedata.combining(c)).replace("đ", "d")
        self[code] = plain
        return plain


class _Aligned(dict[int, str]):
    def __missing__(self, code: int) -> str:
        plain = fold(chr(code))
        self[code] = plain = plain if len(plain) == 1 else chr(code)
        return plain


_PLAIN, _ALIGNED = _Plain(), _Aligned()


def fold(text: str) -> str:
    """Return `text` lower case and without diacritics, `đ` as `d`: the form in which copies are compared."""
    return unicodedata.normalize("NFC", text.lower().translate(_PLAIN))


def fold_aligned(text: str) -> str:
    """Return NFC `text` folded character by character, each in its place; what has no such fold stays."""
    return text.translate(_ALIGNED)


# oà, oè, uỳ at the end of a syllable may carry the tone on either vowel; `qu` is a consonant.
_TONE = re.compile(r"(?<![qQ])([ou])([àáảãạèéẻẽẹỳýỷỹỵ])(?!\w)")
_ON_FIRST = {"oa": "òóỏõọ", "oe": "òóỏõọ", "uy": "ùúủũụ"}
_ON_SECOND = {"a": "àáảãạ", "e": "èéẻẽẹ", "y": "ỳýỷỹỵ"}


def place_tones(lowered: str) -> str:
    """Return lower-case NFC text with the tone of oa, oe, uy on the first vowel: `hoà` as `hòa`."""
    return _TONE.sub(_on_first, lowered)


def _on_first(match: re.Match[str]) -> str:
    first, toned = match.groups()
    for plain, row in _ON_SECOND.items():
        if toned in row and first + plain in _ON_FIRST:
            return _ON_FIRST[first + plain][row.index(toned)] + plain
    return match.group()


def words(text: str) -> list[str]:
    """Return the folded words of `text`, in order."""
    return _WORD.findall(fold(text))


def content_hash(text: str) -> str:
    """Return the SHA-256 (hex) of normalised `text`; equal hashes are exact copies."""
    return hashlib.sha256(normalise(text).encode()).hexdigest()
