"""Cuts a text into windows of tokens that the encoder can read, and keeps where in the text each token is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import models
from classifier.encoder.segment import segmenter

if TYPE_CHECKING:
    from tokenizers import Encoding

Ints = NDArray[np.int64]
# Characters that are given to the tokeniser for each token that fits: real text has 3 to 5 a token. A
# longer "word" fills its window with fewer.
_CHARACTERS = 12


@dataclass(frozen=True)
class Shape:
    """How texts are cut. `max_length` counts special tokens; neighbouring windows share `stride` tokens.

    A text longer than `first` windows gives those, one after the other, and `spread` more at even distances
    over the rest, the last of them at its end: however long, it costs at most `first + spread` windows.
    `prefix` is put before each window, `segment` is what the text goes through first.
    """

    max_length: int
    stride: int
    first: int = 8
    spread: int = 4
    prefix: str = ""
    segment: str = ""


@dataclass(frozen=True)
class Window:
    """Tokens (l,) as the encoder is given them, and their characters `starts` to `ends` in the text.

    Special tokens and the prefix have start and end -1. Of two windows that share tokens, each owns the half
    that is farther from its edge: there a token has been read with more of what is around it.
    """

    ids: Ints
    starts: Ints
    ends: Ints
    owned: tuple[int, int]

    @property
    def characters(self) -> tuple[int, int]:
        """From where to where of the text the window's own tokens reach; (0, 0) if it has none."""
        first, last = self.owned
        return (int(self.starts[first]), int(self.ends[last - 1])) if last > first else (0, 0)


class Tokens:
    """A tokeniser (the `tokenizers` library alone) and the shape of windows."""

    def __init__(self, file: Path, shape: Shape) -> None:
        """Read a `tokenizer.json`; raises `models.DataError` naming it."""
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:
            # The library raises plain `Exception`.
            raise models.DataError(f"Không nạp được bộ tách từ {file}: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._shape = shape
        self._segment = segmenter(shape.segment)
        alone = self._tokenizer.encode("")
        marks = alone.ids
        probe = self._tokenizer.encode("a").special_tokens_mask
        before = next((i for i, special in enumerate(probe) if not special), len(marks))
        prefix = self._tokenizer.encode(shape.prefix.strip(), add_special_tokens=False).ids
        self._head = np.array([*marks[:before], *prefix], np.int64)
        self._tail = np.array(marks[before:], np.int64)
        self._room = shape.max_length - len(self._head) - len(self._tail)
        if not 0 <= shape.stride < self._room:
            raise models.DataError(
                f"{file}: stride {shape.stride} không hợp với max_length {shape.max_length}"
                f" (còn {self._room} token cho văn bản)."
            )

    def windows(self, text: str) -> list[Window]:
        """Return the windows of a text, in order; at least one, with no token of the text if it has none."""
        text, places = self._segment(text) if self._shape.segment else (text, None)
        found = list(self._cut(text))
        return found if places is None else [_moved(window, places) for window in found]

    def _cut(self, text: str) -> Iterator[Window]:
        shape = self._shape
        most = shape.first + shape.spread
        step = self._room - shape.stride
        head = text[: _CHARACTERS * (step * most + shape.stride)]
        ids, starts, ends = _arrays(self._tokenizer.encode(head, add_special_tokens=False))
        number = max(1, -(-(len(ids) - shape.stride) // step))
        whole = number <= most and len(head) == len(text)
        if not whole:
            number = min(number, shape.first)
        end = after = 0
        for i in range(number):
            begin, after = i * step, end
            end = min(begin + self._room, len(ids))
            # The tokens from `begin` to `after` are shared with the window before, the last `stride` with the
            # one that follows.
            mine = (
                begin + (after - begin) // 2 if i else 0,
                end - (shape.stride - shape.stride // 2) if i < number - 1 else end,
            )
            yield self._window(ids[begin:end], starts[begin:end], ends[begin:end], mine, begin)
        if not whole:
            yield from self._spread(text, int(ends[end - 1]) if end < len(ids) else len(head))

    def _spread(self, text: str, after: int) -> Iterator[Window]:
        """Yield windows at even distances from character `after` to the end."""
        wide = _CHARACTERS * self._room
        spread = self._shape.spread
        last = max(after, len(text) - wide)
        for i in range(spread):
            begin = after + (last - after) * i // max(1, spread - 1)
            if i == spread - 1:
                begin = last
            elif begin > 0 and (space := text.find(" ", begin, begin + 64)) >= 0:
                begin = space + 1  # at a word, not within one
            ids, starts, ends = _arrays(
                self._tokenizer.encode(text[begin : begin + wide], add_special_tokens=False)
            )
            chosen = slice(-self._room, None) if i == spread - 1 else slice(self._room)
            ids, starts, ends = ids[chosen], starts[chosen] + begin, ends[chosen] + begin
            yield self._window(ids, starts, ends, (0, len(ids)), 0)

    def _window(self, ids: Ints, starts: Ints, ends: Ints, mine: tuple[int, int], begin: int) -> Window:
        head, tail = len(self._head), np.full(len(self._tail), -1)
        return Window(
            np.concatenate([self._head, ids, self._tail]),
            np.concatenate([np.full(head, -1), starts, tail]),
            np.concatenate([np.full(head, -1), ends, tail]),
            (mine[0] - begin + head, max(mine[0], mine[1]) - begin + head),
        )


def _arrays(encoding: Encoding) -> tuple[Ints, Ints, Ints]:
    offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
    return np.array(encoding.ids, np.int64), offsets[:, 0], offsets[:, 1]


def _moved(window: Window, places: Ints) -> Window:
    """Return a window with its characters in the text from before segmentation."""
    inside = window.ends > window.starts
    starts, ends = window.starts.copy(), window.ends.copy()
    starts[inside] = places[window.starts[inside]]
    ends[inside] = places[window.ends[inside] - 1] + 1
    return Window(window.ids, starts, ends, window.owned)
