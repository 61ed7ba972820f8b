"""What thresholds do is counted as it is; what is chosen keeps its bound; a new policy leaves the old one alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import models
from classifier import policy_edit
from classifier.evaluate import rows, seen, thresholds
from classifier.evaluate.seen import HeldOut, Judged
from classifier.load import folder_of
from classifier.model import Scores
from classifier.policy import Protection, load_policy, parse, read
from kiemtin.cli import app
from tests.classifier import written

ACTS = models.labels().acts
NOW = load_policy().thresholds


def held(number: int = 1500, seed: int = 1) -> HeldOut:
    """Posts of which a twentieth is harmful; scores that know something, in groups of two."""
    random = np.random.default_rng(seed)
    harmful = random.random(number) < 0.05
    act = np.where(
        harmful, ACTS.index("claim"), random.choice([1, 3, 6, 0, 9], number, p=[0.6, 0.2, 0.1, 0.05, 0.05])
    )
    targets = np.zeros((number, 22), bool)
    targets[np.arange(number), 1 + act] = True
    targets[:, -1] = harmful
    speaks = np.isin(act, [i for i, name in enumerate(ACTS) if name in models.labels().protected])
    acts = random.gamma(0.3, 0.5, (number, len(ACTS)))
    acts[np.arange(number), act] += random.gamma(1, 1, number)
    acts /= acts.sum(axis=1, keepdims=True)
    scores = Scores(
        about=random.random(number),
        acts=acts,
        harms=random.random((number, 9)),
        harmful=1 / (1 + np.exp(-(random.normal(-2.5, 1.5, number) + 2.5 * harmful))),
    )
    return HeldOut(scores, targets, speaks & ~harmful, np.array([f"g{i // 2}" for i in range(number)]))


HELD = held()


def test_effects_are_counted() -> None:
    limits = thresholds.with_(NOW, 0.3, 0.6, 0.1)
    (effect,) = thresholds.effects(HELD, [limits], resamples=100)
    speaks = np.array(
        [limits.protected.holds(dict(zip(ACTS, row, strict=True))) for row in HELD.scores.acts.tolist()]
    )
    flagged = (HELD.scores.harmful >= 0.3) & ~speaks
    looked = flagged | (HELD.scores.harmful >= 0.1)
    assert effect.found.value == pytest.approx(flagged[HELD.harmful].mean())
    assert effect.speech.value == pytest.approx(flagged[HELD.protected].mean())
    assert effect.precision.value == pytest.approx(HELD.harmful[flagged].mean())
    assert effect.reached.value == pytest.approx(looked[HELD.harmful].mean())
    assert effect.seen.value == pytest.approx(looked.mean())
    for figure in (effect.found, effect.speech, effect.precision, effect.reached, effect.seen):
        assert figure.low <= figure.value <= figure.high


def test_a_higher_flag_never_finds_more_and_never_flags_more_speech() -> None:
    found = thresholds.effects(HELD, thresholds.grid(NOW), resamples=100)
    flags = [one.thresholds.flag for one in found]
    assert flags == sorted(flags)
    assert NOW.flag in flags
    assert all(one.thresholds.uncertain <= one.thresholds.flag for one in found)
    for of in ("found", "speech"):
        values = [getattr(one, of).value for one in found]
        assert values == sorted(values, reverse=True)


def test_what_a_person_sees_depends_on_how_much_harm_there_is() -> None:
    (rare, same, much) = (
        thresholds.effects(HELD, [NOW], prevalence, 100)[0]
        for prevalence in (0.005, float(HELD.harmful.mean()), 0.4)
    )
    assert rare.seen.value < same.seen.value < much.seen.value
    assert rare.precision.value < same.precision.value < much.precision.value
    assert rare.found == same.found == much.found
    (plain,) = thresholds.effects(HELD, [NOW], None, 100)
    assert same.seen.value == pytest.approx(plain.seen.value)
    judged = Judged.of(HELD.scores, NOW)
    share = 0.4 * judged.looked_at[HELD.harmful].mean() + 0.6 * judged.looked_at[~HELD.harmful].mean()
    assert much.seen.value == pytest.approx(share)


@settings(max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.005, 0.01, 0.05]), st.sampled_from([None, 0.4, 0.8]))
def test_what_is_chosen_keeps_its_bound(seed: int, share: float, protected: float | None) -> None:
    posts = held(400, seed)
    chosen = thresholds.choose(posts, NOW, share, protected, resamples=100)
    limits = chosen.thresholds
    assert chosen.effect.speech.value <= share + 1e-12
    assert NOW.uncertain <= limits.flag <= 1
    assert limits.uncertain == NOW.uncertain
    assert protected in {None, limits.protected.any}
    # No other pair of the grid finds more within the bound.
    for shield in thresholds.PROTECTED if protected is None else (protected,):
        for flag in np.arange(0.1, 1, 0.05):
            judged = Judged.of(posts.scores, thresholds.with_(NOW, float(flag), shield))
            if judged.flagged[posts.protected].mean() <= share:
                assert judged.flagged[posts.harmful].mean() <= chosen.effect.found.value + 1e-12


def test_the_figures_of_thresholds_chosen_elsewhere_are_a_little_worse_for_speech() -> None:
    worse = [
        chosen.speech.value > chosen.effect.speech.value
        for seed in range(12)
        for chosen in [thresholds.choose(held(800, seed), NOW, 0.01, resamples=100)]
    ]
    assert sum(worse) >= 8


def test_acts_with_a_number_of_their_own_keep_it() -> None:
    own = NOW.model_copy(update={"protected": Protection(any=0.6, acts={"satire": 0.2})})
    assert thresholds.choose(HELD, own, resamples=100).thresholds.protected.acts == {"satire": 0.2}
    assert thresholds.with_(own, protected=0.5).protected == Protection(any=0.5, acts={"satire": 0.2})


def test_thresholds_that_cannot_be_are_refused() -> None:
    with pytest.raises(models.DataError, match="uncertain"):
        thresholds.with_(NOW, flag=0.2, uncertain=0.3)
    assert thresholds.with_(NOW, flag=0.05).uncertain == 0.05
    none = HeldOut(HELD.scores, np.zeros_like(HELD.targets), HELD.protected, HELD.groups)
    with pytest.raises(models.DataError, match="có hại"):
        thresholds.choose(none, NOW)
    one = HeldOut(HELD.scores, HELD.targets, HELD.protected, np.full(len(HELD.groups), "g"))
    with pytest.raises(models.DataError, match="nhóm"):
        thresholds.choose(one, NOW)


# The scores that a model keeps.


def arrays(posts: HeldOut) -> dict[str, np.ndarray]:
    scores = posts.scores
    columns = np.column_stack([scores.about, scores.acts, scores.harms, scores.harmful])
    return {"scores": columns, "targets": posts.targets, "protected": posts.protected, "groups": posts.groups}


def test_kept_scores_come_back(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "oof.npz", **arrays(HELD))
    back = HeldOut.load(tmp_path)
    for name, value in vars(back.scores).items():
        if isinstance(value, np.ndarray):
            assert value == pytest.approx(getattr(HELD.scores, name))
    assert np.array_equal(back.protected, HELD.protected)
    assert np.array_equal(back.groups, HELD.groups)


@pytest.mark.parametrize(
    "change",
    [
        {"scores": np.zeros((3, 21))},
        {"scores": HELD.scores.acts},
        {"scores": np.full((1500, 22), 1.5)},
        {"scores": np.full((1500, 22), np.nan)},
        {"protected": np.ones(3, bool)},
        {"groups": np.array(["a"])},
        {"groups": None},
        {"targets": np.array([object()])},
    ],
)
def test_kept_scores_that_do_not_fit_are_refused(
    tmp_path: Path, change: dict[str, np.ndarray | None]
) -> None:
    wrong = {**arrays(HELD), **change}
    np.savez_compressed(tmp_path / "oof.npz", **{name: a for name, a in wrong.items() if a is not None})
    with pytest.raises(models.DataError, match=r"oof\.npz"):
        HeldOut.load(tmp_path)


def test_missing_or_broken_kept_scores_are_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(models.DataError, match="--data"):
        HeldOut.load(tmp_path)
    (tmp_path / "oof.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(models.DataError, match=r"oof\.npz"):
        HeldOut.load(tmp_path)


# A new policy.

TEXT = read()


def test_a_new_policy_differs_in_its_numbers_its_version_and_a_comment_alone() -> None:
    new = policy_edit.revised(TEXT, "next", {"flag": 0.2345, "protected": 0.55}, "one\ntwo")
    before, after = TEXT.splitlines(), new.splitlines()
    added = [line for line in after if line in {"# one", "# two"}]
    assert added == ["# one", "# two"]
    rest = [line for line in after if line not in {"# one", "# two"}]
    assert len(rest) == len(before)
    changed = [(a, b) for a, b in zip(before, rest, strict=True) if a != b]
    assert len(changed) == 3
    assert all(a.split("#")[1:] == b.split("#")[1:] for a, b in changed)
    policy = parse(new)
    assert (policy.version, policy.thresholds.flag, policy.thresholds.protected.any) == ("next", 0.2345, 0.55)
    assert policy.thresholds.harm == parse(TEXT).thresholds.harm


@settings(max_examples=30)
@given(st.floats(0.1, 1), st.floats(0, 1), st.text("ab-\"\\'#: đ", min_size=1, max_size=9))
def test_any_number_and_any_version_is_written_as_it_is(flag: float, protected: float, version: str) -> None:
    policy = parse(policy_edit.revised(TEXT, version, {"flag": flag, "protected": protected}, "why"))
    assert (policy.version, policy.thresholds.flag, policy.thresholds.protected.any) == (
        version,
        flag,
        protected,
    )


def test_other_ways_to_write_a_policy_are_kept_or_refused() -> None:
    start = TEXT.index("thresholds:")
    end = TEXT.index("# Referral")

    def with_block(block: str) -> str:
        return TEXT[:start] + block + "\n" + TEXT[end:]

    flow = with_block("thresholds: {flag: 0.3, uncertain: 0.1, protected: 0.6, harm: 0.2, claim: 0.4} # all")
    assert "{flag: 0.5, uncertain: 0.1," in policy_edit.revised(flow, "n", {"flag": 0.5}, "why")
    nested = with_block(
        "thresholds:\n  flag: 0.3\n  uncertain: 0.1\n  protected: { any: 0.6, acts: { satire: 0.3 } }\n"
        "  harm: 0.2\n  claim: 0.4\n"
    )
    new = parse(policy_edit.revised(nested, "n", {"protected": 0.4}, "why"))
    assert new.thresholds.protected == Protection(any=0.4, acts={"satire": 0.3})
    shared = with_block(
        "thresholds:\n  flag: &a 0.6\n  uncertain: 0.1\n  protected: *a\n  harm: 0.2\n  claim: 0.4\n"
    )
    with pytest.raises(models.DataError, match="bằng tay"):
        policy_edit.revised(shared, "n", {"protected": 0.4}, "why")
    with pytest.raises(models.DataError, match="phiên bản khác"):
        policy_edit.revised(TEXT, parse(TEXT).version, {"flag": 0.5}, "why")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026.11-1", "2026.11-2"),
        ("2026.11-9", "2026.11-10"),
        ("a", "a-2"),
        ("2026", "2026-2"),
        ("x-1-3", "x-1-4"),
    ],
)
def test_the_next_version_counts_on(before: str, after: str) -> None:
    assert policy_edit.next_version(before) == after


# The command.


@pytest.fixture
def kiemtin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.setenv("KIEMTIN_DATA_DIR", str(tmp_path / "var"))
    # The shipped model, with other things kept beside it.
    folder = tmp_path / "model"
    folder.mkdir()
    for part in folder_of().iterdir():
        if part.name not in {"oof.npz", "metrics.json"}:
            (folder / part.name).symlink_to(part)
    np.savez_compressed(folder / "oof.npz", **arrays(HELD))
    monkeypatch.setenv("KIEMTIN_MODEL", str(folder))
    return CliRunner()


def test_thresholds_are_shown_chosen_and_written_beside_the_policy_in_use(
    kiemtin: CliRunner, tmp_path: Path
) -> None:
    few = ["--resamples", "100"]
    shown = kiemtin.invoke(app, ["model", "thresholds", *few])
    assert shown.exit_code == 0, shown.output
    assert "đang dùng" in shown.output
    assert "đề nghị" not in shown.output
    shown = kiemtin.invoke(app, ["model", "thresholds", "--flag", "0.222", "--prevalence", "0.01", *few])
    assert "0,222" in shown.output
    assert "1,0 % bài có hại" in shown.output
    chosen = kiemtin.invoke(app, ["model", "thresholds", "--choose", "--write", "new.yaml", *few])
    assert chosen.exit_code == 0, chosen.output
    expected = thresholds.choose(HELD, NOW, resamples=100).thresholds
    new = load_policy(tmp_path / "new.yaml")
    assert new.thresholds == expected
    assert new.version == policy_edit.next_version(load_policy().version)
    assert "1500 posts not learned from" in (tmp_path / "new.yaml").read_text()
    assert read() == TEXT
    kept = (tmp_path / "new.yaml").read_text()
    again = kiemtin.invoke(app, ["model", "thresholds", "--choose", "--write", "new.yaml", *few])
    assert isinstance(again.exception, models.DataError)
    assert (tmp_path / "new.yaml").read_text() == kept
    # From the new policy on, under a name of its own.
    third = ["--policy", "new.yaml", "--flag", "0.5", "--write", "third.yaml", "--version", "mùa đông", *few]
    assert kiemtin.invoke(app, ["model", "thresholds", *third]).exit_code == 0
    assert load_policy(tmp_path / "third.yaml").version == "mùa đông"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--write", "new.yaml"], "Không có ngưỡng nào đổi"),
        (["--choose", "--flag", "0.2"], "--choose"),
        (["--flag", "0.05", "--uncertain", "0.2"], "uncertain"),
        (["--flag", "0.2", "--write", "no/new.yaml"], "Không ghi được"),
        (["--model", "none"], "oof.npz"),
    ],
)
def test_what_makes_no_sense_is_refused(
    kiemtin: CliRunner, tmp_path: Path, arguments: list[str], said: str
) -> None:
    failed = kiemtin.invoke(app, ["model", "thresholds", "--resamples", "100", *arguments])
    assert isinstance(failed.exception, models.DataError), failed.output
    assert said in str(failed.exception)
    assert not (tmp_path / "new.yaml").exists()


def test_held_out_scores_are_measured_only_on_the_rows_they_are_of(
    kiemtin: CliRunner, tmp_path: Path
) -> None:
    file = written.write(tmp_path / "posts_train.jsonl", written.rows())
    made, _ = rows.read(file)
    arguments = ["model", "evaluate", str(file), "--held-out", "--json", "r.json", "--resamples", "100"]
    wrong = kiemtin.invoke(app, arguments)
    assert isinstance(wrong.exception, models.DataError)
    assert "1500 dòng" in str(wrong.exception)
    mine = HeldOut.of(made, written.some_scores(len(made)))
    np.savez_compressed(tmp_path / "model" / "oof.npz", **arrays(mine))
    assert kiemtin.invoke(app, arguments).exit_code == 0
    (one,) = json.loads((tmp_path / "r.json").read_text())["sets"]
    assert one["fresh"] is True
    expected = seen.Judged.of(mine.scores, NOW).flagged[made.harmful].mean()
    assert one["headline"]["recall"]["figure"]["value"] == pytest.approx(expected, abs=1e-6)


def test_what_a_model_has_learned_from_cannot_choose_its_thresholds(
    kiemtin: CliRunner, tmp_path: Path
) -> None:
    file = written.write(tmp_path / "contrast_own.jsonl", written.rows())
    own = ["--data", str(file), "--resamples", "100"]
    assert kiemtin.invoke(app, ["model", "thresholds", *own]).exit_code == 0
    ((name, digest),) = rows.read(file)[0].files
    (tmp_path / "model" / "metrics.json").write_text(json.dumps({"trained_on": {name: digest}}))
    refused = kiemtin.invoke(app, ["model", "thresholds", *own])
    assert isinstance(refused.exception, models.DataError)
    assert "đã học" in str(refused.exception)
    shown = kiemtin.invoke(app, ["model", "evaluate", str(file), "--no-disturb", "--resamples", "100"])
    assert "Mô hình đã học trên dữ liệu này" in shown.output
    (tmp_path / "model" / "metrics.json").write_text(json.dumps({"trained_on": {"other": "0"}}))
    assert seen.is_fresh(tmp_path / "model", rows.read(file)[0]) is True


def test_a_new_policy_builds_on_the_one_in_force(
    kiemtin: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIEMTIN_DATABASE_URL", "")
    (tmp_path / "mine.yaml").write_text(policy_edit.revised(TEXT, "của tỉnh", {"flag": 0.4321}, "lead"))
    assert kiemtin.invoke(app, ["migrate"]).exit_code == 0
    switched = kiemtin.invoke(app, ["policy", "switch", "mine.yaml", "--reason", "thử", "--yes"])
    assert switched.exit_code == 0, switched.output
    arguments = ["model", "thresholds", "--protected", "0.7", "--write", "new.yaml", "--resamples", "100"]
    assert kiemtin.invoke(app, arguments).exit_code == 0
    new = load_policy(tmp_path / "new.yaml")
    assert (new.version, new.thresholds.flag, new.thresholds.protected.any) == ("của tỉnh-2", 0.4321, 0.7)
