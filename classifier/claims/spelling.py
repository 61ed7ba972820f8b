"""The words of a text in one spelling: without dấu, chat shortenings written out, names of one thing as one.

The table is of common chat Vietnamese and of the words of the epidemic. It was not fitted to any claim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.text import fold_aligned

# Beyond this a post repeats itself; a bound keeps one giant post from holding up the rest.
LONGEST = 20_000

# Each row: what is written, then all that is read as it, folded. Left out is what folds to another word:
# hong (họng), binh (bình), vo (vợ).
_TABLE = """
covid: corona; co vi; co vit; co vid; co vy; covit; co ro na; ncov; cov 19; sars cov 2; virus vu han;\
  covid 19; covid19; co vi 19; co vit 19; co vid 19; co vy 19; corona 19
vacxin: vaccine; vac xin; vaccin; vaxin; vacine; vac cin; vx
virus: vi rut; virut; viruses
tiem: chich; chich ngua; tiem chung; tiem ngua; chung ngua
khong: ko; k; hok; hem; kh; khg; khum
duoc: dc; dk
nguoi: ng; ngta
moi nguoi: mn; mng; mng oi
nuoc: nc
roi: r; rui
luon: lun
cung: cx; cug
gi: j
voi: vs
noi: ns
biet: bit; bik
minh: mk; mik
nhieu: nhiu
thoi: thui
qua: wa
gio: h
toi: tui
bac si: bs; bsi; bac sy
benh vien: bv; bvien
bo y te: byt; bo y te vn
trung quoc: tq; china
viet nam: vn
ha noi: hn
sai gon: sg; hcm; tphcm; tp hcm; ho chi minh; tp ho chi minh
xet nghiem: xn; test; tets
so dien thoai: sdt
anh em: ae
chong: ck
tre em: tre con; tre nho; con nit; tre nit
chet: tu vong; die
duong tinh: 2 vach; hai vach
"""


_Way = tuple[tuple[str, ...], tuple[str, ...]]


def _read(table: str) -> dict[str, list[_Way]]:
    """Return by first word the ways to write something, longest first, and what each is read as."""
    found: dict[str, list[_Way]] = {}
    for line in table.strip().splitlines():
        said, _, ways = line.partition(":")
        for way in ways.split(";"):
            words = tuple(way.split())
            found.setdefault(words[0], []).append((words, tuple(said.split())))
    for ways_of in found.values():
        ways_of.sort(key=lambda pair: -len(pair[0]))
    return found


_WAYS = _read(_TABLE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Said:
    """The words of a text in one spelling (m,), and the characters that each stands at, (m, 2)."""

    words: list[str]
    places: NDArray[np.int32]


def said(text: str) -> Said:
    """Take the first 20,000 characters of NFC `text` apart into words in one spelling, in order."""
    found = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(fold_aligned(text[:LONGEST]))]
    words: list[str] = []
    places: list[tuple[int, int]] = []
    after = 0
    for at, (word, start, end) in enumerate(found):
        if at < after:
            continue
        ways = _WAYS.get(word)
        way = _match(found, at, ways) if ways else None
        if way is None:
            words.append(word)
            places.append((start, end))
            continue
        length, read_as = way
        after = at + length
        words += read_as
        places += [(start, found[after - 1][2])] * len(read_as)
    return Said(words, np.array(places, np.int32).reshape(len(words), 2))


def _match(
    found: list[tuple[str, int, int]], at: int, ways: list[_Way]
) -> tuple[int, tuple[str, ...]] | None:
    for way, read_as in ways:
        if all(at + i < len(found) and found[at + i][0] == part for i, part in enumerate(way)):
            return len(way), read_as
    return None
