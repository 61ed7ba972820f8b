"""Texts as they might also have been typed: the same words, so the labels stay. Pure and without chance.

Apart from what training changes on purpose: a model is not to be measured by the very tricks it practised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from store.text import normalise

_POINTS = re.compile(r"[^\w\s]|_")


def without_marks(text: str) -> str:
    """Return NFC `text` without diacritics, `đ` as `d`; case, points and all else stay."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", plain.replace("đ", "d").replace("Đ", "D"))


def upper(text: str) -> str:
    """Return `text` in capitals."""
    return text.upper()


def lower(text: str) -> str:
    """Return `text` in small letters."""
    return text.lower()


def without_points(text: str) -> str:
    """Return `text` with letters, digits and spaces only; a text of nothing else stays as it is."""
    return normalise(_POINTS.sub(" ", text)) or text


# By the name under which figures are kept, what is shown, and the change.
CHANGES: dict[str, tuple[str, Callable[[str], str]]] = {
    "without_marks": ("bỏ hết dấu", without_marks),
    "upper": ("viết hoa hết", upper),
    "lower": ("viết thường hết", lower),
    "without_points": ("bỏ hết dấu câu và ký hiệu", without_points),
}
