"""The drift report over real records: which weeks are compared with which, and what the lead is shown."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from api.desk import Desk
from api.drift import Drift, DriftReport, NoTrainingScores, report, training_scores
from classifier.drift import Level
from review import weeks as reading
from review.errors import NotAllowed
from review.permissions import Person
from search.engine import SearchEngine
from store.archive import Archive
from store.records import Records
from store.vocabulary import Role
from tests.api.conftest import Clock, House
from tests.factory import NoEngine
from tests.scored import Told, keep_held_out, put

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=VIETNAM)  # a Friday, week 47
COMMON = [
    "hôm",
    "nay",
    "trời",
    "nắng",
    "đẹp",
    "cả",
    "nhà",
    "đi",
    "chợ",
    "mua",
    "rau",
    "cá",
    "thịt",
    "về",
    "nấu",
    "cơm",
]


def week(back: int) -> datetime:
    """Return noon of the Wednesday of the week so many weeks back."""
    return datetime(2026, 11, 18, 12, 0, tzinfo=VIETNAM) - timedelta(weeks=back)


def posts(back: int, number: int, mean: float = 0.1, word: str = "", **how: object) -> list[Told]:
    rng = np.random.default_rng([back, number])
    scores = rng.beta(2, 2 / mean - 2, number)
    said = [" ".join([*rng.choice(COMMON, 8), word, f"bài{back}x{i}"]) for i in range(number)]
    return [Told(week(back), text, float(p), **how) for text, p in zip(said, scores, strict=True)]  # type: ignore[arg-type]


def read(records: Records, weeks: int = 12, training: np.ndarray | None = None) -> DriftReport:  # type: ignore[type-arg]
    with records.read() as session:
        return report(session, NOW, weeks, training)


def test_a_week_is_monday_to_sunday_in_vietnam(records: Records) -> None:
    monday = datetime(2026, 11, 16, 0, 0, tzinfo=VIETNAM)
    edges = [monday - timedelta(seconds=1), monday, monday + timedelta(days=7, seconds=-1)]
    put(records, [Told(at, f"bài {i}", 0.5) for i, at in enumerate(edges)])
    with records.read() as session:
        before, now = reading.read(session, date(2026, 11, 9), date(2026, 11, 16))
        assert reading.first_week(session, "m1") == date(2026, 11, 9)
        assert reading.first_week(session, "m2") is None
    assert (before.label, before.posts, now.label, now.posts) == ("2026-W46", 1, "2026-W47", 2)
    assert reading.week_of(datetime(2026, 12, 31, 23, tzinfo=VIETNAM)) == date(2026, 12, 28)


def test_a_sample_is_bounded_and_holds_a_text_once(records: Records) -> None:
    loud = Told(week(0), "cùng một lời", 0.9, copies=200)
    put(records, [loud, *posts(0, 60)])
    with records.read() as session:
        (now,) = reading.read(session, date(2026, 11, 16), date(2026, 11, 16), sample=50)
        (whole,) = reading.read(session, date(2026, 11, 16), date(2026, 11, 16))
        texts = reading.texts(session, [one.post for one in whole.sample])
    assert now.posts == 260
    assert len(now.sample) == 50
    assert len(whole.sample) == 61
    assert texts.count("cùng một lời") == 1
    assert {one.post for one in now.sample} <= {one.post for one in whole.sample}


def test_weeks_are_compared_with_the_first_full_ones(records: Records) -> None:
    for back in range(12, 1, -1):
        put(records, posts(back, 150))
    put(records, posts(1, 150, mean=0.4, word="xyz"))
    put(records, posts(0, 20))
    found = read(records)
    # Week 35 is the first and may be half a week; of the eleven full ones after it, four are the reference.
    assert found.reference == ["2026-W36", "2026-W37", "2026-W38", "2026-W39"]
    assert found.reference_scores == 600
    assert [one.week for one in found.weeks] == [f"2026-W{n}" for n in range(36, 48)]
    states = [one.state for one in found.weeks]
    assert states == ["reference"] * 4 + ["compared"] * 7 + ["few"]
    assert [one.level for one in found.weeks[4:10]] == [Level.STABLE] * 6
    changed = found.weeks[10]
    assert (changed.level, found.latest) == (Level.CHANGED, changed)
    assert changed.psi is not None
    assert changed.psi > 0.25
    assert changed.words is not None
    assert changed.words.beyond_chance
    assert changed.words.rose[0].word == "xyz"
    # Words that each stand in one post are nowhere: they might be somebody's own.
    shown = {rose.word for one in found.weeks if one.words for rose in one.words.rose}
    assert shown <= {*COMMON, "xyz"}
    assert not found.weeks[11].full
    assert changed.flagged is not None
    assert changed.mean == pytest.approx(0.4, abs=0.05)
    assert list(changed.quantiles.values()) == sorted(changed.quantiles.values())


def test_weeks_of_another_model_are_marked_and_not_compared(records: Records) -> None:
    for back in range(9, 4, -1):
        put(records, posts(back, 120, model="m1"))
    put(records, posts(4, 120, mean=0.4, model="m1") + posts(4, 120, model="m2"))
    for back in range(3, 0, -1):
        put(records, posts(back, 120, model="m2", policy="p2"))
    put(records, posts(0, 120, mean=0.5, model="m2", policy="p2"))
    found = read(records, weeks=10)
    assert found.model == "m2"
    # The present model began in week 43; its first full week is 44.
    assert found.reference == ["2026-W44"]
    by_week = {one.week: one for one in found.weeks}
    assert all(by_week[f"2026-W{n}"].state == "model" for n in range(38, 43))
    # A week judged by both is compared by what the present model judged.
    assert (by_week["2026-W43"].state, by_week["2026-W43"].compared) == ("compared", 120)
    assert by_week["2026-W43"].level is Level.STABLE
    assert by_week["2026-W47"].level is Level.CHANGED
    marks = [one.week for one in found.weeks if one.model_changed]
    assert marks == ["2026-W44"]
    assert [one.week for one in found.weeks if one.policy_changed] == ["2026-W44"]
    assert by_week["2026-W38"].psi is None
    assert by_week["2026-W38"].words is not None


def test_training_scores_can_be_the_reference(records: Records, tmp_path: Path) -> None:
    put(records, posts(2, 150) + posts(1, 150, mean=0.4))
    with pytest.raises(NoTrainingScores):
        training_scores(tmp_path)
    keep_held_out(tmp_path, [one.harmful for one in posts(9, 500)])
    found = read(records, weeks=3, training=training_scores(tmp_path))
    assert (found.against, found.reference_scores) == ("training", 500)
    assert [one.level for one in found.weeks] == [Level.STABLE, Level.CHANGED, None]


def test_an_installation_without_posts_or_history_has_an_empty_report(records: Records) -> None:
    found = read(records, weeks=4)
    assert [(one.state, one.posts) for one in found.weeks] == [("empty", 0)] * 4
    assert (found.model, found.reference, found.latest) == ("", [], None)
    put(records, posts(0, 120))
    found = read(records, weeks=4)
    assert [one.state for one in found.weeks] == ["empty"] * 3 + ["alone"]


# ── the lead's page ─────────────────────────────────────────────────────────


def test_the_lead_sees_the_weeks_and_others_do_not(house: House) -> None:
    for back in range(6, 0, -1):
        put(
            house.desk.records, posts(back, 130, mean=0.1 if back > 1 else 0.4, word="" if back > 1 else "lạ")
        )
    lead = house.signed_in(Role.LEAD)
    answer = lead.get("/api/v1/drift?weeks=6").json()
    assert [one["week"] for one in answer["weeks"]] == [f"2026-W{n}" for n in range(42, 48)]
    assert answer["weeks"][4]["level"] == "changed"
    page = lead.get("/drift?weeks=6")
    assert page.status_code == 200
    assert "đổi nhiều" in page.text
    assert "2026-W46" in page.text
    assert "<polyline" in page.text
    assert ">lạ<" in page.text
    assert 'href="/drift"' in page.text
    assert lead.get("/api/v1/drift?weeks=1").status_code == 422
    lead.cookies.set("kiemtin_language", "en")
    assert "changed a lot" in lead.get("/drift?weeks=6").text
    other = house.signed_in(Role.AUDITOR)
    assert other.get("/api/v1/drift").status_code == 403
    assert other.get("/drift").status_code == 403
    assert 'href="/drift"' not in other.get("/queue").text
    assert house.client().get("/api/v1/drift").status_code == 401


def test_a_report_is_kept_for_a_while_and_then_made_anew(sqlite: Records, tmp_path: Path) -> None:
    put(sqlite, posts(0, 5))
    clock, engine = Clock(), cast("SearchEngine", NoEngine())
    drift = Drift(Desk(sqlite, engine, Archive(tmp_path / "archive"), clock=clock, model_folder=tmp_path))
    lead = Person(1, Role.LEAD)
    first = drift.report(lead, 2, "weeks")
    put(sqlite, posts(0, 5))
    clock.later(minutes=14)
    assert drift.report(lead, 2, "weeks") is first
    assert drift.report(lead, 3, "weeks").weeks[-1].posts == 10
    clock.later(minutes=2)
    assert drift.report(lead, 2, "weeks").weeks[-1].posts == first.weeks[-1].posts + 5
    with pytest.raises(NoTrainingScores):
        drift.report(lead, 2, "training")
    for role in set(Role) - {Role.LEAD, Role.ADMIN}:
        with pytest.raises(NotAllowed):
            drift.report(Person(1, role), 2, "weeks")
