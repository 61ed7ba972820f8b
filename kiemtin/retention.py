"""The retention of an installation: purges what is due, and looks again until nothing of it is left."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from reports.periods import VIETNAM
from search.engine import SearchEngine, SearchError
from store import audit, workers
from store.archive import Archive
from store.archived import ArchiveError
from store.cutting import QUIET, cut_due, due
from store.keys import Keys
from store.purging import bundles_of_purged, due_now, purge_due
from store.records import Records
from store.retention import Terms
from store.retention_tables import Purge
from store.second_look import look
from store.tables import Post
from store.vocabulary import TaskKind
from store.work_tables import Leader, Task

log = structlog.get_logger("kiemtin.retention")

# One process of the whole installation purges at a time; a dead one is waited for so long.
_DUTY = "retention"
_TERM = timedelta(minutes=9)


class PurgeBusy(Exception):
    """Another process purges now; the message says what to do."""


@dataclass(frozen=True)
class Retention:
    """What a purge needs. `now` is the clock, `quiet` how long nobody wrote to a file that may be cut."""

    records: Records
    archive: Callable[[], Archive]
    keys: Callable[[], Keys]
    engine: Callable[[], SearchEngine]
    terms: Terms
    bundles: Path
    now: Callable[[], datetime]
    quiet: timedelta = QUIET
    _token: str = field(default_factory=lambda: f"retention-{secrets.token_hex(6)}")

    def would(self) -> dict[str, int]:
        """Return what a purge would take out now; changes nothing."""
        now = self.now()
        with self.records.read() as session:
            counts = due_now(session, self.terms, now)
            return counts | {"captures": len(due(session, now - self.terms.unflagged))}

    def purge(self) -> Purge:
        """Take out what is due, from the records first; the index is owed it, files follow.

        Killed at any point, the next call goes on with what is left. Raises `PurgeBusy`.
        """
        self._lead()
        try:
            # Aged files that no process holds are sealed when the archive is opened.
            with self.archive() as archive:
                return self._purge(archive)
        finally:
            with self.records.write() as session:
                session.execute(delete(Leader).where(Leader.duty == _DUTY, Leader.worker_id == self._token))

    def _purge(self, archive: Archive) -> Purge:
        at = self.now()
        # Written first: what a process that dies takes out is looked at again all the same.
        with self.records.write() as session:
            made = Purge(at=at, counts={}, left={})
            session.add(made)
        counts = purge_due(self.records, self.keys(), self.terms, at)
        counts["bundles"] = self._remove_bundles()
        cut = cut_due(self.records, archive, at - self.terms.unflagged, self.now, self.quiet, self._lead)
        counts |= {"captures": cut.captures, "files": cut.files, "bytes": cut.bytes}
        with self.records.write() as session:
            made = session.get_one(Purge, made.id)
            made.counts = counts | {"waiting": cut.waiting}
            if any(counts.values()) or cut.waiting:
                audit.append(
                    session, audit.SYSTEM, "retention.run", f"purge:{made.id}", **counts,
                    waiting=len(cut.waiting),
                )  # fmt: skip
        log.info("retention.purged", **counts, waiting=len(cut.waiting))
        return made

    def verify(self) -> list[Purge]:
        """Look again at every purge that was not found clean yet; return those, with what is left of each.

        One whose posts the index is still owed waits for that. Raises `SearchError` while the index is down.
        """
        with self.records.read() as session:
            asked = select(Purge).where(Purge.verified_at.is_(None)).order_by(Purge.id)
            waiting = session.scalars(asked).all()
            owed = {purge.id: self._owed(session, purge) for purge in waiting}
        looked = []
        for purge in waiting:
            if owed[purge.id]:
                looked.append(purge)
                continue
            left = look(
                self.records, self.archive(), self.bundles, self._indexed, purge,
                purge.at - self.terms.unflagged,
            )  # fmt: skip
            with self.records.write() as session:
                kept = session.get_one(Purge, purge.id)
                kept.looked_at, kept.left = self.now(), left
                if not left:
                    kept.verified_at = kept.looked_at
                if not left or left != purge.left:
                    action = "retention.verified" if not left else "retention.left"
                    audit.append(session, audit.SYSTEM, action, f"purge:{kept.id}", **left)
                looked.append(kept)
            log.info("retention.looked", purge=purge.id, left=left)
        return looked

    def _owed(self, session: Session, purge: Purge) -> int:
        owed = (
            select(func.count()).select_from(Task).join(Post, Post.id == Task.subject_id)
            .where(Task.kind == TaskKind.INDEX, Post.purged_at == purge.at)
        )  # fmt: skip
        return session.scalar(owed) or 0

    def _indexed(self, post_ids: Sequence[int]) -> Collection[int]:
        engine = self.engine()
        engine.refresh()
        return engine.fetch(post_ids)

    def _lead(self) -> None:
        with self.records.write() as session:
            if not workers.lead(session, _DUTY, self._token, _TERM):
                raise PurgeBusy(
                    "Một tiến trình khác đang xóa dữ liệu hết hạn. Đợi nó xong; nếu nó đã chết, thử lại sau"
                    f" {_TERM.total_seconds() / 60:.0f} phút."
                )

    def _remove_bundles(self) -> int:
        with self.records.read() as session:
            names = bundles_of_purged(session)
        removed = 0
        for name in names:
            for one in (name, name.replace(".zip", "-recall.zip")):
                path = self.bundles / one
                if path.exists():
                    path.unlink()
                    removed += 1
        return removed


class NightlyPurge:
    """The duty: once a day after `HOUR` in Vietnam; looks again each quarter of an hour until it is clean."""

    HOUR = 1
    LOOK = timedelta(minutes=15)

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._looked: datetime | None = None

    def __call__(self, now: datetime) -> None:
        """Purge when the day's purge is due at `now`; look again at those that are not verified."""
        if self._due(now):
            try:
                self._retention.purge()
            except PurgeBusy as busy:
                log.info("retention.busy", why=str(busy))
            except (ArchiveError, OSError) as error:
                log.warning("retention.failed", why=str(error))
        if self._looked is None or now - self._looked >= self.LOOK:
            self._looked = now
            try:
                self._retention.verify()
            except (SearchError, ArchiveError, OSError) as error:
                log.warning("retention.not_looked", why=str(error))

    def _due(self, now: datetime) -> bool:
        local = now.astimezone(VIETNAM)
        if local.hour < self.HOUR:
            return False
        begun = local.replace(hour=self.HOUR, minute=0, second=0, microsecond=0)
        with self._retention.records.read() as session:
            last = session.scalar(select(Purge).order_by(Purge.id.desc()).limit(1))
        return last is None or last.at < begun or not last.counts
