"""Intervals, suppression and periods, by hand and by property."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import estimates, periods
from reports.periods import BadPeriod
from reports.suppression import LEAST, guarded
from reports.words import count, interval, long_day, span


def test_shares_have_the_interval_of_wilson() -> None:
    found = estimates.share(2, 50)  # by R: prop.test(2, 50, correct=FALSE)
    assert (found.low, found.high) == (pytest.approx(0.01104, abs=1e-4), pytest.approx(0.13462, abs=1e-4))
    assert estimates.share(0, 0).value is None
    assert interval(estimates.share(0, 20)).startswith("0,0\u00a0% (khoảng tin cậy 95\u00a0%: 0,0–16,1")


def test_kappa_is_that_of_the_books() -> None:
    # Fleiss, Levin and Paik, 3rd ed., table 18.1: kappa 0.68.
    table = {"aa": 75, "ab": 1, "ac": 4, "ba": 5, "bb": 4, "bc": 1, "ca": 0, "cb": 0, "cc": 10}
    found = estimates.kappa([(key[0], key[1], number) for key, number in table.items()])
    assert found.value == pytest.approx(0.68, abs=0.005)
    assert found.low < 0.68 < found.high
    assert estimates.kappa([("a", "a", 9)]).value is None
    assert estimates.kappa([("a", "a", 30)]).value is None


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_no_small_number_can_be_worked_out(numbers: list[int]) -> None:
    counts = dict(enumerate(numbers))
    told = guarded(counts, sum(numbers))
    assert all(number is None or number == 0 or number >= LEAST for number in told.values())
    hidden = [key for key, number in told.items() if number is None]
    if len(hidden) == 1:  # then there was nothing else to leave out, and the total itself is small
        assert sum(number for key, number in counts.items() if key not in hidden) == 0


@settings(max_examples=60)
@given(st.dates(date(2000, 1, 3), date(2090, 1, 1)))
def test_periods_follow_one_another_without_a_gap(day: date) -> None:
    for one in (periods.week_of_day(day), periods.quarter_of_day(day)):
        assert one.first <= day <= one.last
        assert periods.named(one.name) == one
        assert one.after().first == one.last + timedelta(days=1)
        assert one.after().back() == one
        assert one.back(5).after() == one.back(4)


@pytest.mark.parametrize("name", ["", "2026-W60", "2026-Q5", "0000-W01", "2026-47", "2026-W47x"])
def test_what_names_no_period_is_refused(name: str) -> None:
    with pytest.raises(BadPeriod):
        periods.named(name)


def test_numbers_and_days_are_written_as_official_papers_write_them() -> None:
    assert count(1848) == "1.848"
    assert count(None) == "< 5"
    assert long_day(date(2026, 2, 5)) == "ngày 05 tháng 02 năm 2026"
    assert span(periods.named("2026-W47")) == "tuần 47 năm 2026 (16/11–22/11/2026)"
    assert span(periods.named("2026-Q4")) == "quý IV năm 2026"
