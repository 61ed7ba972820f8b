"""Reports and corrections as people see and publish them: who may, and in which transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from api.desk import Desk
from api.setup import telling
from reports import correction_forms, mailing, publishing, weekly
from reports.correction_forms import Public
from reports.model import Weekly
from reports.periods import BadPeriod, Period, named
from reports.publishing import ReportError
from review.errors import ReasonNeeded, ReviewError
from review.permissions import Action, Person, require
from store import claims, corrections
from store.claim_facts import facts_of
from store.corrections import CorrectionError, Seen, Told
from store.report_tables import Correction, Report
from store.vocabulary import ReportKind, ReportState

T = TypeVar("T")


class NoReport(ReviewError):
    template = "Không có báo cáo {period}."


class NoCorrection(ReviewError):
    template = "Không có đính chính của tuyên bố {claim}."


class NotTold(ReviewError):
    template = "Chưa ghi gì. {why}"


def period_of(name: str) -> tuple[ReportKind, Period]:
    """Return what a report is and its period, by the name of that: a week or a quarter; raises `NoReport`."""
    try:
        found = named(name)
    except BadPeriod as error:
        raise NoReport(period=name) from error
    return ReportKind.WEEKLY if found.is_week else ReportKind.TRANSPARENCY, found


def listing(session: Session, person: Person, kind: ReportKind) -> Sequence[Report]:
    """Return the newest version of each report, the latest period first."""
    require(person, Action.READ)
    return publishing.newest(session, kind)


def versions(session: Session, person: Person, period: str) -> Sequence[Report]:
    """Return all versions of a report, newest first, none if it was not made yet; raises `NoReport`."""
    require(person, Action.READ)
    return publishing.versions(session, *period_of(period))


def version(session: Session, person: Person, period: str, number: int) -> Report:
    """Return one version of a report; raises `NoReport`."""
    for row in versions(session, person, period):
        if row.version == number:
            return row
    raise NoReport(period=f"{period} ({number})")


def preview(session: Session, person: Person, period: str, at: datetime) -> Weekly:
    """Return the weekly report as it would be made now; raises `NoReport` for what is no past week."""
    require(person, Action.READ)
    kind, week = period_of(period)
    if kind != ReportKind.WEEKLY or week.begin > at:
        raise NoReport(period=period)
    return weekly.build(session, week, at)


def draft(desk: Desk, person: Person, period: str) -> int:
    """Make the next version of a report and return its number; raises `NoReport`, `NotTold`."""
    require(person, Action.LEAD)
    _, wanted = period_of(period)
    at = desk.clock()
    with desk.records.read() as session:
        data = _told(lambda: publishing.gather(session, wanted, at))
    with desk.records.write() as session:
        return publishing.keep(session, wanted, data, person.actor, at).version


def publish(desk: Desk, person: Person, period: str, number: int, note: str) -> int:
    """Publish a draft and owe those it goes to their mail; return how many are told.

    Raises `NoReport`, `NotTold`.
    """
    require(person, Action.LEAD)
    at = desk.clock()
    with desk.records.read() as session:
        row = version(session, person, period, number)
    files = mailing.enclosed(row, telling(desk), note, at) if row.state == ReportState.DRAFT else []
    with desk.records.write() as session:
        kept = _told(lambda: publishing.publish(session, row.id, note, person.actor, at))
        return mailing.tell_published(session, kept, desk.telling, files, at)


def withdraw(desk: Desk, person: Person, period: str, number: int, reason: str) -> None:
    """Take a published report back; raises `NoReport`, `ReasonNeeded`, `NotTold`."""
    require(person, Action.LEAD)
    if not reason.strip():
        raise ReasonNeeded()
    with desk.records.write() as session:
        row = version(session, person, period, number)
        _told(lambda: publishing.withdraw(session, row.id, reason, person.actor, desk.clock()))


def every_correction(session: Session, person: Person, at: datetime) -> list[tuple[Public, Seen]]:
    """Return all corrections, withdrawn ones too, with how often their claim was seen before and since."""
    require(person, Action.READ)
    seen = corrections.seen(session, at)
    return [(one, seen[one.row.claim_id]) for one in correction_forms.every(session, withdrawn=True)]


def correction(session: Session, person: Person, claim_id: str) -> tuple[Public, Sequence[Correction]]:
    """Return a correction and all its versions; raises `NoCorrection`."""
    require(person, Action.READ)
    found = correction_forms.one(session, claim_id)
    if found is None:
        raise NoCorrection(claim=claim_id)
    return found, corrections.versions(session, claim_id)


def begun(session: Session, person: Person, claim_id: str) -> Told:
    """Return the texts of a correction as they are, or those to begin with; raises `NoCorrection`."""
    require(person, Action.LEAD)
    row = corrections.newest(session, claim_id)
    if row is not None:
        return Told(row.headline, row.body, row.short, row.spoken)
    claim = claims.newest(session, claim_id)
    if claim is None:
        raise NoCorrection(claim=claim_id)
    return correction_forms.suggested(facts_of(claim))


def publish_correction(desk: Desk, person: Person, claim_id: str, told: Told, reason: str) -> int:
    """Publish a correction, or its next version, and return that; raises `NotTold`."""
    require(person, Action.LEAD)
    with desk.records.write() as session:
        return _told(
            lambda: corrections.publish(session, claim_id, told, person.actor, reason, desk.clock())
        ).version


def withdraw_correction(desk: Desk, person: Person, claim_id: str, reason: str) -> None:
    """Take a correction back; raises `ReasonNeeded`, `NotTold`."""
    require(person, Action.LEAD)
    if not reason.strip():
        raise ReasonNeeded()
    with desk.records.write() as session:
        _told(lambda: corrections.withdraw(session, claim_id, person.actor, reason, desk.clock()))


def _told(do: Callable[[], T]) -> T:
    try:
        return do()
    except (ReportError, CorrectionError) as error:
        raise NotTold(why=error) from error
