"""What decisions teach: when the decisions on a case agree, and the training row that then comes of it.

A decision says what to do with a post; from that follows what the post is:

    dismiss     not harmful; which speech act it is, nobody said
    protected   not harmful, and the protected act that was named
    correct     harmful, by the harm under which the case was shown
    report      the same

Handing a case to the lead is no decision and teaches nothing; nor does a decision taken back, or one on a
case that was opened again and waits. Decisions teach of the text that was seen: after an edit, those on the
text before say nothing of the text after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import models
from store.vocabulary import Outcome


@dataclass(frozen=True)
class Lesson:
    """What is told of a text. None: not told. A harm or an act is a key of `models.labels()`."""

    harmful: bool
    protected: bool | None = None
    harm: str | None = None
    act: str | None = None


TEACHES: Mapping[Outcome, Lesson] = {
    Outcome.DISMISS: Lesson(harmful=False),
    Outcome.PROTECTED: Lesson(harmful=False, protected=True),
    Outcome.CORRECT: Lesson(harmful=True, protected=False),
    Outcome.REPORT: Lesson(harmful=True, protected=False),
}


_FIELDS = ("harmful", "protected", "harm", "act")


@dataclass(frozen=True)
class Opinion:
    """One decision, or one second review, as learning sees it.

    `person` tells two people from one twice, and goes no further. `text` is the hash of what was seen. `harm`
    is the one it was shown under and acted on, or that its author named; `act` is None unless its author
    named one.
    """

    person: int
    outcome: Outcome
    text: str
    undone: bool = False
    harm: str | None = None
    act: str | None = None

    @property
    def lesson(self) -> Lesson:
        told = TEACHES[self.outcome]
        return Lesson(told.harmful, told.protected, self.harm if told.harmful else None, self.act)


class Standing(StrEnum):
    """How the decisions on one text stand to each other."""

    AGREED = "agreed"
    SINGLE = "single"
    DISAGREEING = "disagreeing"
    UNDONE = "undone"
    EMPTY = "empty"


@dataclass(frozen=True)
class Consensus:
    """How decisions stand, what they then teach, and how many people said so."""

    standing: Standing
    lesson: Lesson | None = None
    people: int = 0


def consensus(opinions: Sequence[Opinion], *, single: bool = False) -> Consensus:
    """Return what the opinions on one text teach together; their order does not matter.

    Those taken back do not count. All that stand must agree: on harmful or not, and on every harm, act and
    protection that more than one of them tells. Then there is a lesson if two people or more agreed, whether
    the second decided the case again or reviewed it without seeing the first; with `single` one is enough.
    Only what every one of them told is in the lesson. Raises `ValueError` for opinions on different texts.
    """
    if len({opinion.text for opinion in opinions}) > 1:
        raise ValueError("opinions on different texts")
    standing = [opinion for opinion in opinions if not opinion.undone]
    if not standing:
        return Consensus(Standing.UNDONE if opinions else Standing.EMPTY)
    people = len({opinion.person for opinion in standing})
    lessons = [opinion.lesson for opinion in standing]
    told: dict[str, set[Any]] = {name: {getattr(lesson, name) for lesson in lessons} for name in _FIELDS}
    if any(len(values - {None}) > 1 for values in told.values()):
        return Consensus(Standing.DISAGREEING, people=people)
    if people < 2 and not single:
        return Consensus(Standing.SINGLE, people=people)
    agreed: dict[str, Any] = {n: None if None in values else values.pop() for n, values in told.items()}
    return Consensus(Standing.AGREED, Lesson(**agreed), people)


def opinion(
    person: int, outcome: str, snapshot: Mapping[str, Any], *, undone: bool, act: str | None = None
) -> Opinion:
    """Return the opinion that a stored decision is, from the snapshot of what was seen; `act` was named."""
    taken = Outcome(outcome)
    return Opinion(
        person=person,
        outcome=taken,
        text=snapshot["content_hash"],
        undone=undone,
        harm=shown_harm(snapshot["assessment"]) if TEACHES[taken].harmful else None,
        act=act,
    )


def shown_harm(assessment: Mapping[str, Any]) -> str:
    """Return the harm that an assessment puts first."""
    harms: Mapping[str, float] = assessment["harms"]
    return max(harms, key=lambda harm: harms[harm])


def row(
    *,
    case: int,
    cluster: int,
    text: str,
    content_hash: str,
    agreed: Consensus,
    assessment: Mapping[str, Any],
    decided: str,
    policy: str,
) -> dict[str, Any]:
    """Return the training row of an agreed text.

    What nobody said is the model's guess from the assessment that was seen: `about`, the act, and the harm
    where several were shown. `judged` names the fields that people said, so that training can leave the
    others out. `group` is the cluster: near copies never cross a fold. Raises `ValueError` without a lesson.
    """
    lesson = agreed.lesson
    if lesson is None:
        raise ValueError("no lesson")
    act = lesson.act or _likeliest_act(assessment["acts"], protected=lesson.protected is True)
    harms = [lesson.harm or shown_harm(assessment)] if lesson.harmful else []
    named = (
        ("harmful", True),
        ("protected", lesson.protected is not None),
        ("act", lesson.act is not None),
        ("harm", not lesson.harmful or lesson.harm is not None),
    )
    return {
        "id": f"d{case}-{content_hash[:8]}",
        "text": text,
        "about": int(assessment["about"] >= 0.5),
        "act": act,
        "harm": harms,
        "harmful": lesson.harmful,
        "protected": act in models.labels().protected and not harms,
        "group": f"cluster-{cluster}",
        "source": "decisions",
        "decided": decided,
        "policy": policy,
        "people": agreed.people,
        "judged": [name for name, told in named if told],
    }


def _likeliest_act(acts: Mapping[str, float], *, protected: bool) -> str:
    among = [act for act in acts if act in models.labels().protected or not protected]
    return max(among, key=lambda act: acts[act])
