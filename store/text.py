"""Vietnamese text in one form: normalised for keeping, folded for comparing."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Control, format and private-use characters carry no words; tab and newline are kept.
# U+200D and U+FE0F stay: emoji are built with them.
_DROPPED = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\ufffe\uffff"
)
# Between two letters these show nothing; elsewhere they shape an emoji, or a letter of another script.
_UNSEEN = (
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200d\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e01ef"
)
# Letters in another dress: script, double-struck, in brackets, circled, full-width, mathematical, in squares.
# No other compatibility character is touched: ½, ², ™ and ① say what their plain forms do not.
_DRESSED = (
    "\u2102\u210a-\u2113\u2115\u2119-\u211d\u2124\u2128\u212c\u212d\u212f-\u2131\u2133\u2134\u249c-\u24e9\uff01-\uff5e"
    "\U0001d400-\U0001d7ff\U0001f110-\U0001f129\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189"
)
_EMOJI = frozenset("🅰🅱🅾🅿Ⓜ")  # unless other such letters stand beside them
_SMALL_CAPITALS = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"
_GREEK_AND_CYRILLIC = "\u0370-\u03ff\u0400-\u052f"
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ"
_MARKS = "\u0300-\u034e\u0350-\u036f"

# Ordinary text holds none of these: one search says that it has only spaces and line ends to put in order.
_RARE = re.compile(f"[{_DROPPED}{_UNSEEN}{_DRESSED}{_SMALL_CAPITALS}{_GREEK_AND_CYRILLIC}]")
_DROP = re.compile(f"[{_DROPPED}]")
_DRESSED_RUN = re.compile(f"[{_DRESSED}]+")
_LETTERS = f"{_LATIN}{_SMALL_CAPITALS}{_GREEK_AND_CYRILLIC}"
_UNSEEN_WITHIN = re.compile(f"(?<=[{_LETTERS}{_MARKS}])[{_UNSEEN}]+(?=[{_LETTERS}])")
_FOREIGN = re.compile(f"[{_SMALL_CAPITALS}{_GREEK_AND_CYRILLIC}]")
_MARKED_WORD = re.compile(f"[\\w{_MARKS}]+")
# A host is named letter by letter: one of another alphabet is how a false one looks like the true one.
_HOST = re.compile(
    f"(?<![\\w{_MARKS}.-])(?:[\\w{_MARKS}-]+\\.)+"
    "(?:vn|com|net|org|info|top|xyz|site|online|shop|vip|club|cc|me|io|app|link|live|asia)\\b"
)
_LATIN_LETTER = re.compile(f"[{_LATIN}{_SMALL_CAPITALS}]")
_OTHER_LETTER = re.compile(f"[^\\W\\d_{_LATIN}]")
_SMALL_GREEK = re.compile("[α-ω]")
# The letters of Unicode's confusables (UTS #39) that people read as Latin ones; к, м, т, в, н by their shape.
_ALIKE = str.maketrans(
    "аеорсухіјѕԁԛԝһӏѵгкмтвн" + "АВЕКМНОРСТХУІЈЅԌҮԚԜЬ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ" + "αγικνορτυϲϳ" + _SMALL_CAPITALS,
    "aeopcyxijsdqwhlvrkmtbh" + "ABEKMHOPCTXYIJSGYQWb" + "ABEZHIKMNOPTYXC" + "ayikvoptucj"
    + "abcdefghijklmnoprstuvwyz",
)  # fmt: skip
_SPACES = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_BLANK_LINES = re.compile(r"\n{3,}")
_WORD = re.compile(r"\w+")
# What XML 1.0 knows no sign for (section 2.2, Char): a feed, drawing or paper that holds one does not open.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def normalise(text: str) -> str:
    """Return `text` in NFC with plain line ends, no control or bidirectional marks, no trailing blanks.

    What only looks like a Latin letter becomes one (full-width, mathematical, circled; a Cyrillic or Greek
    letter in a word that is otherwise Latin, but not in the name of a host), so that words are scored and
    found as people read them.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = unicodedata.normalize("NFC", text) if _RARE.search(text) is None else _as_read(text)
    text = "\n".join(_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip()


def writable(text: str) -> str:
    """Return a text as XML may hold it, not yet escaped: U+FFFD stands for what it cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _as_read(text: str) -> str:
    text = _DRESSED_RUN.sub(_undressed, _DROP.sub("", text))
    text = _UNSEEN_WITHIN.sub("", unicodedata.normalize("NFC", text))
    if not _FOREIGN.search(text):
        return text
    hosts = _HOST.findall(text)
    between = [_MARKED_WORD.sub(_latin, part) for part in _HOST.split(text)]
    woven = [part for pair in zip(between, [*hosts, ""], strict=True) for part in pair]
    return unicodedata.normalize("NFC", "".join(woven))


class _Undressed(dict[int, str]):
    """The plain letter of each dressed one; worked out when it first comes."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKC", chr(code))
        for first in (0x1F150, 0x1F170):  # white on black, for which Unicode has no plain form
            if first <= code < first + 26:
                plain = chr(ord("A") + code - first)
        self[code] = plain = plain[1:-1] if len(plain) == 3 else plain  # without its brackets
        return plain


def _undressed(run: re.Match[str]) -> str:
    letters = run.group()
    return letters if _EMOJI.issuperset(letters) else letters.translate(_UNDRESSED)


def _latin(found: re.Match[str]) -> str:
    word = found.group()
    apart = unicodedata.normalize("NFD", word)
    plain = apart.translate(_ALIKE)
    latin = "".join(_LATIN_LETTER.findall(apart))
    # A word all in another alphabet, or with a letter that no Latin word has, is foreign and stays.
    if not latin or _OTHER_LETTER.search(plain):
        return word
    # Among capitals a small Greek letter is a symbol: TNFα, NFκB.
    return word if latin.isupper() and _SMALL_GREEK.search(apart) else plain


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


_PLAIN, _ALIGNED, _UNDRESSED = _Plain(), _Aligned(), _Undressed()


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
