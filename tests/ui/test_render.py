"""Texts are shown whole and never as markup; numbers and times read as people read them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review_ui import render
from review_ui.page import environment
from tests.factory import NOW

SPANS = st.lists(
    st.tuples(st.integers(-5, 80), st.integers(-5, 80), st.sampled_from(["cure", "scam"])), max_size=8
)


@given(st.text(max_size=60), SPANS)
def test_the_pieces_of_a_text_joined_are_the_text(text: str, spans: list[tuple[int, int, str]]) -> None:
    pieces = render.parts(text, spans)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "</mark><img src=x onerror=a>", '" onload="x', "&lt;b&gt;"]
)
def test_a_hostile_text_stays_text(hostile: str) -> None:
    template = environment("vi").from_string(
        "{% for part in text | marked(spans) %}<mark class='mark-{{ part.mark }}'>{{ part.text }}</mark>{% endfor %}"
    )
    shown = template.render(text=hostile, spans=[{"start": 2, "end": 9, "harm": hostile}])
    for tag in ("<script", "<img", "</mark><img", "<b>"):
        assert tag not in shown
    assert '" onload' not in shown


def test_probabilities_are_words_with_a_number() -> None:
    assert [(render.level(p, str), render.number(p)) for p in (0.91, 0.52, 0.06, 0.999, 0.0)] == [
        ("cao", ".91"), ("chưa chắc", ".52"), ("thấp", ".06"), ("cao", "1.0"), ("thấp", ".00"),
    ]  # fmt: skip


def test_times_are_vietnamese_and_relative() -> None:
    assert render.local(NOW) == "20/11/2026 10:00"
    assert render.ago(NOW - timedelta(hours=2, minutes=5), NOW, str) == "2 giờ trước"
    assert render.ago(NOW - timedelta(days=400), NOW, str) == "1 năm trước"
    assert render.ago(None, NOW, str) == "không rõ thời gian"


def test_weeks_without_posts_are_shown_too() -> None:
    weeks = render.each_week([(date(2026, 1, 5), 2), (date(2026, 1, 26), 5)])
    assert len(weeks) == 26
    assert weeks[-1] == (date(2026, 1, 26), 5)
    assert weeks[-4:] == [
        (date(2026, 1, 5), 2),
        (date(2026, 1, 12), 0),
        (date(2026, 1, 19), 0),
        (date(2026, 1, 26), 5),
    ]


def test_a_sparkline_stays_in_its_box() -> None:
    points = [tuple(map(float, p.split(","))) for p in render.spark([0, 5, 3, 10]).split()]
    assert all(0 <= x <= 96 and 0 <= y <= 20 for x, y in points)
    assert render.spark([1]) == ""


def test_a_sparkline_has_a_gap_where_nothing_is_known() -> None:
    lines = render.sparks([1, 2, None, 4, None, 3, 3], 100, 20)
    assert [len(line.split()) for line in lines] == [2, 2]
    # What is on either side of a gap keeps its place: the last point is at the right edge.
    assert lines[1].split()[1].startswith("99.0,")
    assert render.sparks([None, None]) == []


def test_shares_and_numbers_are_read_as_in_vietnam() -> None:
    assert (render.percent(0.0316), render.percent(None)) == ("3,2 %", "–")
    assert (render.decimal(0.125), render.decimal(0.0251, 3), render.decimal(None)) == ("0,12", "0,025", "–")


WORDS = st.text(alphabet="aăâ bcđ .,\n", max_size=60)


@given(WORDS, WORDS)
def test_what_is_not_new_is_the_text_before_and_what_is_not_gone_the_text_after(old: str, new: str) -> None:
    pieces = render.changes(old, new, around=1000)
    assert "".join(piece.text for piece in pieces if piece.mark != "new") == old
    assert "".join(piece.text for piece in pieces if piece.mark != "gone") == new


def test_an_edit_of_a_very_long_text_is_found_without_delay() -> None:
    long = "a b c d e " * 20_000
    pieces = render.changes(f"{long}cũ {long}", f"{long}mới {long}")
    assert [(piece.text, piece.mark) for piece in pieces if piece.mark] == [("cũ", "gone"), ("mới", "new")]


def test_an_edit_in_a_long_text_is_shown_with_what_stands_around_it() -> None:
    before = f"{'trước đó ' * 40}uống tỏi khỏi bệnh {'sau đó ' * 40}"
    pieces = render.changes(before, before.replace("khỏi", "đỡ"))
    assert [(piece.text, piece.mark) for piece in pieces if piece.mark] == [("khỏi", "gone"), ("đỡ", "new")]
    assert len("".join(piece.text for piece in pieces)) < 160
    assert pieces[0].text.startswith(" … ")
    assert pieces[0].text.endswith("uống tỏi ")
