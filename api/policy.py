"""The policy in force: who may see it, try another one on what was recorded, and switch to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

import models
from api import views
from api.auth import Who, desk_of
from api.bounds import Id
from api.desk import Desk
from classifier.backtest import backtest
from classifier.backtest_report import Example, Report
from classifier.in_force import InForce
from classifier.policy import Policy, parse
from classifier.policy_terms import Difference, differences
from classifier.policy_text import MOST_CHARACTERS
from review.errors import ReasonNeeded, ReviewError
from review.permissions import Action, Person, require
from store import policies, recorded
from store.policies import PolicyError, Switched
from store.policy_tables import PolicySwitch
from store.tables import Post

# A page waits for its answer: of more posts than these, the last ones are judged. The command judges all.
MOST_POSTS = 10_000
_EXCERPT = 140


class NoPolicy(ReviewError):
    template = "Không có chính sách {policy}."


class NoneInForce(ReviewError):
    template = "Chưa có chính sách nào được ghi lại: chạy kiemtin migrate."


class BadPolicy(ReviewError):
    template = "Chính sách này không dùng được. {why}"


class CannotSwitch(ReviewError):
    template = "Không chuyển chính sách: {why}"


@dataclass(frozen=True)
class Overview:
    """The switch in force, its policy (None where this version cannot read it), all switches, and by whom."""

    active: PolicySwitch
    policy: Policy | None
    history: Sequence[PolicySwitch]
    names: Mapping[str, str]


@dataclass(frozen=True)
class Trial:
    """What a policy would do: to `report.posts` of the `all_posts` recorded, the newest, and how it differs.

    `seen` is the SHA-256 of the policy in force that it was compared with; `excerpts` are of the texts of the
    examples, by post.
    """

    said: str
    policy: Policy
    seen: str
    differences: Sequence[Difference]
    report: Report
    all_posts: int
    excerpts: Mapping[int, str]


def overview(session: Session, person: Person) -> Overview:
    """Return the policies there were, to who audits; raises `NoneInForce` where none was recorded."""
    require(person, Action.AUDIT)
    history = policies.history(session)
    if not history:
        raise NoneInForce()
    try:
        policy = InForce().of(history[0])
    except models.DataError:
        policy = None
    return Overview(history[0], policy, history, views.names(session, {row.actor for row in history}))


def one(session: Session, person: Person, policy_id: int) -> PolicySwitch:
    """Return a policy that is or was in force; raises `NoPolicy`."""
    require(person, Action.AUDIT)
    found = session.get(PolicySwitch, policy_id)
    if found is None:
        raise NoPolicy(policy=policy_id)
    return found


def try_out(desk: Desk, person: Person, said: str) -> Trial:
    """Judge what was recorded by the policy of a text and by the one in force.

    Raises `BadPolicy` and `NoneInForce`.
    """
    require(person, Action.LEAD)
    policy = _read(said)
    with desk.records.read() as session:
        active = policies.active(session)
        if active is None:
            raise NoneInForce()
        try:
            before = InForce().of(active)
        except models.DataError as error:
            raise BadPolicy(why=error) from error
        rows = recorded.stream(session, recorded.Range(newest=MOST_POSTS))
        report = backtest(rows, before, policy)
        return Trial(
            said=said,
            policy=policy,
            seen=active.sha256,
            differences=differences(before, policy),
            report=report,
            all_posts=recorded.count(session),
            excerpts=excerpts(session, report),
        )


def excerpts(session: Session, report: Report) -> dict[int, str]:
    """Return the beginning of the text of each post that is an example in a report."""
    shown: Iterable[Example] = [
        example for move in (*report.moves, report.newly_referable) for example in move.examples
    ]
    rows = session.execute(
        select(Post.id, Post.title, Post.text).where(Post.id.in_({example.post_id for example in shown}))
    )
    return {row.id: (row.title or row.text)[:_EXCERPT] for row in rows}


def switch(desk: Desk, person: Person, said: str, reason: str, seen: str) -> Switched:
    """Judge by another policy from now on.

    Raises `BadPolicy`, `ReasonNeeded`, and `CannotSwitch` for a version that was in force before, or when the
    policy in force is not the one that was seen.
    """
    require(person, Action.LEAD)
    policy = _read(said)
    if not reason.strip():
        raise ReasonNeeded()
    try:
        with desk.records.write() as session:
            return policies.switch(
                session, policy.version, said, actor=person.actor, reason=reason, at=desk.clock(), seen=seen
            )
    except PolicyError as error:
        raise CannotSwitch(why=error) from error


def _read(said: str) -> Policy:
    try:
        return parse(said)
    except models.DataError as error:
        raise BadPolicy(why=error) from error


router = APIRouter(prefix="/api/v1")


class SwitchAnswer(BaseModel):
    """One decision to judge by a policy. `by` is `user:ID` or `system`, as in the audit log."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    version: str
    sha256: str
    at: datetime
    by: Annotated[str, Field(validation_alias="actor")]
    reason: str


class PolicyAnswer(SwitchAnswer):
    """The same, with the text of the policy."""

    text: str


class PoliciesAnswer(BaseModel):
    """The policy in force, and all there were, the latest first."""

    active: PolicyAnswer
    history: list[SwitchAnswer]


class Said(BaseModel):
    text: Annotated[str, Field(max_length=MOST_CHARACTERS)]


class Switching(Said):
    reason: str
    seen: str


class TrialAnswer(BaseModel):
    """What a policy would do to the newest of `all_posts`; `report` is of `classifier.backtest_report`."""

    version: str
    seen: str
    all_posts: int
    differences: list[dict[str, str | None]]
    report: dict[str, Any]


class SwitchedAnswer(BaseModel):
    """The new policy's decision, and how many undecided posts are owed a judgement by it."""

    switch: SwitchAnswer
    owed: int


@router.get("/policy")
def policy_in_force(request: Request, who: Who) -> PoliciesAnswer:
    """Give the policy in force and all there were (lead, auditor, admin)."""
    with desk_of(request).records.read() as session:
        seen = overview(session, who.person)
        return PoliciesAnswer(
            active=PolicyAnswer.model_validate(seen.active),
            history=[SwitchAnswer.model_validate(row) for row in seen.history],
        )


@router.get("/policy/{policy_id}")
def policy_that_was(request: Request, who: Who, policy_id: Id) -> PolicyAnswer:
    """Give a policy that is or was in force, with its text (lead, auditor, admin)."""
    with desk_of(request).records.read() as session:
        return PolicyAnswer.model_validate(one(session, who.person, policy_id))


@router.post("/policy/backtest")
def backtest_policy(request: Request, who: Who, given: Said) -> TrialAnswer:
    """Judge what was recorded by another policy, and change nothing (lead)."""
    trial = try_out(desk_of(request), who.person, given.text)
    return TrialAnswer(
        version=trial.policy.version,
        seen=trial.seen,
        all_posts=trial.all_posts,
        differences=[vars(one) for one in trial.differences],
        report=trial.report.to_dict(),
    )


@router.post("/policy/switch")
def switch_policy(request: Request, who: Who, given: Switching) -> SwitchedAnswer:
    """Judge by another policy from now on (lead)."""
    made = switch(desk_of(request), who.person, given.text, given.reason, given.seen)
    return SwitchedAnswer(switch=SwitchAnswer.model_validate(made.row), owed=made.owed)
