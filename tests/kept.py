"""An installation with posts, an archive and an index that a test lets age, to see what its retention does."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from kiemtin.retention import Retention
from kiemtin.work.index import Indexing
from review import decision, queue
from review.decision import Verdict
from review.permissions import Person
from search.engine import SearchEngine
from store import outbox
from store.archive import Archive
from store.archived import Exchange, Stored
from store.base import Base
from store.ingest import Incoming, accept, clean
from store.keys import Keys
from store.records import Records
from store.retention import Terms
from store.tables import Assessment, Capture, Case, Post, Source
from store.vocabulary import Outcome, PostKind
from tests.referable import judge

SECRET = "Chị Bích ở ngõ chợ hỏi lịch tiêm mũi ba cho con"
OTHER = "Ông Tám bán bún cạnh trạm y tế kể chuyện xếp hàng xét nghiệm"
SCAM = "Nhận 3 triệu trợ cấp F0, chuyển trước phí hồ sơ vào stk 0000 1234 5678, ai chuyển trước nhận trước"

# The clock of a test; files are written by the clock of the machine, so it starts there.
START = datetime.now(UTC)


@dataclass
class Kept:
    """An installation with an archive, an index, and a clock that a test moves."""

    records: Records
    folder: Path
    keys: Keys
    engine: SearchEngine
    remote: str = ""
    options: dict[str, str] = field(default_factory=dict)
    now: datetime = START
    source: int = 0

    def archive(self) -> Archive:
        return Archive(self.folder / "archive", remote=self.remote, options=self.options)

    @property
    def retention(self) -> Retention:
        self.now += timedelta(seconds=1)
        return Retention(
            self.records, self.archive, lambda: self.keys, lambda: self.engine, Terms(), self.folder / "bundles",
            lambda: self.now, timedelta(0),
        )  # fmt: skip

    def seal(self) -> None:
        """Close the files that were written, as a day would."""
        for path in (self.folder / "archive").glob("*.open"):
            path.rename(path.with_name(path.name.removesuffix(".open")))

    def page(self, url: str, *texts: str, flagged: bool = False, handle: str = "nguyễn_văn_a") -> list[int]:
        """Capture a page with posts, take them in and judge them."""
        moved = Exchange(self.now, url + "?cu", 301, (("Location", url),), b"")
        body = "".join(f"<p>{handle}: {one}</p>" for one in texts).encode()
        with self.archive() as archive:
            stored = archive.exchange([moved, Exchange(self.now, url, 200, (), body)])
        return self.take(url, stored, texts, flagged, handle)

    def take(self, url: str, stored: Stored, texts: Any, flagged: bool, handle: str) -> list[int]:
        with self.records.write() as session:
            if not self.source:
                made = Source(name="Diễn đàn", kind="forum", legal_basis="công khai", added_at=self.now)
                session.add(made)
                session.flush()
                self.source = made.id
            capture = Capture(
                source_id=self.source, url=url, at=self.now, media_type="text/html", sha256=stored.sha256, status=200,
                warc=stored.warc, offset=stored.offset, length=stored.length, detail={"payload": stored.sha256},
            )  # fmt: skip
            session.add(capture)
            session.flush()
            posts = [
                Incoming(
                    key=f"{url}#{i}", kind=PostKind.FORUM, text=clean(one), capture_id=capture.id,
                    published_at=self.now, handle=handle, url=f"{url}#{i}",
                )
                for i, one in enumerate(texts)
            ]  # fmt: skip
            taken = accept(session, self.source, posts, self.keys, self.now)
        ids = [one.post_id for one in taken if one.fate != "forgotten"]
        for one in ids:
            judge(self.records, one) if flagged else self.leave_alone(one)
        with self.records.write() as session:
            outbox.owe_index(session, ids)
        self.index()
        return ids

    def leave_alone(self, post_id: int) -> None:
        with self.records.write() as session:
            post = session.get_one(Post, post_id)
            made = Assessment(
                post_id=post_id, post_version=post.version, model="m", policy="p", about=0.1, act="news", harmful=0.01,
                flagged=False, protected=True, uncertain=False, referable=False, priority=0.0, at=self.now,
                detail={"acts": {"news": 1.0}, "harms": {}, "found": [], "spans": [[0, 3]], "why": {"secret": post.text}},
            )  # fmt: skip
            session.add(made)
            session.flush()
            post.assessment_id = made.id

    def index(self) -> None:
        station = Indexing(self.records, self.engine)
        while station.once():
            pass

    def decide(self, who: Person, outcome: Outcome, text: str = "đã xem") -> Case:
        """Take the next case and decide it."""
        with self.records.write() as session:
            lease = queue.lease_next(session, who, "all", self.now)
            assert lease is not None
            case = session.get_one(Case, lease.case_id)
            verdict = Verdict(outcome, text, "Thông tin đúng là…" if outcome == Outcome.CORRECT else "")
            decision.decide(
                session, who, case.id, lease.version, lease.token, case.content_hash, verdict, self.now
            )
        with self.records.read() as session:
            return session.get_one(Case, lease.case_id)

    def bytes(self) -> bytes:
        """All that lies in the archive, unpacked."""
        folders = [self.folder / "archive"] + ([self.folder / "far"] if self.remote else [])
        return b"".join(
            gzip.decompress(path.read_bytes())
            for one in folders
            if one.exists()
            for path in one.iterdir()
            if path.is_file()
        )

    def dump(self) -> str:
        """All that the records hold but the audit log and lists of addresses asked, as text."""
        with self.records.read() as session:
            return "\n".join(
                str(row) for table in Base.metadata.sorted_tables if table.name not in {"page"}
                for row in session.execute(select(table))
            )  # fmt: skip
