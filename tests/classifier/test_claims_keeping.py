"""What a matcher stands on: vectors that are kept, claims that change under it, weights that are chosen anew."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import models
from classifier.claims.base import ClaimBase
from classifier.claims.calibrate import FALSE_CONFIRMED, calibrate
from classifier.claims.current import Current
from classifier.claims.limits import revised
from classifier.claims.match import ClaimMatcher
from classifier.claims.weights import load_weights
from classifier.claims.written import Written, rows, unrelated
from classifier.load import load
from classifier.model import Scores
from classifier.policy import load_policy, parse
from classifier.vectors import Kept
from store import claims
from store.claim_facts import Facts
from store.records import Records
from store.text import normalise
from tests.classifier.hashed import Hashed
from tests.conftest import shared
from tests.factory import model

FACTS = Facts(
    id="la-oi", wording="Uống nước lá ổi mỗi ngày chữa khỏi bệnh trong ba hôm.", harm="cure", verdict="false",
    correction="Không chữa được.", source_name="Sở Y tế",
)  # fmt: skip
DAY = date(2022, 1, 1)


def found(matcher: ClaimMatcher) -> list[tuple[str, int]]:
    limits = load_policy().thresholds.claim
    (matches,) = matcher.match([FACTS.wording], (), [DAY], limits)
    return [(one.claim_id, one.version) for one in matches]


def test_a_process_that_runs_notices_that_a_claim_was_changed(records: Records) -> None:
    current, elsewhere = Current(records, model()), Current(records, model())
    assert found(current.matcher()) == []
    assert {one.facts.id for one in current.matcher().base.known} >= {"garlic-prevents"}
    with records.write() as session:
        claims.take_shipped(session)
        claims.save(session, FACTS, "user:1")
    first = current.matcher()
    assert found(first) == found(elsewhere.matcher()) == [("la-oi", 1)]
    assert current.matcher() is first
    with records.write() as session:
        claims.save(session, replace(FACTS, correction="Lời mới."), "user:1")
    assert found(current.matcher()) == found(elsewhere.matcher()) == [("la-oi", 2)]
    assert found(first) == [("la-oi", 1)]  # a snapshot stays what it was
    with records.write() as session:
        claims.retire(session, "la-oi", "user:1", "thử")
    assert found(current.matcher()) == []


def test_a_change_that_is_taken_back_is_not_noticed(records: Records) -> None:
    with records.write() as session:
        claims.take_shipped(session)
    current = Current(records, model())
    before = current.matcher()
    with pytest.raises(RuntimeError), records.write() as session:
        claims.save(session, FACTS, "user:1")
        raise RuntimeError
    assert current.matcher() is before


def test_a_warm_start_reads_no_claim_again(tmp_path: Path) -> None:
    base, first = ClaimBase.shipped(), Hashed()
    cold = ClaimMatcher(base, first, tmp_path)
    assert len(first.read) > 4 * len(base.known)
    second = Hashed()
    warm = ClaimMatcher(base, second, tmp_path)
    assert len(second.read) == 1  # the probe
    text = normalise("Nhà tôi sáng nào cũng ăn tỏi sống để phòng corona")
    asked = ([text], first.pieces([text]), [DAY])
    assert warm.evidence(*asked) == cold.evidence(*asked)
    # One claim more: that one alone is read.
    third = Hashed()
    ClaimMatcher(ClaimBase.of([*(one.facts for one in base.known), FACTS]), third, tmp_path)
    assert third.read[1:] == [FACTS.wording, FACTS.correction]


@pytest.mark.parametrize("other", [Hashed(turned=True), Hashed("khác")])
def test_vectors_of_another_model_are_not_used(tmp_path: Path, other: Hashed) -> None:
    texts = ["một câu", "hai câu khác"]
    Kept(Hashed(), tmp_path).of(texts)
    other.read.clear()
    assert np.array_equal(Kept(other, tmp_path).of(texts), other.embed(texts))
    assert set(texts) <= set(other.read)


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 half", b"x" * 1000])
def test_a_broken_file_of_vectors_is_made_again(tmp_path: Path, broken: bytes) -> None:
    Kept(Hashed(), tmp_path).of(["một câu"])
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if broken.startswith(b"PK") else broken)
    kept = Kept(Hashed(), tmp_path)
    assert kept.of(["một câu"]).shape == (1, kept.width)
    assert file.read_bytes() == whole


def test_weights_that_cannot_be_used_are_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "w.json"
    plain = json.loads(models.read_text("claim_matching.json"))
    wrong = {**plain, "both": {**plain["both"], "verify": {"likes": 1}}}
    for text in ("", "[]", "{}", json.dumps(wrong), json.dumps({**plain, "words": None})):
        file.write_text(text)
        with pytest.raises(models.DataError, match=r"w\.json"):
            load_weights(file)
    with pytest.raises(models.DataError):
        load_weights(tmp_path / "không có")


def test_thresholds_are_put_into_a_policy_where_they_stand() -> None:
    text = models.read_text("policy.yaml")
    now = revised(text, 0.31, 0.82)
    before, after = parse(text), parse(now)
    assert (after.thresholds.claim.suggest, after.thresholds.claim.confirm) == (0.31, 0.82)
    assert after.version != before.version
    same = {"version": "x", "thresholds": after.thresholds}
    assert before.model_copy(update=same) == after.model_copy(update=same)
    assert [line.partition("#")[2] for line in now.splitlines()] == [
        line.partition("#")[2] for line in text.splitlines()
    ]
    bare = text.replace(next(line for line in text.splitlines() if "suggest:" in line), "  claim: 0.42")
    assert parse(bare).thresholds.claim.confirm == 1
    assert parse(revised(bare, 0.1, 0.2)).thresholds.claim.suggest == 0.1
    with pytest.raises(models.DataError):
        revised("version: x", 0.1, 0.2)
    with pytest.raises(models.DataError, match="suggest"):
        revised(text, 0.9, 0.2)


class Reading(Hashed):
    """A model whose encoder hashes words."""

    def score(self, texts: list[str]) -> Scores:
        nothing = np.zeros(len(texts))
        return Scores(nothing, nothing, nothing, nothing, tuple(self.pieces(texts)))


def test_weights_are_chosen_on_written_posts_and_judged_out_of_fold(tmp_path: Path) -> None:
    written = Written.read([shared("data/contrast_c.jsonl")])
    others = unrelated(shared("data/posts_unlabelled.jsonl").parent)[::12]
    chosen = calibrate(written, others, Reading())
    assert {*chosen.told} >= {"both", "words"}
    for way in ("both", "words"):
        told = chosen.told[way]
        assert told["recall@1"] > 0.4
        assert told["unrelated, confirmed"] <= FALSE_CONFIRMED
        assert told["suggested"] > 10 * told["unrelated, suggested"]
    assert 0 < chosen.suggest <= chosen.confirm < 1
    assert chosen.weights.encoder == "hashed"
    assert all(weight > 0 for name, weight in chosen.weights.both.verify.items() if name != "pieces")
    chosen.weights.write(tmp_path / "w.json", **chosen.told)
    assert load_weights(tmp_path / "w.json") == chosen.weights
    said = {normalise(text) for row in models.claims() for text in (row["claim"], *row["paraphrases"])}
    assert not said & {question.text for question in written.questions}


def test_a_model_without_an_encoder_chooses_for_words(tmp_path: Path) -> None:
    written, linear = Written.read([shared("data/functional_a.jsonl")]), load(models.path("tfidf"))
    chosen = calibrate(written, ["Trời hôm nay đẹp quá, cả nhà đi chơi", "Giá vàng lại tăng"] * 20, linear)
    assert "both" not in chosen.told
    assert chosen.weights.both == chosen.weights.words
    assert {*chosen.weights.words.rank} <= {"words", "words_of_correction"}


def test_written_sets_that_are_no_sets_are_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "bộ.jsonl"
    for text in ("{", '{"topic": "x"}', "[]"):
        file.write_text(text)
        with pytest.raises(models.DataError, match=r"bộ\.jsonl"):
            Written.read([file])
    with pytest.raises(models.DataError):
        list(rows(tmp_path / "không có", "text"))
