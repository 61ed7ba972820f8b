"""Evidence bundles: an approved referral, the people who act on it, and the files.

Joins `review` (who may do what, and the referral's states) with `evidence`; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from evidence import keeping, recall
from evidence.build import Tools
from evidence.errors import BundleError
from evidence.gathered import events, latest_redaction, subjects
from review import referral as referrals
from review.errors import ReviewError
from review.permissions import Action, Person, may, require
from review.referral_errors import NoSuchReferral
from store import audit
from store.archived import ArchiveError
from store.bundle_tables import Bundle, BundleStamp, BundleState
from store.records import Records
from store.tables import Referral, User
from store.vocabulary import ReferralState


class BundleRefused(ReviewError):
    template = "Không làm được gói chứng cứ: {why}"


class NoBundleFile(ReviewError):
    template = "Chưa có gói chứng cứ của đề nghị {referral}."


class NotSetUp(ReviewError):
    template = (
        "Chưa đặt khóa ký gói chứng cứ: đặt KIEMTIN_BUNDLE_CERT và KIEMTIN_BUNDLE_KEY"
        " (docs/evidence/signing.md)."
    )


class SeenAnother(ReviewError):
    template = "Chứng cứ đã đổi sau khi bạn mở trang. Hãy xem lại rồi xác nhận. Chưa có gì được ghi."


@dataclass(frozen=True)
class Line:
    """A referral as the liaison sees it, with its bundle and the dates that it has or is owed."""

    referral: Referral
    bundle: Bundle | None
    stamps: Sequence[BundleStamp]

    @property
    def waiting(self) -> int:
        """How many authorities have not dated it yet."""
        return sum(one.state == "waiting" for one in self.stamps)


@dataclass(frozen=True)
class Shelf:
    """Where bundles lie, and what they are made with; `tools` raises `BundleError`."""

    folder: Path
    tools: Callable[[], Tools]
    ner: bool = False


def listing(session: Session, person: Person) -> list[Line]:
    """Return the referrals that a bundle may be made of or was, newest first. Three queries."""
    _require_sight(person)
    states = (
        ReferralState.APPROVED, ReferralState.EXPORTED, ReferralState.ACKNOWLEDGED, ReferralState.RECALLED,
    )  # fmt: skip
    found = session.scalars(
        select(Referral).where(Referral.state.in_(states)).options(joinedload(Referral.case))
        .order_by(Referral.id.desc()).limit(500)
    ).all()  # fmt: skip
    numbers = [one.id for one in found]
    bundles = {
        one.referral_id: one for one in session.scalars(select(Bundle).where(Bundle.referral_id.in_(numbers)))
    }
    stamps: dict[int, list[BundleStamp]] = {}
    for one in session.scalars(
        select(BundleStamp).where(BundleStamp.bundle_id.in_([b.id for b in bundles.values()]))
    ):
        stamps.setdefault(one.bundle_id, []).append(one)
    lines = []
    for row in found:
        bundle = bundles.get(row.id)
        lines.append(Line(row, bundle, stamps.get(bundle.id, []) if bundle else []))
    return lines


def line(session: Session, person: Person, referral_id: int) -> Line:
    """Return one referral with its bundle; raises `NoSuchReferral`."""
    _require_sight(person)
    referral = _of_released(session, referral_id)
    bundle = keeping.of_referral(session, referral_id)
    return Line(referral, bundle, keeping.stamps_of(session, bundle.id) if bundle else [])


def released(session: Session, person: Person, referral_id: int) -> Referral:
    """Return a referral that a liaison may make a bundle of, or did; raises `NoSuchReferral`."""
    require(person, Action.EXPORT)
    return _of_released(session, referral_id)


def check(records: Records, person: Person, referral_id: int, shelf: Shelf) -> None:
    """Raise what would stop a bundle from being begun; nothing is begun."""
    with records.read() as session:
        referral = released(session, person, referral_id)
        if referral.state != ReferralState.APPROVED:
            raise BundleRefused(why="đề nghị không còn ở trạng thái đã phê duyệt.")
        redaction = latest_redaction(session, referral)
    if redaction is None:
        raise BundleRefused(why="chưa ai xác nhận phần cần che.")
    if redaction.original_reason and _tools(shelf).recipient is None:
        raise BundleRefused(why="muốn kèm bản gốc thì đặt KIEMTIN_LIAISON_CERT để niêm phong.")


def export(
    records: Records, person: Person, referral_id: int, shelf: Shelf, clock: Callable[[], datetime]
) -> Line:
    """Build the bundle of an approved referral and hand it out: the referral is exported with it, or neither.

    One at a time for each referral; one that was interrupted goes on. Raises `BundleRefused` and whatever
    `review.referral.exported` raises; then there is no file either.
    """
    with records.write() as session:
        referral = released(session, person, referral_id)
        try:
            bundle_id = keeping.begin(session, referral, person.id, clock()).id
        except BundleError as error:
            raise BundleRefused(why=str(error)) from error
    shelf.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(shelf.folder / f".{referral_id}.lock", timeout=0):
            _export(records, person, referral_id, bundle_id, shelf, clock)
    except Timeout as error:
        raise BundleRefused(
            why="một tiến trình khác đang lập gói này; chờ một lát rồi tải lại trang."
        ) from error
    except (BundleError, ArchiveError, OSError) as error:
        raise BundleRefused(why=str(error)) from error
    with records.read() as session:
        return line(session, person, referral_id)


def _export(
    records: Records, person: Person, referral_id: int, bundle_id: int, shelf: Shelf,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    tools = shelf.tools()
    built = keeping.make(records, bundle_id, tools, shelf.folder)
    try:
        with records.write() as session:
            now = clock()
            keeping.finish(session, bundle_id, built, tools.authorities, person.actor, now)
            referrals.exported(session, person, referral_id, built.manifest_sha256, now)
    except BaseException:
        with records.read() as session:
            (shelf.folder / session.get_one(Bundle, bundle_id).name).unlink(missing_ok=True)
        raise


def file_of(session: Session, person: Person, referral_id: int, folder: Path) -> Path:
    """Return the file of a built bundle, and leave an event that it was taken away."""
    referral = released(session, person, referral_id)
    bundle = keeping.of_referral(session, referral_id)
    path = folder / bundle.name if bundle is not None else folder
    if bundle is None or bundle.state != BundleState.BUILT or not path.is_file():
        raise NoBundleFile(referral=referral_id)
    audit.append(
        session, person.actor, "bundle.downloaded", f"bundle:{bundle.id}", sha256=bundle.manifest_sha256,
        state=referral.state,
    )  # fmt: skip
    return path


def receipt(session: Session, person: Person, referral_id: int, words: str, at: datetime) -> None:
    """Note the receipt of the recipient: with it the export is closed."""
    released(session, person, referral_id)
    referrals.acknowledged(session, person, referral_id, words, at)


def call_back(
    records: Records, person: Person, referral_id: int, reason: str, shelf: Shelf, at: datetime
) -> Path:
    """Recall a bundle that was sent, and write the signed notice that says so; return its file.

    The notice is written again where it is missing, with the reason of the first time.
    """
    require(person, Action.LEAD)
    signer = _tools(shelf).signer
    with records.write() as session:
        referral = session.get(Referral, referral_id)
        if referral is None:
            raise NoSuchReferral(referral=referral_id)
        if referral.state != ReferralState.RECALLED:
            referral = referrals.recalled(session, person, referral_id, reason, at)
        bundle = keeping.of_referral(session, referral_id)
        if bundle is None or bundle.manifest_sha256 is None:
            raise NoBundleFile(referral=referral_id)
        notice = _notice(session, referral, bundle)
    target = shelf.folder / bundle.name.replace(".zip", "-recall.zip")
    try:
        recall.write(notice, signer, target)
    except (BundleError, OSError) as error:
        raise BundleRefused(why=str(error)) from error
    return target


def recall_file(session: Session, person: Person, referral_id: int, folder: Path) -> Path:
    """Return the recall notice of a bundle."""
    _require_sight(person)
    _of_released(session, referral_id)
    bundle = keeping.of_referral(session, referral_id)
    path = folder / (bundle.name if bundle else "").replace(".zip", "-recall.zip")
    if bundle is None or not path.is_file():
        raise NoBundleFile(referral=referral_id)
    audit.append(session, person.actor, "bundle.downloaded", f"bundle:{bundle.id}", notice=True)
    return path


def date(records: Records, person: Person, shelf: Shelf, at: datetime) -> dict[str, int]:
    """Ask again for every date that is owed, and put in those that come."""
    require(person, Action.EXPORT)
    return keeping.restamp(records, _tools(shelf), shelf.folder, at, now=True)


def _tools(shelf: Shelf) -> Tools:
    try:
        return shelf.tools()
    except BundleError as error:
        raise BundleRefused(why=str(error)) from error


def _require_sight(person: Person) -> None:
    """The liaison exports, a lead recalls: both see what there is."""
    require(person, Action.LEAD if may(person, Action.LEAD) else Action.EXPORT)


def _of_released(session: Session, referral_id: int) -> Referral:
    referral = session.get(Referral, referral_id, populate_existing=True)
    if referral is None or referral.state not in referrals.RELEASED:
        raise NoSuchReferral(referral=referral_id)
    return referral


def _notice(session: Session, referral: Referral, bundle: Bundle) -> recall.Recall:
    upto = keeping.events_upto(session)
    names = {user.id: f"{user.name} ({user.role}, user:{user.id})" for user in session.scalars(select(User))}
    evidence: dict[str, Any] = {"post": {"id": referral.case.post_id}, "captures": [], "rendering": None}
    steps = events(
        session, subjects(referral, evidence, bundle), upto,
        lambda actor: names.get(int(actor[5:]), actor) if actor.startswith("user:") else actor,
    )  # fmt: skip
    by = next((one["who"] for one in reversed(steps) if one["action"] == "referral.recalled"), "")
    return recall.Recall(
        referral.id, bundle.name, str(bundle.manifest_sha256), referral.end_reason, by, referral.changed_at,
        sorted(steps, key=lambda step: step["at"]),
    )  # fmt: skip
