"""Text typed in the Vietnamese fonts of before Unicode, TCVN3 (ABC, .VnTime) and VNI, as Unicode.

Such a page is Windows-1252 to a browser, and Vietnamese only in its font: `tiÕng ViÖt`, `tieáng Vieät`.
TCVN3 is the one-byte table of TCVN 5712:1993 without toned capitals, for which it has a font of capitals.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from operator import itemgetter
from unicodedata import normalize

_TCVN3_LETTERS = (
    "ĂÂÊÔƠƯĐăâêôơưđ......àảãáạ.ằẳẵắ.......ặầẩẫấậè.ẻẽéẹềểễếệìỉ...ĩíịò.ỏõóọồổỗốộờởỡớợù.ủũúụừửữứựỳỷỹýỵ"
)
_TCVN3 = {code: ord(letter) for code, letter in enumerate(_TCVN3_LETTERS, 0xA1) if letter != "."}


def _vni_letters() -> dict[str, str]:
    tones = dict(zip("øùûõï", "\u0300\u0301\u0309\u0303\u0323", strict=True))
    letters = dict(zip("ñóòæîôö", "đĩịỉỵơư", strict=True))
    letters |= {
        typed + mark: vowel + tone
        for typed, vowel in zip("aeouyôö", "aeouyơư", strict=True)
        for mark, tone in tones.items()
    }
    for typed in "aeo":
        letters |= {typed + mark: f"{typed}\u0302{tone}" for mark, tone in zip("âàáåãä", _TONES, strict=True)}
    letters |= {f"a{mark}": f"a\u0306{tone}" for mark, tone in zip("êèéúüë", _TONES, strict=True)}
    letters = {typed: normalize("NFC", letter) for typed, letter in letters.items()}
    capitals = {typed.upper(): letter.upper() for typed, letter in letters.items()}
    return letters | {typed.capitalize(): letter.upper() for typed, letter in letters.items()} | capitals


_TONES = ("", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323")
_VNI = _vni_letters()
_VNI_LETTER = re.compile("[aeouyôö][øùûõïâàáåãäêèéúüë]|[ñóòæîôö]", re.I)
_WORD = re.compile("[A-Za-z\u00a1-\u00ff]+")
_MARK = re.compile("[\u00a1-\u00ff]")
_ASCII_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# What Vietnamese in Unicode is never without, and what these fonts never have: composed or apart.
_UNICODE = re.compile("[ĂăĐđĨĩŨũƠơƯư\u0300-\u0323Ạ-ỹ]")
_LEAST, _SAMPLE = 4, 100
_LOOKED_AT = 100_000
_LONGEST = 7  # nghiêng


def restored(text: str, marks: str) -> str:
    """Return a text typed in a legacy font as Unicode, and any other as it is.

    `marks` is what of `text` is not ASCII; by it nearly every page is known at once for no such text. A text
    is one when, of the different words with its first hundred marks that a table changes, eight in ten are
    Vietnamese syllables by it, and four in ten, and at least four, that were none before.
    """
    # A page in which one character in a thousand is a mark is not one of Vietnamese.
    if _UNICODE.search(marks) or len(_MARK.findall(marks)) < max(_LEAST, len(text) // 1000):
        return text
    words = set(_marked_words(text))
    gain, table = max(((_gain(words, table), table) for table in (_from_tcvn3, _from_vni)), key=itemgetter(0))
    return _WORD.sub(lambda match: table(match.group()), text) if gain else text


def _marked_words(text: str) -> Iterator[str]:
    end = 0
    for mark in islice(_MARK.finditer(text), _SAMPLE):
        if mark.start() >= end:
            before = text[max(end, mark.start() - 8) : mark.start()]
            found = _WORD.match(text, mark.start() - len(before) + len(before.rstrip(_ASCII_LETTERS)))
            if found:
                end = found.end()
                yield found.group()


def syllables(text: str) -> int:
    """Return how many words with a mark at the beginning of `text` are Vietnamese syllables."""
    words = re.findall(r"\w+", normalize("NFC", text[:_LOOKED_AT]))
    return sum(_is_syllable(word) for word in words if not word.isascii())


def _gain(words: set[str], table: Callable[[str], str]) -> int:
    """Return how many syllables a table makes of `words`, 0 where that is too little to believe."""
    changed = [(word, read) for word in words if (read := table(word)) != word]
    after = sum(_is_syllable(read) for _, read in changed)
    gain = after - sum(_is_syllable(word) for word, _ in changed)
    return gain if gain >= max(_LEAST, 0.4 * len(changed)) and after >= 0.8 * len(changed) else 0


def _from_tcvn3(word: str) -> str:
    if word.isascii() or word in {"©", "·"}:  # these are of the page itself; no word is â or ã alone
        return word
    read = word.translate(_TCVN3)
    plain = "".join(letter for letter in word if letter.isascii())
    # A word set in the font of capitals has small letters where they bear a tone.
    return read.upper() if len(plain) > 1 and plain.isupper() else read


def _from_vni(word: str) -> str:
    return _VNI_LETTER.sub(lambda match: _VNI.get(match.group(), match.group()), word)


def _is_syllable(word: str) -> bool:
    if len(word) > _LONGEST:
        return False
    apart = normalize("NFD", word.lower())
    tones = [mark for mark in apart if mark in _TONES]
    bare = normalize("NFC", "".join(mark for mark in apart if mark not in _TONES))
    if bare not in _SYLLABLES or len(tones) > 1:
        return False
    return not bare.endswith(("c", "ch", "p", "t")) or tones in (["\u0301"], ["\u0323"])


_ONSETS = "- b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x"
# What may follow each vowel; the dash is nothing.
_RIMES = {
    **{"a": "- c ch i m n ng nh o p t u y", "ă": "c m n ng p t", "â": "c m n ng p t u y"},
    **{"e": "- c m n ng o p t", "ê": "- ch m n nh p t u", "i": "- a ch m n nh p t u"},
    **{"iê": "c m n ng p t u", "o": "- c i m n ng p t", "oo": "c ng", "oa": "- c ch i m n ng nh o p t y"},
    **{"oă": "c m n ng t", "oe": "- n o t", "ô": "- c i m n ng p t", "ơ": "- i m n p t"},
    **{"u": "- a c i m n ng p t ơ", "uâ": "n ng t y", "uê": "- ch nh", "uô": "c i m n ng t"},
    **{"uy": "- a ch nh t u", "uyê": "n t", "ư": "- a c i m n ng t u", "ươ": "c i m n ng p t u"},
    **{"y": "- ch nh t", "yê": "m n ng t u"},
}
_FRONT = ("e", "ê", "i", "y")


def _spelled(onset: str, rime: str) -> bool:
    if onset in {"c", "g", "ng"}:
        return not rime.startswith(_FRONT) or onset + rime in {"gi"}
    return onset not in {"k", "gh", "ngh"} or rime.startswith(_FRONT)


_SYLLABLES = frozenset(
    (onset + vowel + coda).replace("-", "")
    for onset in _ONSETS.split()
    for vowel, codas in _RIMES.items()
    for coda in codas.split()
    if _spelled(onset, vowel)
)
