"""Writes a text as others would type it: without dấu, in teencode, in capitals, as a chain message."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable

# Common shortenings of chat Vietnamese; each is a whole word. Several choices are drawn from.
_TEEN: dict[str, tuple[str, ...]] = {
    "không": ("k", "ko", "hok", "hông", "hem", "kh"),
    "mọi": ("m",),
    "người": ("ng", "ngừi", "nguoi"),
    "được": ("đc", "dc", "đk"),
    "với": ("vs", "zới"),
    "biết": ("bít", "bik"),
    "gì": ("j", "zì"),
    "vậy": ("v", "z", "dị"),
    "rồi": ("r", "rùi", "ròi"),
    "bây": ("bi",),
    "giờ": ("h", "giừ"),
    "nhưng": ("nhg", "nhưg"),
    "cũng": ("cx", "cũg"),
    "những": ("nhữg", "~"),
    "trong": ("trog", "tr0ng"),
    "nhà": ("nhà", "nhak"),
    "thì": ("thì", "thỳ", "th"),
    "luôn": ("lun",),
    "quá": ("wá", "qá"),
    "tôi": ("t", "tui", "toi"),
    "mình": ("mk", "mìn"),
    "em": ("e",),
    "anh": ("a",),
    "chị": ("c",),
    "bạn": ("b", "pạn"),
    "bệnh": ("bịnh", "bệh"),
    "viện": ("v",),
    "nói": ("ns", "nóa"),
    "thế": ("thek", "tek"),
    "này": ("nà", "nè"),
    "cho": ("ch0", "cko"),
    "covid": ("cô vy", "cô vít", "covit", "co vid", "c0vid"),
    "corona": ("cô rô na", "colona", "c0rona"),
    "vaccine": ("vacxin", "vx", "vắc xin", "vắc-xin"),
    "virus": ("vi rút", "vi-rút", "virut"),
}
_HEADS = (
    "KHẨN!!! ", "TIN NÓNG 🔥 ", "🚨🚨 ", "Copy từ bên kia: ", "Nóng: ", "Mọi người đọc đi ạ. ", "Fwd: ",
    "Chia sẻ: ", "‼️‼️ ", "Bà con ơi, ",
)  # fmt: skip
_TAILS = (
    " 🙏🙏", "\nShare giúp mình nhé", " <URL>", " (st)", " 😢😢", "\nAi có người thân thì báo nhé",
    " !!!!", " ...",
)  # fmt: skip
_LOOKALIKES = str.maketrans({"o": "0", "i": "1", "a": "@", "e": "3", "O": "0", "I": "1"})

Change = Callable[[str, random.Random], str]


def strip_marks(text: str, chance: random.Random | None = None) -> str:
    """Return `text` without dấu and with d for đ; case and all else stay."""
    plain = text.replace("đ", "d").replace("Đ", "D")
    return "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))


def teencode(text: str, chance: random.Random) -> str:
    """Return `text` with half of the words that chat shortens written so, and end marks dropped."""

    def swap(found: re.Match[str]) -> str:
        word = found.group()
        choices = _TEEN.get(word.lower())
        return chance.choice(choices) if choices and chance.random() < 0.6 else word

    return re.sub(r"\w+", swap, text.lower() if chance.random() < 0.7 else text)


def recase(text: str, chance: random.Random) -> str:
    """Return `text` in capitals, in small letters, or with its first line in capitals."""
    how = chance.randrange(3)
    if how == 0:
        return text.upper()
    if how == 1:
        return text.lower()
    head, dot, rest = text.partition(". ")
    return head.upper() + dot + rest


def chain(text: str, chance: random.Random) -> str:
    """Return `text` with what chain messages put before and after it. Said of harmful and of harmless texts
    alike, so that the noise itself tells nothing."""
    head = chance.choice(_HEADS) if chance.random() < 0.7 else ""
    return head + text + (chance.choice(_TAILS) if chance.random() < 0.7 else "")


def mistype(text: str, chance: random.Random) -> str:
    """Return `text` with some words whose letters are swapped, dropped or look-alikes."""

    def change(word: str) -> str:
        if len(word) < 3 or chance.random() > 0.12:
            return word
        at = chance.randrange(len(word) - 1)
        how = chance.randrange(3)
        if how == 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return word[:at] + word[at + 1 :] if how == 1 else word.translate(_LOOKALIKES)

    return " ".join(change(word) for word in text.split(" "))


CHANGES: tuple[Change, ...] = (strip_marks, teencode, recase, chain, mistype)


def disturbed(text: str, chance: random.Random, share: float = 0.5) -> str:
    """Return `text`, with probability `share` changed in one way or, rarely, two; never empty."""
    if chance.random() >= share:
        return text
    weights = (0.4, 0.2, 0.1, 0.15, 0.15)
    changed = chance.choices(CHANGES, weights)[0](text, chance)
    if chance.random() < 0.15:
        changed = chance.choices(CHANGES, weights)[0](changed, chance)
    return changed if changed.strip() else text
