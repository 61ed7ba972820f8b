"""Figures equal their references, and intervals hold what they promise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm
from sklearn import metrics

import models
from classifier import signals
from classifier.calibration import expected_errors
from classifier.evaluate import disturb, labels, ranking, rows, run, seen, slices, summary
from classifier.evaluate.ranking import plain
from classifier.evaluate.resample import Resampler
from classifier.model import Scores
from classifier.policy import Policy, Protection, load_policy
from tests.classifier import written
from tests.classifier.written import some_scores
from tests.conftest import shared

ACTS, HARMS = models.labels().acts, models.labels().harms


# Figures by weights, against scikit-learn with the same weights.


@st.composite
def weighed(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth of both kinds, scores with ties, and how often each row was drawn."""
    size = draw(st.integers(4, 40))

    def listed(one: st.SearchStrategy[int]) -> np.ndarray:
        return np.array(draw(st.lists(one, min_size=size, max_size=size)))

    truth, scores, weights = (
        listed(st.integers(0, 1)).astype(bool),
        listed(st.integers(0, 9)),
        listed(st.integers(0, 3)),
    )
    truth[:2], weights[:2] = (True, False), 1
    return truth, scores / 10, weights.astype(float)


@settings(max_examples=60)
@given(weighed())
def test_ranking_figures_are_those_of_scikit_learn(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    truth, scores, weights = case
    (auc,) = ranking.auc(truth, scores)(weights[None])
    assert auc == pytest.approx(metrics.roc_auc_score(truth, scores, sample_weight=weights), abs=1e-12)
    (precision,) = ranking.average_precision(truth, scores)(weights[None])
    expected = metrics.average_precision_score(truth, scores, sample_weight=weights)
    assert precision == pytest.approx(expected, abs=1e-12)
    guess = scores >= 0.5
    (f1,) = ranking.f1(truth, guess)(weights[None])
    assert f1 == pytest.approx(metrics.f1_score(truth, guess, sample_weight=weights, zero_division=0))


def test_auc_is_the_statistic_of_mann_and_whitney() -> None:
    random = np.random.default_rng(1)
    scores, truth = np.round(random.normal(size=300), 1), random.random(300) < 0.2
    expected = mannwhitneyu(scores[truth], scores[~truth]).statistic / (truth.sum() * (~truth).sum())
    assert plain(ranking.auc(truth, scores), 300) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40)
@given(st.data())
def test_macro_f1_is_that_of_scikit_learn(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 30))
    truth, guess = (
        np.array(data.draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))) for _ in range(2)
    )
    found = plain(ranking.macro_f1(truth, guess, 5), size)
    assert found == pytest.approx(metrics.f1_score(truth, guess, average="macro", zero_division=0))


@settings(max_examples=60)
@given(weighed(), st.sampled_from([0.0, 0.01, 0.1, 0.3]))
def test_recall_at_a_share_is_counted_as_its_threshold_says(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], share: float
) -> None:
    harmful, scores, weights = case
    protected = ~harmful & (np.arange(len(harmful)) % 3 != 2)
    protected[1] = True
    drawn = np.repeat(np.arange(len(harmful)), weights.astype(int))
    at = ranking.threshold_at(protected[drawn], scores[drawn], share)
    assert (scores[drawn][protected[drawn]] >= at).mean() <= share + 1e-9
    expected = (scores[drawn][harmful[drawn]] >= at).mean()
    (found,) = ranking.recall_at(harmful, protected, scores, share)(weights[None])
    assert found == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60)
@given(weighed())
def test_what_can_be_skipped_lies_below_what_must_be_kept(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    about, scores, weights = case
    (found,) = ranking.skippable(about, scores, 0.8)(weights[None])
    drawn = np.repeat(np.arange(len(about)), weights.astype(int))
    kept = [t for t in np.unique(scores) if (scores[drawn][about[drawn]] >= t).mean() >= 0.8 - 1e-9]
    assert found == pytest.approx((scores[drawn][~about[drawn]] < max(kept)).mean(), abs=1e-12)


def test_a_figure_of_nothing_is_not_a_number() -> None:
    none, some = np.zeros(5, bool), np.array([True, False, False, True, False])
    scores = np.linspace(0, 1, 5)
    for of in (
        ranking.auc(none, scores), ranking.average_precision(none, scores), ranking.recall_at(none, some, scores),
        ranking.recall_at(some, none, scores), ranking.skippable(none, scores), ranking.ratio(none, none),
    ):  # fmt: skip
        assert np.isnan(plain(of, 5))
        assert np.isnan(of(np.zeros((2, 5)))).all()


# Intervals.


def crowds(random: np.random.Generator, groups: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups of up to six copies; positives score 1 higher: the true AUC is Φ(1/√2)."""
    size = random.integers(1, 7, groups)
    truth = random.random(groups) < 0.4
    score = random.normal(size=groups) + truth
    group = np.repeat(np.arange(groups), size)
    return truth[group], score[group], group


def test_intervals_hold_the_true_figure_as_often_as_they_say_and_only_by_groups() -> None:
    random = np.random.default_rng(2)
    truth_is = norm.cdf(1 / np.sqrt(2))
    held, alone = 0, 0
    for _ in range(150):
        truth, scores, group = crowds(random)
        of = ranking.auc(truth, scores)
        by_group = Resampler(group, 200).figure(of)
        by_row = Resampler(np.arange(len(group)), 200).figure(of)
        held += by_group.low <= truth_is <= by_group.high
        alone += by_row.low <= truth_is <= by_row.high
    assert 0.89 <= held / 150 <= 0.99
    assert alone / 150 < 0.8  # copies counted as independent promise too much


def compared(random: np.random.Generator, better: float) -> float:
    """The p value of a comparison of two models, the first `better` by that much, on 300 posts."""
    truth = random.random(300) < 0.3
    both = random.normal(size=300)
    first, second = (both + truth * gain + 0.5 * random.normal(size=300) for gain in (1 + better, 1))
    sample = Resampler(np.arange(300) // 2, 200)
    return sample.compare(ranking.auc(truth, first), ranking.auc(truth, second)).p


def test_a_paired_comparison_sees_a_real_difference_and_seldom_one_that_is_not() -> None:
    random = np.random.default_rng(3)
    assert np.mean([compared(random, 0.8) < 0.05 for _ in range(40)]) >= 0.9
    assert np.mean([compared(random, 0.0) < 0.05 for _ in range(120)]) <= 0.11


def test_a_resample_is_the_rows_drawn_again() -> None:
    truth, scores, group = crowds(np.random.default_rng(4))
    sample = Resampler([f"g{g}" for g in group], 20)
    values = sample.values(ranking.auc(truth, scores))
    names = np.unique([f"g{g}" for g in group])
    for number, drawn in enumerate(sample._drawn):
        assert drawn.sum() == len(names)
        rows_ = np.concatenate(
            [
                np.repeat(np.flatnonzero(group == int(name[1:])), n)
                for name, n in zip(names, drawn, strict=True)
            ]
        )
        assert values[number] == pytest.approx(metrics.roc_auc_score(truth[rows_], scores[rows_]))
    assert np.array_equal(values, Resampler([f"g{g}" for g in group], 20).values(ranking.auc(truth, scores)))


def test_a_share_of_none_or_all_still_has_an_interval_and_one_group_has_none() -> None:
    everything, none = np.ones(40, bool), np.zeros(40, bool)
    sample = Resampler(np.arange(40) // 2, 100)
    assert (sample.share(none, everything).low, sample.share(everything, everything).high) == (0, 1)
    assert sample.share(none, everything).high == pytest.approx(0.161, abs=0.001)  # of 20 groups, not 40 rows
    assert np.isnan(Resampler(["one"] * 40, 100).figure(ranking.auc(np.arange(40) < 9, np.arange(40.0))).low)
    empty = sample.share(none, none)
    assert np.isnan(empty.value)
    assert empty.rows == 0


def test_the_interval_of_a_calibration_error_lies_around_it() -> None:
    random = np.random.default_rng(6)
    p = random.random(2000) * 0.5
    truth = random.random(2000) < p

    def error(weights: np.ndarray) -> np.ndarray:
        return expected_errors(p, truth, weights)

    sample = Resampler(np.arange(2000), 200)
    assert sample.figure(error).low > plain(error, 2000)  # as it comes, all resamples lie above
    centred = sample.figure(error, centred=True)
    assert 0 <= centred.low < centred.value < centred.high


# Rows.


def test_rows_that_do_not_hold_to_the_form_are_refused_with_their_line(tmp_path: Path) -> None:
    good = {"id": 1, "text": "Uống  nước tỏi", "about": 1, "act": "claim", "harm": ["cure"], "group": "g"}
    wrong = [
        "{hỏng", "[]", '"chữ"', "[" * 100_000,
        *(
            json.dumps({**good, "id": 2, **change})
            for change in (
                {"id": 1}, {"id": True}, {"id": None}, {"text": 3}, {"text": " \n"}, {"text": "a" * 1_000_001},
                {"about": 2}, {"about": "1"}, {"act": "song"}, {"act": ["claim"]}, {"harm": "cure"}, {"harm": ["noise"]},
                {"harm": [1]}, {"source": {}}, {"topic": None},
            )
        ),
        "x" * 12_000_001,
    ]  # fmt: skip
    file = written.write(tmp_path / "a.jsonl", [good], *wrong)
    file.write_text(file.read_text() + "\n" + json.dumps({**good, "id": 3, "about": True}), encoding="utf-8")
    found, bad = rows.read(file)
    assert [one.line for one in bad] == list(range(2, 2 + len(wrong)))
    assert all(one.file == "a.jsonl" and one.reason for one in bad)
    assert found.texts == ["Uống nước tỏi", "Uống nước tỏi"]
    assert found.targets[:, [0, 1 + ACTS.index("claim"), -1]].all()
    assert found.targets.sum() == 2 * 4
    assert not found.protected.any()


def test_a_file_without_a_good_row_is_a_clear_error(tmp_path: Path) -> None:
    for text in ("", "\n\n", "{}\n"):
        (tmp_path / "a.jsonl").write_text(text)
        with pytest.raises(models.DataError, match="không có dòng nào"):
            rows.read(tmp_path / "a.jsonl")
    with pytest.raises(models.DataError, match="Không đọc được"):
        rows.read(tmp_path / "none.jsonl")


def test_groups_are_near_copies_or_a_topic_and_stay_apart_by_file(tmp_path: Path) -> None:
    made = written.rows()[:4]
    made[0] = {**made[0], "group": "g1"}
    made[3] = {key: value for key, value in made[3].items() if key != "topic"}
    parts = [rows.read(written.write(tmp_path / f"{name}.jsonl", made))[0] for name in "ab"]
    assert parts[0].groups == ["a/g1", "a/nước tỏi", "a/nước tỏi", "a/nước tỏi-F6"]
    both = rows.joined(parts)
    assert len({*both.groups}) == 6
    assert len(both) == len(both.targets) == len(both.protected) == 8
    assert [name for name, _ in both.files] == ["a.jsonl", "b.jsonl"]


def test_every_data_set_says_where_its_labels_come_from(tmp_path: Path) -> None:
    assert "mô hình ngôn ngữ" in labels.note_of(tmp_path / "posts_train.jsonl")
    assert "chưa có người" in labels.note_of(tmp_path / "posts_train_2.jsonl")
    assert "viết ra" in labels.note_of(tmp_path / "contrast_h.jsonl")
    assert labels.note_of(tmp_path / "own.jsonl") == labels.UNKNOWN
    (tmp_path / "own.labels.txt").write_text("Hai người duyệt, người thứ ba phân xử.")
    assert labels.note_of(tmp_path / "own.jsonl").startswith("Hai người duyệt")


# Ways of writing.


def test_texts_are_changed_as_named() -> None:
    text = "Đặc trị F0, KHỎI hẳn sau 3 ngày!!! 🙏 (tin được_không?)"
    changed = {name: change(text) for name, (_, change) in disturb.CHANGES.items()}
    assert changed == {
        "without_marks": "Dac tri F0, KHOI han sau 3 ngay!!! 🙏 (tin duoc_khong?)",
        "upper": "ĐẶC TRỊ F0, KHỎI HẲN SAU 3 NGÀY!!! 🙏 (TIN ĐƯỢC_KHÔNG?)",
        "lower": "đặc trị f0, khỏi hẳn sau 3 ngày!!! 🙏 (tin được_không?)",
        "without_points": "Đặc trị F0 KHỎI hẳn sau 3 ngày tin được không",
    }
    assert disturb.without_points("?!") == "?!"


@settings(max_examples=40)
@given(st.text())
def test_a_text_without_marks_has_none_and_stays_so(text: str) -> None:
    bare = disturb.without_marks(text)
    assert disturb.without_marks(bare) == bare
    assert not {*bare} & {*"đĐăâêôơưáàảãạ"}


@pytest.mark.parametrize(
    ("text", "marks", "teencode", "loud"),
    [
        ("Uống nước tỏi là khỏi", True, False, False),
        ("uong nuoc toi la khoi", False, False, False),
        ("m.n ơi uống tỏi là khỏi nha, ko cần thuốc j hết", True, True, False),
        ("KHẨN CẤP!!! PHONG TỎA ĐÊM NAY, chia sẻ", True, False, True),
        ("", False, False, False),
        ("🙏🙏 123", False, False, False),
    ],
)
def test_ways_of_writing_are_recognised(text: str, marks: bool, teencode: bool, loud: bool) -> None:
    assert (slices.has_marks(text), slices.is_teencode(text), slices.is_loud(text)) == (marks, teencode, loud)


def test_the_written_sets_show_that_marks_and_shortenings_are_recognised() -> None:
    sets, _ = rows.read(shared("data/functional_a.jsonl"))
    by = {
        f: [t for t, g in zip(sets.texts, sets.functions, strict=True) if g == f] for f in ("F1", "F2", "F3")
    }
    assert not any(slices.has_marks(text) for text in by["F2"])
    assert all(slices.has_marks(text) for text in by["F1"])
    assert np.mean([slices.is_teencode(text) for text in by["F3"]]) > 0.6
    assert not any(slices.is_teencode(text) for text in by["F1"])


# What the policy says.


@pytest.mark.parametrize("acts", [{}, {"satire": 0.2, "question": 0.1}])
def test_rows_are_judged_as_the_policy_judges_a_post(acts: dict[str, float]) -> None:
    policy = load_policy()
    limits = policy.thresholds.model_copy(update={"protected": Protection(any=0.5, acts=acts)})
    policy = policy.model_copy(update={"thresholds": limits})
    scores = some_scores(400)
    judged = seen.Judged.of(scores, limits)
    for i in range(400):
        one = policy.judge(
            harmful=float(scores.harmful[i]),
            acts=dict(zip(ACTS, map(float, scores.acts[i]), strict=True)),
            harms=dict(zip(HARMS, map(float, scores.harms[i]), strict=True)),
            claim=None,
            signals=signals.evaluate("một bài"),
        )
        assert (one.flagged, one.protected, one.uncertain) == (
            judged.flagged[i], judged.shielded[i], judged.uncertain[i],
        )  # fmt: skip


class Told:
    """A model that says what it was told, whatever it is asked: the scores of known texts."""

    name = "told"

    def __init__(self, said: dict[str, float]) -> None:
        self.said = said

    def score(self, texts: list[str]) -> Scores:
        scores = some_scores(len(texts))
        return replace(scores, harmful=np.array([self.said.get(text, 0.0) for text in texts]))


@pytest.fixture
def sample(tmp_path: Path) -> rows.Rows:
    return rows.read(written.write(tmp_path / "contrast_test.jsonl", written.rows()))[0]


def measured(sample: rows.Rows, policy: Policy | None = None) -> run.SetFigures:
    scores = some_scores(len(sample))
    return run.measure(sample, seen.Seen("m", scores), policy or load_policy(), resamples=100)


def test_the_figures_of_a_set_are_those_of_scikit_learn(sample: rows.Rows) -> None:
    scores = some_scores(len(sample))
    found = measured(sample)
    headline = {name: one.figure.value for name, one in found.headline.items()}
    harmful = [bool(row["harm"]) for row in written.rows()]
    acts = [ACTS.index(row["act"]) for row in written.rows()]
    guess = scores.acts.argmax(axis=1)
    assert headline["roc_auc"] == pytest.approx(metrics.roc_auc_score(harmful, scores.harmful))
    assert headline["average_precision"] == pytest.approx(
        metrics.average_precision_score(harmful, scores.harmful)
    )
    assert headline["act_accuracy"] == pytest.approx(metrics.accuracy_score(acts, guess))
    assert headline["act_macro_f1"] == pytest.approx(
        metrics.f1_score(acts, guess, average="macro", zero_division=0)
    )
    assert (found.confusion == metrics.confusion_matrix(acts, guess, labels=range(len(ACTS)))).all()
    for one in found.acts:
        k = ACTS.index(one.act)
        expected = metrics.precision_recall_fscore_support(
            np.equal(acts, k), guess == k, average="binary", zero_division=np.nan
        )[:3]
        assert (one.precision.value, one.recall.value) == pytest.approx(expected[:2], nan_ok=True)
        assert one.f1.value == pytest.approx(np.nan_to_num(expected[2]))
    cure = next(one for one in found.harms if one.harm == "cure")
    truth = np.array(["cure" in row["harm"] for row in written.rows()])
    assert cure.roc_auc
    assert cure.roc_auc.value == pytest.approx(
        metrics.roc_auc_score(truth, scores.harms[:, HARMS.index("cure")])
    )
    assert next(one for one in found.harms if one.harm == "privacy").roc_auc is None
    flagged = seen.Judged.of(scores, load_policy().thresholds).flagged
    assert headline["protected_flag_rate"] == pytest.approx(flagged[sample.protected].mean())
    assert headline["precision"] == pytest.approx(np.array(harmful)[flagged].mean())
    curve = found.curves.speech
    assert (np.diff(curve, axis=0) >= 0).all()
    assert tuple(curve[-1]) == (1, 1)


def test_behaviour_is_counted_by_function_and_topic(sample: rows.Rows) -> None:
    caught = {t for t, row in zip(sample.texts, written.rows(), strict=True) if row["function"] == "F1"}
    told = Told(dict.fromkeys(caught, 0.99))
    policy = load_policy()
    open_ = policy.thresholds.model_copy(update={"protected": Protection(any=1.0)})
    found = run.measure(
        sample, seen.see(told, sample), policy.model_copy(update={"thresholds": open_}), resamples=100
    ).behaviour
    assert found
    assert found.caught.value == pytest.approx(1 / 3)  # F1 of F1, F2, F3
    assert (found.spared.value, found.others.value) == (1, 1)
    assert found.spared.rows == 8 * 4
    assert [one.key for one in found.functions] == ["F1", "F2", "F3", "F6", "F7", "F9", "F11", "F12", "F14"]
    first, second = found.functions[:2]
    assert (first.caught.value, second.caught.value, first.mean) == (1, 0, pytest.approx(0.99))
    assert len(found.topics) == 8
    for _, caught_, spared in found.topics:
        assert (caught_.positives, caught_.rows, spared.positives, spared.rows) == (1, 3, 6, 6)
    assert all(
        cell and (cell.right == 1) == (j not in {1, 2}) for row in found.cells for j, cell in enumerate(row)
    )


def test_a_change_of_writing_is_measured_against_the_text_as_found(sample: rows.Rows) -> None:
    harmful = {t: 0.99 for t, h in zip(sample.texts, sample.harmful, strict=True) if h}
    # This model knows harm by its text as found alone.
    two = seen.see(Told(harmful), sample, ["without_marks", "lower"])
    policy = load_policy()
    open_ = policy.thresholds.model_copy(update={"protected": Protection(any=1.0)})
    bare, _ = slices.changes(sample, two, open_, Resampler(sample.groups, 100))
    # F2 and what else has neither mark nor capital is the same text, and stays found.
    same = [disturb.without_marks(t) == t for t in sample.texts]
    still = float(np.mean(np.array(same)[sample.harmful]))
    assert 0 < still < 1
    assert bare.recall.value == pytest.approx(still - 1)
    assert bare.turned.value == pytest.approx((1 - still) * sample.harmful.mean())
    assert bare.recall.p < 0.05


def test_two_models_are_compared_on_the_same_resamples(sample: rows.Rows) -> None:
    same = seen.Seen("a", some_scores(len(sample)))
    other = replace(same, model="b", scores=replace(same.scores, harmful=sample.harmful.astype(float)))
    found = run.measure(sample, same, load_policy(), same, resamples=100)
    assert all(one.difference and one.difference.value == 0 for one in found.headline.values())
    assert found.headline["roc_auc"].difference
    assert found.headline["roc_auc"].difference.p == 1
    better = run.measure(sample, other, load_policy(), same, resamples=100).headline["roc_auc"].difference
    assert better
    assert better.value > 0
    assert better.low > 0
    assert better.p < 0.05


def test_the_figures_of_a_card_agree_with_those_of_the_report(sample: rows.Rows) -> None:
    scores = some_scores(len(sample))
    card = summary.of_posts(sample.targets, sample.protected, sample.groups, scores, 100)
    for name, one in measured(sample).headline.items():
        if name in card:
            assert card[name]["value"] == pytest.approx(one.figure.value, abs=1e-4), name
            assert card[name]["low"] == pytest.approx(one.figure.low, abs=1e-4, nan_ok=True), name
    json.dumps(card, allow_nan=False)
    few = summary.of_written(sample.targets, sample.protected, scores, resamples=100)
    assert few["roc_auc"]["value"] == card["roc_auc"]["value"]
    assert few["rows"] == 72
