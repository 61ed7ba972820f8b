"""What the records know of bundles: which is begun, which is built, and which dates are still owed.

State machine of a bundle: it is begun once for a referral, may be begun anew until it is built, and is then
never changed but for dates that come later. Whoever calls asks first who may do so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from evidence.build import Built, Confirmed, Tools, build
from evidence.errors import BundleError
from evidence.gathered import evidence_for, gather, latest_redaction
from evidence.stamp import NotStamped, Stamp, name_of, stamp
from evidence.stamped import put_stamps, signature_of
from store import audit
from store.bundle_tables import Bundle, BundleStamp, BundleState, Redaction, StampState
from store.records import Records
from store.tables import Event, Referral, User
from store.vocabulary import ReferralState

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)


def of_referral(session: Session, referral_id: int) -> Bundle | None:
    """Return the bundle of a referral, begun or built."""
    return session.scalar(select(Bundle).where(Bundle.referral_id == referral_id))


def begin(session: Session, referral: Referral, user_id: int, at: datetime) -> Bundle:
    """Fix what the bundle of an approved referral is made of, and return it; begun anew until it is built.

    One that was interrupted goes on as it was begun, unless something else was confirmed since. Raises
    `BundleError` where it is built already, the evidence changed, or nobody has confirmed what is masked.
    """
    if referral.state != ReferralState.APPROVED:
        raise BundleError(f"Đề nghị {referral.id} không ở trạng thái đã phê duyệt, nên không lập gói được.")
    evidence_for(session, referral)
    redaction = latest_redaction(session, referral)
    if redaction is None:
        raise BundleError(
            f"Chưa ai xác nhận phần cần che của đề nghị {referral.id}:"
            " mở trang gói chứng cứ, xem và xác nhận."
        )
    bundle = of_referral(session, referral.id)
    if bundle is not None and bundle.state == BundleState.BUILT:
        raise BundleError(f"Gói của đề nghị {referral.id} đã lập xong.")
    if bundle is not None and bundle.redaction_id == redaction.id:
        return bundle
    if bundle is None:
        bundle = Bundle(referral_id=referral.id, name=f"kiemtin-{referral.id:06d}.zip")
        session.add(bundle)
    bundle.redaction_id, bundle.user_id, bundle.started_at, bundle.upto = redaction.id, user_id, at, 0
    session.flush()
    event = audit.append(
        session, f"user:{user_id}", "bundle.started", f"bundle:{bundle.id}", referral=referral.id,
        redaction=redaction.id,
    )  # fmt: skip
    bundle.upto = event.id
    return bundle


def make(records: Records, bundle_id: int, tools: Tools, folder: Path) -> Built:
    """Build the bundle that was begun into `folder`; says on the way in the records how far it is."""
    with records.read() as session:
        bundle = session.get_one(Bundle, bundle_id)
        given = gather(session, bundle)
        confirmed = _confirmed(session, session.get_one(Redaction, bundle.redaction_id))

    def tell(done: int, total: int) -> None:
        with records.write() as session:
            row = session.get_one(Bundle, bundle_id)
            row.done, row.total = done, total

    if confirmed.original_reason and given.author_sealed:
        # Said before it is opened: a process that dies afterwards has left its trace.
        with records.write() as session:
            audit.append(
                session, f"user:{bundle.user_id}", "handle.opened", f"bundle:{bundle_id}",
                reason=confirmed.original_reason, referral=bundle.referral_id,
            )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    return build(given, confirmed, tools, folder / bundle.name, bundle.started_at, tell)


def finish(
    session: Session, bundle_id: int, built: Built, authorities: Sequence[str], actor: str, at: datetime
) -> Bundle:
    """Note that a bundle is built, and the dates that it has or is owed."""
    bundle = session.get_one(Bundle, bundle_id)
    bundle.state, bundle.built_at = BundleState.BUILT, at
    bundle.manifest_sha256, bundle.size = built.manifest_sha256, built.size
    for place, (authority, answer) in enumerate(zip(authorities, built.stamps, strict=True), 1):
        row = BundleStamp(bundle_id=bundle.id, place=place, authority=authority, next_at=at)
        session.add(row)
        _note_answer(row, answer, at)
    audit.append(
        session, actor, "bundle.built", f"bundle:{bundle.id}", sha256=built.manifest_sha256, size=built.size,
        unstamped=sum(isinstance(one, NotStamped) for one in built.stamps),
    )  # fmt: skip
    session.flush()
    return bundle


def stamps_of(session: Session, bundle_id: int) -> Sequence[BundleStamp]:
    """Return the dates that a bundle has or is owed, in their order."""
    return session.scalars(
        select(BundleStamp).where(BundleStamp.bundle_id == bundle_id).order_by(BundleStamp.place)
    ).all()


def restamp(
    records: Records, tools: Tools, folder: Path, at: datetime, *, now: bool = False
) -> dict[str, int]:
    """Ask for the dates that are owed and due (all with `now`), and put those that came into the bundles.

    Returns how many came and how many are still owed. A process killed between the answer and the file
    leaves the answer in the records; the next call puts it in.
    """
    with records.read() as session:
        owed = session.execute(
            select(BundleStamp.bundle_id, BundleStamp.place, BundleStamp.authority, Bundle.name)
            .join(Bundle, Bundle.id == BundleStamp.bundle_id)
            .where(
                BundleStamp.state == StampState.WAITING,
                *(() if now else (BundleStamp.next_at <= at,)),
            )
            .order_by(BundleStamp.bundle_id, BundleStamp.place)
        ).all()
    came = 0
    for bundle_id, place, authority, name in owed:
        try:
            answer: Stamp | NotStamped = stamp(authority, signature_of(folder / name), tools.ask)
        except NotStamped as error:
            answer = error
        except BundleError as error:  # the file of this one is gone: others are still to be dated
            answer = NotStamped(str(error))
        with records.write() as session:
            row = session.get_one(BundleStamp, (bundle_id, place))
            _note_answer(row, answer, at)
            if isinstance(answer, Stamp):
                came += 1
                audit.append(
                    session, audit.SYSTEM, "bundle.stamped", f"bundle:{bundle_id}", authority=authority,
                    at=answer.at.isoformat(),
                )  # fmt: skip
    complete(records, folder)
    with records.read() as session:
        waiting = select(func.count()).select_from(BundleStamp).where(BundleStamp.state == StampState.WAITING)
        left = session.scalar(waiting) or 0
    return {"stamped": came, "waiting": left}


def complete(records: Records, folder: Path) -> None:
    """Put every date that came into the file of its bundle, where it is not there yet."""
    with records.read() as session:
        rows = session.execute(
            select(Bundle.id, Bundle.name, BundleStamp.place, BundleStamp.token)
            .join(BundleStamp, BundleStamp.bundle_id == Bundle.id)
            .where(BundleStamp.state == StampState.STAMPED, BundleStamp.token.is_not(None))
            .order_by(Bundle.id, BundleStamp.place)
        ).all()
    by_bundle: dict[tuple[int, str], dict[str, bytes]] = {}
    for bundle_id, name, place, token in rows:
        by_bundle.setdefault((bundle_id, name), {})[name_of(place)] = token or b""
    for (bundle_id, name), tokens in by_bundle.items():
        path = folder / name
        if path.exists() and put_stamps(path, tokens):
            with records.write() as session:
                session.get_one(Bundle, bundle_id).size = path.stat().st_size


def events_upto(session: Session) -> int:
    """Return the number of the last event of the audit log."""
    return session.scalar(select(func.max(Event.id))) or 0


def _note_answer(row: BundleStamp, answer: Stamp | NotStamped, at: datetime) -> None:
    row.attempts = (row.attempts or 0) + 1
    if isinstance(answer, Stamp):
        row.state, row.stamped_at, row.token, row.error = StampState.STAMPED, answer.at, answer.token, ""
    else:
        row.state, row.error = StampState.WAITING, str(answer)
        row.next_at = at + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(row.attempts - 1, 10))


def _confirmed(session: Session, redaction: Redaction) -> Confirmed:
    user = session.get_one(User, redaction.user_id)
    return Confirmed(
        redaction.marks, redaction.boxes, redaction.images, redaction.original_reason,
        f"{user.name} ({user.role}, user:{user.id})", redaction.at.isoformat(),
    )  # fmt: skip
