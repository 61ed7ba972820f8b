"""The data of the weekly report: one model, from which every form of it is made.

A count that is None is too small to be told to who reads it (`reports.suppression`).
"""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel

from reports.estimates import Estimate

Count = int | None


class Change(BaseModel):
    """A number in this period, and in the one before."""

    now: Count
    before: Count


class WeekLine(BaseModel):
    """One week of the past twelve, by its ISO name and Monday."""

    name: str
    first: date
    posts: Count
    flagged: Count
    decided: Count


class HarmLine(BaseModel):
    """Posts of cases whose likeliest harm this is."""

    harm: str
    now: Count
    before: Count


class ClaimLine(BaseModel):
    """Posts that match a claim, of which `firm` beyond doubt; `weeks` are the last twelve, this one last.

    `asking` are questions, `refuting` posts that refute it; `corrected` says whether a correction is public.
    """

    claim_id: str
    wording: str
    verdict: str
    harm: str
    now: Count
    before: Count
    sources: Count
    provinces: Count
    asking: Count
    refuting: Count
    firm: Count
    corrected: bool
    weeks: list[Count]


class Burst(BaseModel):
    """A cluster about no known claim that grew faster than before; `expected` posts were to be expected."""

    cluster_id: int
    case_id: int | None
    harm: str | None
    posts: int
    sources: int
    expected: float
    provinces: list[str]


class Topic(BaseModel):
    """What at least five people asked and no known claim answers, by the words that their posts share."""

    words: str
    questions: int
    sources: int


class AskedClaim(BaseModel):
    """A claim that was asked about while no correction of it is public."""

    claim_id: str
    wording: str
    questions: Count


class Voids(BaseModel):
    """Questions that nobody answered: of `questions`, `unanswered` met no known claim and no answer."""

    questions: Count
    unanswered: Count
    topics: list[Topic]
    claims: list[AskedClaim]


class OutcomeLine(BaseModel):
    outcome: str
    now: Count
    before: Count


class Work(BaseModel):
    """What was done. Hours are medians from the opening of a case to its decision."""

    opened: Change
    decided: Change
    outcomes: list[OutcomeLine]
    escalated: Change
    hours: float | None
    hours_before: float | None
    waiting: Count
    oldest_days: float | None
    corrections: Change
    corrections_public: int
    referrals: list[OutcomeLine]


class Quality(BaseModel):
    """How well it was done. `false_flags` is of protected speech, `wrong_flags` of flagged posts.

    `turned` are cases decided again otherwise than before. `kappa` is of two readers who knew nothing of each
    other. Of complaints, those typed in, and how many led to another decision.
    """

    false_flags: Estimate
    false_flags_before: Estimate
    wrong_flags: Estimate
    kappa: Estimate
    turned: Change
    complaints: Change
    complaints_changed: Count


class SourceLine(BaseModel):
    """A source, its posts, and what is wrong with it, a key of `reports.words.TROUBLES`."""

    name: str
    kind: str
    now: Count
    before: Count
    failures: int
    trouble: str | None


class Weekly(BaseModel):
    """The report on one week. `unscored` posts of the week were still to be scored when it was made."""

    week: str
    first: date
    last: date
    made_at: datetime
    over: bool
    inside: bool = True
    posts: Change
    flagged: Change
    uncertain: Change
    protected: Change
    unscored: Count
    models: list[str]
    policies: list[str]
    weeks: list[WeekLine]
    harms: list[HarmLine]
    claims: list[ClaimLine]
    claims_total: int
    bursts: list[Burst]
    voids: Voids
    work: Work
    quality: Quality
    sources: list[SourceLine]
