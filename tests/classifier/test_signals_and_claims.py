"""Signals are seen with diacritics and without; a claim is found however it is spelled and wherever it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from classifier import signals
from classifier.claims import ClaimMatcher, windows
from store.text import fold
from tests.factory import policy

SEEN = {
    "phone": ("Gọi 0900 000 000 nhé", "năm 2020 có 1234567 người"),
    "bank_account": ("chuyển vào stk 0000 1234 5678", "mở tài khoản mới"),
    "price": ("chỉ 350k một hộp", "có 35 ca mới"),
    "link": ("bấm https://trocap.example", "bấm vào nút này"),
    "sale": ("inbox em chốt đơn", "người bán rau"),
    "sure_cure": ("ba ngày là khỏi hẳn", "đã khỏe lại"),
    "urge_to_share": ("chia sẻ gấp cho người thân", "xin chia sẻ nỗi buồn"),
    "agency": ("Bộ Y tế vừa báo", "bộ quần áo y tế"),
    "hearsay": ("nghe nói là vậy", "nói nghe hay"),
    "violence": ("gặp là đánh chết", "bệnh chết người"),
}


def test_every_signal_has_its_example() -> None:
    assert set(SEEN) == set(signals.PATTERNS)


@pytest.mark.parametrize("name", SEEN)
def test_a_signal_is_seen_where_it_is_and_only_there(name: str) -> None:
    there, not_there = SEEN[name]
    assert signals.evaluate(there)[name].passed
    assert signals.evaluate(fold(there).upper())[name].passed
    assert not signals.evaluate(not_there)[name].passed


@given(st.text(max_size=2000))
def test_any_text_gives_every_signal(text: str) -> None:
    assert set(signals.evaluate(text)) == set(signals.PATTERNS)


def test_a_hostile_text_does_not_hold_the_signals_up() -> None:
    for piece in ("0 ", "stk ", "9.", "a-", "tai khoan 1 ", "chuyen khoan "):
        signals.evaluate(piece * 20_000)


def test_paraphrases_find_their_claim() -> None:
    rows = models.claims()
    said = [(row["id"], paraphrase) for row in rows for paraphrase in row["paraphrases"]]
    # The paraphrases are part of the matcher; so a word more and one less are what is tried.
    tried = [(claim, f"mọi người ơi {text.rsplit(' ', 1)[0]}") for claim, text in said]
    matches = ClaimMatcher.shipped().match([text for _, text in tried], policy().thresholds.claim)
    right = sum(
        bool(found) and found[0].claim_id == claim for (claim, _), found in zip(tried, matches, strict=True)
    )
    assert right / len(tried) > 0.9


def test_a_claim_inside_a_long_post_is_found_with_its_correction() -> None:
    row = models.claims()[0]
    filler = "Sáng nay tôi ra chợ mua rau rồi ghé nhà chị Sáu uống trà, trời mát và đường vắng. " * 12
    (found,) = ClaimMatcher.shipped().match([filler + row["claim"] + " " + filler], policy().thresholds.claim)
    assert found[0].claim_id == row["id"]
    assert found[0].correction == row["correction"]


@pytest.mark.parametrize(
    "text", ["", "🙏", "Hôm nay đội bóng tỉnh thắng hai không trên sân nhà", "a" * 10_000]
)
def test_what_repeats_no_claim_matches_none(text: str) -> None:
    assert ClaimMatcher.shipped().match([text], policy().thresholds.claim) == [()]


def test_a_giant_post_has_a_bounded_number_of_windows() -> None:
    assert len(windows("từ này. " * 100_000)) <= 60


def test_every_shipped_claim_is_whole() -> None:
    rows = models.claims()
    assert len(rows) == len({row["id"] for row in rows}) >= 150
    for row in rows:
        assert all((row["claim"], row["correction"], row["source"]["name"]))
        assert row["harm"] in models.labels().harms
