"""Cohen's kappa is that of scikit-learn, and its interval is honest at the edges."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from store.agreement import LEAST, Agreement, agreement

WORD = st.sampled_from(["dismiss", "protected", "correct", "report"])
PAIRS = st.lists(st.tuples(WORD, WORD), min_size=LEAST, max_size=60)


@settings(max_examples=12)
@given(pairs=PAIRS)
def test_kappa_is_that_of_the_library_in_any_order(pairs: list[tuple[str, str]]) -> None:
    found = agreement(pairs)
    assert agreement(pairs[::-1]) == found
    if len({word for pair in pairs for word in pair}) < 2:
        assert found.kappa is None
        return
    first, second = zip(*pairs, strict=True)
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    assert found.low is not None
    assert found.high is not None
    assert -1 <= found.low < found.high <= 1
    assert found.same == sum(a == b for a, b in pairs)


def test_few_pairs_or_one_word_alone_say_nothing() -> None:
    assert agreement([]) == Agreement(0, 0)
    assert agreement([]).share is None
    nine = agreement([("dismiss", "report"), *[("dismiss", "dismiss")] * (LEAST - 2)])
    assert nine.kappa is None
    assert nine.share == pytest.approx(8 / 9)
    assert agreement([("dismiss", "dismiss")] * 50).kappa is None


def test_an_interval_has_a_width_where_all_agree_and_narrows_with_more() -> None:
    some = [("dismiss", "dismiss"), ("report", "report")]
    few, many = agreement(some * 6), agreement(some * 200)
    assert (few.kappa, many.kappa) == (1, 1)
    assert few.low is not None
    assert many.low is not None
    assert 0.4 < few.low < 0.9 < many.low < 1
