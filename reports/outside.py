"""The weekly report as it may leave the department: no number under 5, nothing of a single case."""

from __future__ import annotations

from collections.abc import Sequence

from reports.estimates import Estimate
from reports.model import Change, Count, HarmLine, OutcomeLine, Weekly
from reports.suppression import guarded, masked, small


def outside(weekly: Weekly) -> Weekly:
    """Return the report without small numbers, clusters under review and names of sources."""
    work, quality, voids = weekly.work, weekly.quality, weekly.voids
    return weekly.model_copy(
        update={
            "inside": False,
            **{
                name: _change(getattr(weekly, name))
                for name in ("posts", "flagged", "uncertain", "protected")
            },
            "unscored": _count(weekly.unscored),
            "weeks": [
                week.model_copy(
                    update={name: _count(getattr(week, name)) for name in ("posts", "flagged", "decided")}
                )
                for week in weekly.weeks
            ],
            "harms": _harms(weekly.harms),
            "claims": [
                line.model_copy(
                    update={
                        **{
                            name: _count(getattr(line, name))
                            for name in (
                                "now",
                                "before",
                                "sources",
                                "provinces",
                                "asking",
                                "refuting",
                                "firm",
                            )
                        },
                        "weeks": [_count(number) for number in line.weeks],
                    }
                )
                for line in weekly.claims
            ],
            "bursts": [],
            "voids": voids.model_copy(
                update={
                    "questions": _count(voids.questions),
                    "unanswered": _count(voids.unanswered),
                    "claims": [
                        one.model_copy(update={"questions": _count(one.questions)}) for one in voids.claims
                    ],
                }
            ),
            "work": work.model_copy(
                update={
                    **{
                        name: _change(getattr(work, name))
                        for name in ("opened", "decided", "escalated", "corrections")
                    },
                    "outcomes": _outcomes(work.outcomes, work.decided),
                    "waiting": _count(work.waiting),
                    "referrals": _outcomes(work.referrals, None),
                }
            ),
            "quality": quality.model_copy(
                update={
                    **{
                        name: _estimate(getattr(quality, name))
                        for name in ("false_flags", "false_flags_before", "wrong_flags")
                    },
                    "turned": _change(quality.turned),
                    "complaints": _change(quality.complaints),
                    "complaints_changed": _count(quality.complaints_changed),
                }
            ),
            "sources": [],
        }
    )


def _count(number: Count) -> Count:
    return None if number is None else masked(number)


def _change(two: Change) -> Change:
    return Change(now=_count(two.now), before=_count(two.before))


def _estimate(found: Estimate) -> Estimate:
    """Return an estimate without the number found where that is small; its interval must be shown."""
    return (
        found.model_copy(update={"found": None}) if found.found is not None and small(found.found) else found
    )


def _harms(lines: Sequence[HarmLine]) -> list[HarmLine]:
    now, before = _both([(line.harm, line.now, line.before) for line in lines], None)
    return [HarmLine(harm=line.harm, now=now[line.harm], before=before[line.harm]) for line in lines]


def _outcomes(lines: Sequence[OutcomeLine], total: Change | None) -> list[OutcomeLine]:
    now, before = _both([(line.outcome, line.now, line.before) for line in lines], total)
    return [
        OutcomeLine(outcome=one.outcome, now=now[one.outcome], before=before[one.outcome]) for one in lines
    ]


def _both(
    rows: Sequence[tuple[str, Count, Count]], total: Change | None
) -> tuple[dict[str, Count], dict[str, Count]]:
    two = []
    for place, whole in ((1, total.now if total else None), (2, total.before if total else None)):
        told = [(row[0], row[place]) for row in rows]
        counts = {key: number for key, number in told if isinstance(number, int)}
        nothing: dict[str, Count] = {key: None for key, _ in told}
        two.append(nothing | guarded(counts, whole))
    return two[0], two[1]
