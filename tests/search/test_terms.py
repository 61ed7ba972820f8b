"""What is marked in a text, against the plain definition of it, and the folds it stands on."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from search.terms import SNIPPET, Term, highlight, parse, words
from store.text import fold, fold_aligned

WORDS = st.sampled_from(["khẩu", "trang", "Khẩu", "khau", "nước", "đi", "corona", "hoà", "hòa", "x"])
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", ", ", "\n", "-", "…"])), max_size=12).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)
TYPED = st.lists(
    st.sampled_from(['"khau trang"', "khẩu", "kha*", "-trang", "hoa", '"đi nước đi"', "x"]), max_size=4
).map(" ".join)


def marked_word_by_word(text: str, terms: list[Term]) -> list[tuple[int, int]]:
    """At each word, from left to right, the longest term that stands there is marked whole."""
    found = [(m.start(), m.end(), fold(m.group())) for m in re.finditer(r"\w+", text)]
    ranges, index = [], 0
    while index < len(found):
        lengths = [0]
        for term in terms:
            ahead = tuple(word for _, _, word in found[index : index + len(term.words)])
            begins = term.prefix and ahead[0].startswith(term.folded[0])
            if not term.excluded and (begins or ahead == term.folded):
                lengths.append(len(term.words))
        if length := max(lengths):
            ranges.append((found[index][0], found[index + length - 1][1]))
        index += max(length, 1)
    return ranges


@given(TEXTS, TYPED)
def test_what_is_marked_is_what_stands_there_word_by_word(text: str, typed: str) -> None:
    snippet, ranges = highlight(text, parse(typed))
    if len(text) <= SNIPPET:
        assert snippet == text
        assert list(ranges) == marked_word_by_word(text, parse(typed))


@given(st.text(), st.text())
def test_anything_typed_can_be_marked_in_anything(text: str, typed: str) -> None:
    snippet, ranges = highlight(text, parse(typed))
    assert all(0 <= a < b <= len(snippet) for a, b in ranges)


def test_the_part_shown_is_where_most_of_it_stands() -> None:
    text = "tỏi " + "lời khác " * 60 + "nước tỏi đun sôi với tỏi già " + "lời khác " * 60
    snippet, ranges = highlight(text, parse("nước tỏi"))
    assert [snippet[a:b] for a, b in ranges] == ["nước", "tỏi", "tỏi"]


def test_a_text_as_long_as_can_be_is_marked_in_its_first_part_when_all_of_it_matches() -> None:
    # Comparing each pair of matches would take minutes here.
    snippet, ranges = highlight("tỏi " * 50_000, parse("toi"))
    assert snippet == ("tỏi " * 60) + "…"
    assert len(ranges) == 60


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_folding_is_unicode_decomposition_without_marks(text: str) -> None:
    kept = (c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    assert fold(text) == unicodedata.normalize("NFC", "".join(kept).replace("đ", "d"))


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_an_aligned_fold_keeps_every_place(text: str) -> None:
    aligned = fold_aligned(text)
    assert len(aligned) == len(text)
    assert all(a == fold(c) or a == c for a, c in zip(aligned, text, strict=True))


def test_vietnamese_folds_the_same_aligned_or_not() -> None:
    text = "Đừng TIN: uống nước tỏi, hoà thuận, nghỉ ở nhà; Ướt, ỹ, ặ"
    assert fold_aligned(text) == fold(text)
    assert words(text)[0] == "đừng"
