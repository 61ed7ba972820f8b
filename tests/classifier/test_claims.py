"""A claim is found however it is spelled, wherever it stands, and whatever is said of it; on its days alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from classifier.assess import assess
from classifier.claims import ClaimMatch, ClaimMatcher, day_of
from classifier.claims.base import ClaimBase, Known
from classifier.claims.evidence import read
from classifier.claims.lexical import Lexical
from classifier.claims.match import shipped
from classifier.claims.spelling import said
from classifier.claims.weights import load_weights
from classifier.policy import ClaimLimits
from store.claim_facts import Facts
from store.text import fold, normalise
from tests.classifier.hashed import Hashed
from tests.factory import HARMFUL, HARMLESS, model, policy

DAY = date(2022, 1, 1)
LIMITS = policy().thresholds.claim
ROWS = models.claims()


def match(
    texts: list[str], matcher: ClaimMatcher | None = None, day: date = DAY
) -> list[tuple[ClaimMatch, ...]]:
    matcher = matcher or shipped()
    return matcher.match([normalise(text) for text in texts], (), [day] * len(texts), LIMITS)


@pytest.fixture(scope="module")
def hashed() -> Hashed:
    return Hashed()


@pytest.fixture(scope="module")
def by_meaning(hashed: Hashed) -> ClaimMatcher:
    return ClaimMatcher(ClaimBase.shipped(), hashed)


def facts(claim_id: str = "la-oi", **other: object) -> Facts:
    made = Facts(
        id=claim_id, wording="Uống nước lá ổi mỗi ngày chữa khỏi bệnh trong ba hôm.", harm="cure", verdict="false",
        correction="Lá ổi không chữa được bệnh.", source_name="Sở Y tế",
    )  # fmt: skip
    return replace(made, **other)  # type: ignore[arg-type]


def test_paraphrases_find_their_claim() -> None:
    told = [(row["id"], paraphrase) for row in ROWS for paraphrase in row["paraphrases"]]
    # The paraphrases are part of the matcher; so a word more and one less are what is tried.
    tried = [(claim, f"mọi người ơi {text.rsplit(' ', 1)[0]}") for claim, text in told]
    matches = match([text for _, text in tried])
    right = sum(bool(m) and m[0].claim_id == claim for (claim, _), m in zip(tried, matches, strict=True))
    assert right / len(tried) > 0.9


def test_a_claim_inside_a_long_post_is_found_with_its_correction_and_its_place() -> None:
    row = ROWS[0]
    filler = "Sáng nay tôi ra chợ mua rau rồi ghé nhà chị Sáu uống trà, trời mát và đường vắng. " * 12
    text = normalise(filler + row["claim"] + " " + filler)
    (found,) = match([text])
    assert found[0].claim_id == row["id"]
    assert (found[0].correction, found[0].source_date) == (row["correction"], row["source"]["date"])
    piece = text[found[0].start : found[0].end]
    assert row["claim"] in piece
    assert len(piece) < 4 * len(row["claim"])


@pytest.mark.parametrize(
    "said_of_it",
    ["{}", "Có thật là {} không mọi người?", "Tin sai: {} Bác sĩ đã bác bỏ.", "haha {} tin được cũng tài 😂"],
)
def test_whoever_doubts_mocks_or_denies_a_claim_speaks_of_it(said_of_it: str) -> None:
    for row in ROWS[::17]:
        (found,) = match([said_of_it.format(row["claim"].rstrip("."))])
        assert found[0].claim_id == row["id"]


@pytest.mark.parametrize(
    "text", ["", "🙏", "Hôm nay đội bóng tỉnh thắng hai không trên sân nhà", "a" * 10_000, "khong", "covid"]
)
def test_what_speaks_of_no_claim_matches_none(text: str, by_meaning: ClaimMatcher, hashed: Hashed) -> None:
    assert match([text]) == [()]
    assert by_meaning.match([text], hashed.pieces([text]), [DAY], LIMITS) == [()]


def test_a_giant_post_has_a_bounded_number_of_pieces() -> None:
    (one,) = read(["từ này là một câu. " * 50_000], (), Lexical.of(ClaimBase.shipped().known), None)
    assert len(one.places) <= 130


TEXTS = st.one_of(
    st.sampled_from([*HARMFUL, HARMLESS, *(row["claim"] for row in ROWS), *(p for row in ROWS for p in row["paraphrases"])]),
    st.text(max_size=300),
    st.lists(st.sampled_from([row["claim"] for row in ROWS] + [HARMLESS]), max_size=12).map(" ".join),
).map(normalise)  # fmt: skip


@settings(max_examples=25)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.booleans())
def test_a_batch_matches_as_each_text_alone(
    by_meaning: ClaimMatcher, hashed: Hashed, texts: list[str], meant: bool
) -> None:
    matcher = by_meaning if meant else shipped()
    pieces = hashed.pieces(texts) if meant else []
    days = [DAY] * len(texts)
    together = matcher.match(texts, pieces, days, LIMITS)
    for i, text in enumerate(texts):
        (alone,) = matcher.match([text], pieces[i : i + 1], [DAY], LIMITS)
        assert alone == together[i]
        for one in alone:
            assert 0 <= one.start < one.end <= len(text)
            assert LIMITS.suggest <= one.similarity <= 1


def test_a_text_that_no_encoder_read_is_compared_by_words(by_meaning: ClaimMatcher, hashed: Hashed) -> None:
    text = normalise(ROWS[3]["claim"])
    (pieces,) = hashed.pieces([text])
    unread = replace(pieces, spans=pieces.spans[:0], vectors=pieces.vectors[:0])
    first, second = by_meaning.evidence([text, text], [pieces, unread], [DAY, DAY])
    assert (first[0], second[0]) == (True, False)
    assert first[1][0].claim == second[1][0].claim


DAYS = st.dates(date(2020, 1, 1), date(2023, 1, 1))


@settings(max_examples=15)
@given(st.none() | DAYS, st.none() | DAYS, st.lists(DAYS, min_size=1, max_size=4))
def test_a_claim_matches_on_its_days_and_on_no_other(
    since: date | None, until: date | None, days: list[date]
) -> None:
    known = Known(facts(), 3, since, until)
    matcher = ClaimMatcher(ClaimBase((known, *ClaimBase.shipped().known[:3])))
    text = facts().wording
    for day, found in zip(days, matcher.match([text] * len(days), (), days, LIMITS), strict=True):
        holds = (since or date.min) <= day <= (until or date.max)
        assert ("la-oi" in {one.claim_id for one in found}) == holds
        assert all(one.version == 3 for one in found if one.claim_id == "la-oi")


def test_a_retired_claim_matches_never() -> None:
    base = ClaimBase.of([facts(retired=True), facts("khac", wording="Phơi nắng mười phút là hết vi rút.")])
    assert match([facts().wording], ClaimMatcher(base)) == [()]


def test_no_claims_match_nothing() -> None:
    assert match(["Uống nước lá ổi", ""], ClaimMatcher(ClaimBase(()))) == [(), ()]
    assert ClaimMatcher(ClaimBase(())).match([], (), [], LIMITS) == []


@dataclass(frozen=True)
class Post:
    id: int
    text: str
    published_at: datetime | None = None


def test_a_post_is_compared_with_what_was_known_when_it_was_published() -> None:
    before = Known(facts(correction="Chưa có bằng chứng."), 1, None, date(2021, 6, 30))
    after = Known(facts(correction="Đã có nghiên cứu: không chữa được."), 2, date(2021, 7, 1), None)
    matcher = ClaimMatcher(ClaimBase((before, after)))
    last_minute = datetime(2021, 6, 30, 16, 59, tzinfo=UTC)  # 23:59 in Vietnam
    posts = [
        Post(1, before.facts.wording, last_minute),
        Post(2, before.facts.wording, last_minute + timedelta(minutes=1)),
        Post(3, before.facts.wording),
    ]
    found = assess(posts, model(), policy(), matcher, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert [one.claims[0].version for one in found] == [1, 2, 2]
    assert found[0].claims[0].correction == "Chưa có bằng chứng."
    (earlier,) = assess(posts[2:], model(), policy(), matcher, now=datetime(2021, 1, 1, tzinfo=UTC))
    assert earlier.claims[0].version == 1


def test_the_day_is_that_of_vietnam() -> None:
    assert day_of(datetime(2021, 6, 30, 17, 0, tzinfo=UTC)) == date(2021, 7, 1)
    assert day_of(None, datetime(2021, 6, 30, 16, 0, tzinfo=UTC)) == date(2021, 6, 30)


def test_words_alone_confirm_nothing_but_nearly_the_claims_own_words() -> None:
    matcher = ClaimMatcher(
        ClaimBase.of([facts(), facts("khac", wording="Phơi nắng mười phút là hết vi rút.")])
    )
    own = facts().wording
    (copied, folded, quoted, loose) = match(
        [own, fold(own).upper(), f"Nghe đồn: {own}", "Lá ổi đun lấy nước uống hằng ngày thì khỏi bệnh"],
        matcher,
    )
    assert all(found[0].confirmed for found in (copied, folded, quoted))
    assert loose[0].claim_id == "la-oi"
    assert not loose[0].firm
    assert not loose[0].confirmed


def test_an_encoder_confirms_only_by_weights_that_were_chosen_for_it(hashed: Hashed) -> None:
    base = ClaimBase.shipped()
    text = normalise("Nhà tôi sáng nào cũng ăn tỏi sống, virus corona vào cổ gặp tỏi là chết ngay")
    weights = load_weights()
    own = ClaimMatcher(base, hashed, weights=weights.model_copy(update={"encoder": hashed.name}))
    (others,) = ClaimMatcher(base, hashed, weights=weights).evidence([text], hashed.pieces([text]), [DAY])
    limits = ClaimLimits(suggest=0.01, confirm=0.01)
    (firm,) = own.match([text], hashed.pieces([text]), [DAY], limits)
    (loose,) = ClaimMatcher(base, hashed, weights=weights).match([text], hashed.pieces([text]), [DAY], limits)
    assert others[0]
    assert (firm[0].claim_id, firm[0].confirmed) == (loose[0].claim_id, True) == ("garlic-prevents", True)
    assert not loose[0].confirmed


def test_the_thresholds_of_a_policy_say_what_is_shown_and_confirmed() -> None:
    one = ClaimMatch("a", 0.5, "", "", "", "", "", None, firm=True)
    assert one.under(ClaimLimits(suggest=0.6, confirm=0.9)) is None
    assert one.under(ClaimLimits(suggest=0.4, confirm=0.6)) == one
    assert one.under(ClaimLimits(suggest=0.4, confirm=0.5)) == replace(one, confirmed=True)
    assert replace(one, firm=False).under(ClaimLimits(suggest=0.4, confirm=0.5)) == replace(one, firm=False)


def test_two_claims_in_the_same_words_do_not_stand_in_each_others_way() -> None:
    twice = ClaimMatcher(
        ClaimBase.of([facts(), facts("nguon-khac", source_name="Báo Sức khỏe"), *ClaimBaseFacts()])
    )
    once = ClaimMatcher(ClaimBase.of([facts(), *ClaimBaseFacts()]))
    ((_, two),) = twice.evidence([facts().wording], (), [DAY])
    ((_, one),) = once.evidence([facts().wording], (), [DAY])
    lead = 1
    assert two[0].features[lead] > 2
    assert two[1].features[lead] == two[0].features[lead]
    assert np.sign(one[0].features[lead]) == 1


def ClaimBaseFacts() -> list[Facts]:
    return [one.facts for one in ClaimBase.shipped().known[:20]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Cô vít 19", "covid"), ("SARS-CoV-2 và nCoV", "covid va covid"), ("đc chích vắc-xin", "duoc tiem vacxin"),
        ("TP.HCM ko có F0", "sai gon khong co f0"), ("test lên 2 vạch", "xet nghiem len duong tinh"),
        ("họng", "hong"), ("vợ tôi", "vo toi"), ("", ""), ("!!! 🙏", ""),
    ],
)  # fmt: skip
def test_words_have_one_spelling(text: str, words: str) -> None:
    assert " ".join(said(normalise(text)).words) == words


@given(st.text(max_size=200))
def test_each_word_says_where_it_stands(text: str) -> None:
    found = said(text)
    assert len(found.words) == len(found.places)
    starts = [int(start) for start, _ in found.places]
    assert starts == sorted(starts)
    assert all(0 <= start < end <= len(text) for start, end in found.places)


def test_every_shipped_claim_is_whole() -> None:
    assert len(ROWS) == len({row["id"] for row in ROWS}) >= 150
    for row in ROWS:
        one = Facts.from_row(row)
        assert one.to_row() == row
        assert one.paraphrases
        assert one.source_date
        assert one.note
