"""What a text goes through before its tokeniser, with the place of each character kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import models

Ints = NDArray[np.int64]
# A text as the tokeniser is given it, and for each of its characters the one it stands for in the text.
Segment = Callable[[str], tuple[str, Ints]]


def segmenter(name: str) -> Segment:
    """Return what segments texts: "" leaves them, "underthesea" joins the syllables of a word by `_`, as
    PhoBERT was trained on. Raises `models.DataError`."""
    if not name:
        return _plain
    if name != "underthesea":
        raise models.DataError(f"Không có cách tách từ {name!r}: chỉ có underthesea, hoặc để trống.")
    try:
        from underthesea import word_tokenize
    except ImportError as error:
        raise models.DataError("Thiếu underthesea để tách từ: pip install 'kiemtin[train]'") from error
    return lambda text: placed(text, word_tokenize(text))


def placed(text: str, words: list[str]) -> tuple[str, Ints]:
    """Join words by spaces and the syllables of a word by `_`, and find each character in `text`.

    The words must be those of the text in order; where a segmenter lost or added letters, the text itself is
    returned.
    """
    visible = [i for i, c in enumerate(text) if not c.isspace()]
    joined = " ".join("_".join(word.split()) for word in words)
    if sum(not c.isspace() for word in words for c in word) != len(visible):
        return _plain(text)
    places = np.zeros(len(joined), np.int64)
    at, following = 0, iter(visible)
    for number, word in enumerate(words):
        if number:
            places[at] = places[at - 1] if at else 0
            at += 1
        for syllable, part in enumerate(word.split()):
            if syllable:
                places[at] = places[at - 1]
                at += 1
            for _ in part:
                places[at] = next(following)
                at += 1
    return joined, places


def _plain(text: str) -> tuple[str, Ints]:
    return text, np.arange(len(text), dtype=np.int64)
