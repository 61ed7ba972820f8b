"""Turns texts into TF-IDF features: words and parts of words, with diacritics and without.

A feature is a run of characters, known by a 64-bit hash of them (polynomial, modulo 2⁶⁴), so that a whole
batch is taken apart by array arithmetic and no list of terms is kept. With some 10⁶ different runs in a
corpus, the chance that any two share a hash is about 10⁻⁷ (the birthday bound).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from store.text import fold_aligned, place_tones

# Beyond this a post repeats itself; a bound keeps one giant post from holding up the rest.
LONGEST = 20_000
KINDS = ("word", "folded_word", "folded_char")
_PARTS = (2, 3, 4, 5)  # characters of a part of a word, blanks at its ends included

_PRIME = np.uint64(0x9E3779B97F4A7C15 | 1)
_SEEDS = {kind: np.uint64(0xA24BAED4963EE407 * (i + 1) % 2**64) for i, kind in enumerate(KINDS)}

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Grams:
    """The features of some texts as they stand in them: hash, kind, and which text, from where to where.

    All arrays are (m,); `start` and `end` are characters of that text.
    """

    hashes: Hashes
    kinds: NDArray[np.uint8]
    texts: Ints
    start: Ints
    end: Ints


def grams(texts: Sequence[str]) -> Grams:
    """Take texts apart into words, pairs of words, and parts of words of 2 to 5 characters."""
    cut = [text[:LONGEST] for text in texts]
    folded = [fold_aligned(text) for text in cut]
    lowered = [place_tones(text.translate(_LOWER)) for text in cut]
    found = [
        _words(lowered, "word"),
        _words(folded, "folded_word"),
        _parts(folded),
    ]
    return Grams(*(np.concatenate([getattr(one, name) for one in found]) for name in Grams.__match_args__))


@dataclass(frozen=True)
class Vocabulary:
    """The features that a model knows: sorted hashes (f,), their kind and their weight by rarity (IDF)."""

    hashes: Hashes = field(repr=False)
    kinds: NDArray[np.uint8] = field(repr=False)
    idf: NDArray[np.float32] = field(repr=False)

    def __len__(self) -> int:
        return len(self.hashes)

    def places(self, found: Grams) -> Ints:
        """Return the number of each feature, or -1 where the vocabulary lacks it, (m,)."""
        if not len(self):
            return np.full(len(found.hashes), -1)
        at = np.searchsorted(self.hashes, found.hashes)
        at[at == len(self)] = 0
        return np.where(self.hashes[at] == found.hashes, at, -1)

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return (n, f): 1 + log of counts, times IDF; the features of one kind of one text have length 1."""
        found = grams(texts)
        at = self.places(found)
        known = at >= 0
        return self.weigh(counted(found.texts[known], at[known], (len(texts), len(self))))

    def weigh(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return counts (n, f) as TF-IDF; see `transform`."""
        values = (1 + np.log(counts.data)) * self.idf[counts.indices]
        row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        part = row * len(KINDS) + self.kinds[counts.indices]
        length = np.sqrt(np.bincount(part, values**2, counts.shape[0] * len(KINDS)))
        return sparse.csr_matrix((values / length[part], counts.indices, counts.indptr), counts.shape)


def counted(rows: Ints, columns: Ints, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return how often each (row, column) occurs."""
    pairs, often = np.unique(rows * max(1, shape[1]) + columns, return_counts=True)
    indptr = np.searchsorted(pairs, np.arange(shape[0] + 1) * max(1, shape[1]))
    return sparse.csr_matrix((often.astype(np.float64), pairs % max(1, shape[1]), indptr), shape)


class _Lower(dict[int, str]):
    def __missing__(self, code: int) -> str:
        small = chr(code).lower()
        self[code] = small = small if len(small) == 1 else chr(code)
        return small


_LOWER = _Lower()


def _codes(texts: Sequence[str]) -> tuple[Hashes, Ints, Ints]:
    """Return the characters of all texts, each text between blanks; whose each is; its place there."""
    joined = "".join(f" {text} " for text in texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.array([len(text) + 2 for text in texts], np.int64)
    whose = np.repeat(np.arange(len(texts)), lengths)
    starts = np.cumsum(lengths) - lengths
    return codes, whose, np.arange(len(codes)) - np.repeat(starts, lengths) - 1


def _powers(n: int) -> Hashes:
    return np.cumprod(np.concatenate([[np.uint64(1)], np.full(max(0, n - 1), _PRIME)]), dtype=np.uint64)


def _words(texts: Sequence[str], kind: str) -> Grams:
    codes, whose, place = _codes(texts)
    letters = _is_letter(codes)
    edges = np.diff(np.concatenate([[False], letters, [False]]).astype(np.int8))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    single = np.zeros(len(first), np.uint64)
    # Horner's rule over all words at once: as many steps as the longest word has letters.
    lengths = last - first
    alive = np.arange(len(first))
    step = 0
    while len(alive):
        alive = alive[lengths[alive] > step]
        single[alive] = single[alive] * _PRIME + codes[first[alive] + step]
        step += 1
    together = whose[first[:-1]] == whose[first[1:]]
    pair = single[:-1] * np.uint64(0xD6E8FEB86659FD93) + single[1:] + np.uint64(0x632BE59BD9B4E019)
    starts, owners, ends = place[first], whose[first], place[last - 1] + 1
    hashes = np.concatenate([single, pair[together]])
    return Grams(
        _mixed(hashes, kind),
        np.full(len(hashes), KINDS.index(kind), np.uint8),
        np.concatenate([owners, owners[:-1][together]]),
        np.concatenate([starts, starts[:-1][together]]),
        np.concatenate([ends, ends[1:][together]]),
    )


def _parts(texts: Sequence[str]) -> Grams:
    codes, whose, place = _codes(texts)
    blank = _is_blank(codes)
    codes = np.where(blank, np.uint64(32), codes)
    before = np.concatenate([[0], np.cumsum(blank)])
    hashes, owners, starts, ends = [], [], [], []
    rolling = codes.copy()
    for size in range(2, _PARTS[-1] + 1):
        rolling = rolling[: len(codes) - size + 1] * _PRIME + codes[size - 1 :]
        if size not in _PARTS or not len(rolling):
            continue
        at = np.arange(len(rolling))
        # Within one word: no blank but the first or the last character, and not both of a run of two.
        inner = before[at + size - 1] - before[at + 1]
        whole = (inner == 0) & ~(blank[at] & blank[at + size - 1] & (size == 2))
        at = at[whole]
        hashes.append(rolling[whole] + np.uint64(size))
        owners.append(whose[at])
        starts.append(place[at] + blank[at])
        ends.append(place[at + size - 1] + 1 - blank[at + size - 1])
    if not hashes:
        none = np.zeros(0, np.int64)
        return Grams(none.astype(np.uint64), none.astype(np.uint8), none, none, none)
    kind = "folded_char"
    gathered = np.concatenate(hashes)
    return Grams(
        _mixed(gathered, kind),
        np.full(len(gathered), KINDS.index(kind), np.uint8),
        np.concatenate(owners),
        np.concatenate(starts),
        np.concatenate(ends),
    )


def _mixed(hashes: Hashes, kind: str) -> Hashes:
    """Spread the bits (the finaliser of SplitMix64) and tell the kinds apart."""
    mixed = hashes + _SEEDS[kind]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _table(asked: str) -> NDArray[np.bool_]:
    return np.array([getattr(chr(code), asked)() for code in range(0x10000)])


_LETTERS = _table("isalnum")
_LETTERS[ord("_")] = True
_BLANKS = _table("isspace")


def _is_letter(codes: Hashes) -> NDArray[np.bool_]:
    return _LETTERS[np.minimum(codes, np.uint64(0xFFFF))]


def _is_blank(codes: Hashes) -> NDArray[np.bool_]:
    return _BLANKS[np.minimum(codes, np.uint64(0xFFFF))]
