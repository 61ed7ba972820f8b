"""The records: one class a table. Times are UTC; the author of a post is a pseudonym and a sealed handle."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.base import Base, Id, one_of, partial, primary_key, to
from store.vocabulary import (
    CaseState,
    Outcome,
    PostKind,
    ReferralState,
    Role,
    RunKind,
    RunState,
    Sight,
    SourceKind,
)

# While a referral is open or sent, its evidence is in no other.
_UNDER_WAY = "state IN ('proposed', 'approved', 'exported', 'acknowledged')"
# What a database takes for the time of a row that was put in without it.
LONG_AGO = "1970-01-01 00:00:00"


class Source(Base):
    """A feed, forum, channel or import, with its crawl policy and legal basis.

    `enabled` is what the list of sources says, `paused_at` what a person did since; `verified_at` is when a
    page of it was last read in a test.
    """

    __tablename__ = "source"
    __table_args__ = (one_of("kind", SourceKind), CheckConstraint("rate > 0", name="rate"))

    id: Mapped[int] = primary_key()
    name: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    url: Mapped[str | None]
    language: Mapped[str] = mapped_column(String(8), default="vi")
    legal_basis: Mapped[str]
    rate: Mapped[float] = mapped_column(default=0.2)
    pages_a_day: Mapped[int | None]
    conditional: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    paused_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    added_at: Mapped[datetime]


class Run(Base):
    """One crawl of a source or one import of a file: how far it came, and what it counted."""

    __tablename__ = "run"
    __table_args__ = (one_of("kind", RunKind), one_of("state", RunState))

    id: Mapped[int] = primary_key()
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default=RunState.RUNNING)
    source_id: Mapped[int] = to("source.id", index=True)
    capture_id: Mapped[int | None] = to("capture.id")
    file_name: Mapped[str | None]
    identity: Mapped[str | None] = mapped_column(String(64), unique=True)
    next_row: Mapped[int] = mapped_column(default=0)
    counters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    source: Mapped[Source] = relationship()


class Rejection(Base):
    """A row of an import that was not accepted, and why."""

    __tablename__ = "rejection"

    run_id: Mapped[int] = mapped_column(Id, ForeignKey("run.id"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str]
    raw: Mapped[str]


class Capture(Base):
    """One HTTP exchange, or one imported file, kept in a WARC file.

    `sha256` is that of the content, decoded; the WARC record has that of the bytes as they were sent.
    `detail` is what else was seen: address and certificate of the server, how it was reached, what
    robots.txt said. `page_id` is the page of the frontier that was asked; no foreign key, for pages may go.
    One that found the same bytes again has its record, and `same_as`: the capture that holds the bytes.
    Where its file was written anew, `detail["lay"]` is where it lay at first: file, offset, length.
    """

    __tablename__ = "capture"
    __table_args__ = (
        UniqueConstraint("warc", "offset"),
        Index("ix_capture_same_as", "same_as", **partial("same_as IS NOT NULL")),
    )

    id: Mapped[int] = primary_key()
    source_id: Mapped[int] = to("source.id", index=True)
    url: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime]
    status: Mapped[int | None]
    media_type: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    warc: Mapped[str]
    offset: Mapped[int] = mapped_column(BigInteger)
    length: Mapped[int] = mapped_column(BigInteger)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    page_id: Mapped[int | None] = mapped_column(Id, index=True)
    same_as: Mapped[int | None] = mapped_column(Id)


class Cluster(Base):
    """Near-duplicate posts. `signature` is the MinHash of the leader: the post that opened the cluster."""

    __tablename__ = "cluster"

    id: Mapped[int] = primary_key()
    signature: Mapped[bytes | None]
    size: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class Band(Base):
    """One LSH band of a cluster leader's signature: clusters that share one are candidates to be copies."""

    __tablename__ = "band"

    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    cluster_id: Mapped[int] = mapped_column(Id, ForeignKey("cluster.id"), primary_key=True, index=True)


class Post(Base):
    """One public item. `text` is all that is scored: NFC, an article's headline first.

    `position` is its place in a thread, `parent` the key of the post that it answers; `facts` is what else
    its page says of it: section, standfirst, links, media, number of comments. `again` is the page by which
    it is looked at again, where that is not the page of its capture.

    Of one whose term is over (`purged_at`) only what reports count is left: source, kind, times, cluster, and
    the figures of its assessment. Text, address, author and fingerprint are gone for good (trigger).
    """

    __tablename__ = "post"
    __table_args__ = (
        one_of("kind", PostKind),
        Index("ix_post_cluster_id_id", "cluster_id", "id"),
        Index("ix_post_parent", "parent", **partial("parent IS NOT NULL")),
        Index("ix_post_purged_at", "purged_at", **partial("purged_at IS NOT NULL")),
    )

    id: Mapped[int] = primary_key()
    key: Mapped[str] = mapped_column(Text, unique=True)
    source_id: Mapped[int] = to("source.id", index=True)
    capture_id: Mapped[int] = to("capture.id", index=True)
    row: Mapped[int | None]
    url: Mapped[str | None]
    kind: Mapped[str] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(8), default="vi")
    title: Mapped[str] = mapped_column(default="")
    text: Mapped[str]
    quotes: Mapped[list[Any]] = mapped_column(default=list)
    content_hash: Mapped[str] = mapped_column(String(64), index=True)
    version: Mapped[int] = mapped_column(default=1)
    published_at: Mapped[datetime | None]
    modified_at: Mapped[datetime | None]
    position: Mapped[int | None]
    parent: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    again: Mapped[str | None]
    first_seen_at: Mapped[datetime] = mapped_column(index=True)
    last_seen_at: Mapped[datetime]
    author: Mapped[str | None] = mapped_column(String(64))
    author_sealed: Mapped[bytes | None]
    cluster_id: Mapped[int] = to("cluster.id")
    # The latest assessment; no foreign key, for it would close a circle with assessment.post_id.
    assessment_id: Mapped[int | None] = mapped_column(Id)
    purged_at: Mapped[datetime | None]

    source: Mapped[Source] = relationship()
    capture: Mapped[Capture] = relationship()
    assessment: Mapped[Assessment | None] = relationship(
        primaryjoin="foreign(Post.assessment_id) == Assessment.id", viewonly=True
    )


class Revision(Base):
    """What a post said at one version; written when it is first seen and at each edit."""

    __tablename__ = "revision"

    post_id: Mapped[int] = mapped_column(Id, ForeignKey("post.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    text: Mapped[str]
    content_hash: Mapped[str] = mapped_column(String(64))
    capture_id: Mapped[int] = to("capture.id", index=True)
    seen_at: Mapped[datetime]


class Sighting(Base):
    """One look at a flagged post after it was taken in: as it was, edited, gone, or not to be reached."""

    __tablename__ = "sighting"
    __table_args__ = (one_of("what", Sight),)

    id: Mapped[int] = primary_key()
    post_id: Mapped[int] = to("post.id", index=True)
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None]
    capture_id: Mapped[int | None] = to("capture.id")


class Rendering(Base):
    """A post's page as a browser showed it: a picture of the whole page, and the document it had become."""

    __tablename__ = "rendering"

    id: Mapped[int] = primary_key()
    post_id: Mapped[int] = to("post.id", index=True)
    at: Mapped[datetime]
    picture_id: Mapped[int] = to("capture.id")
    document_id: Mapped[int] = to("capture.id")


class Assessment(Base):
    """One scoring of one version of a post by one model and policy version."""

    __tablename__ = "assessment"
    __table_args__ = (
        UniqueConstraint("post_id", "post_version", "model", "policy"),
        CheckConstraint("NOT (protected AND referable)", name="protected_is_never_referable"),
        CheckConstraint("harmful BETWEEN 0 AND 1", name="harmful"),
    )

    id: Mapped[int] = primary_key()
    post_id: Mapped[int] = to("post.id")
    post_version: Mapped[int]
    model: Mapped[str] = mapped_column(String(100))
    policy: Mapped[str] = mapped_column(String(100))
    about: Mapped[float]
    act: Mapped[str] = mapped_column(String(32))
    harmful: Mapped[float]
    flagged: Mapped[bool]
    protected: Mapped[bool]
    uncertain: Mapped[bool]
    referable: Mapped[bool]
    priority: Mapped[float]
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class User(Base):
    """A person who signs in. Passwords are argon2id hashes."""

    __tablename__ = "user"
    __table_args__ = (one_of("role", Role),)

    id: Mapped[int] = primary_key()
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str]
    must_change: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class UserSession(Base):
    """A signed-in browser: only the SHA-256 of its token is kept.

    `address` and `agent` are what a person knows their browser by; `how` is a
    `store.people_tables.SignInBy`. `proved_at` is when the person last gave a password or a code, here or to
    the provider; None where the provider did not say.
    """

    __tablename__ = "session"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = to("user.id", index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")
    agent: Mapped[str] = mapped_column(String(200), default="", server_default="")
    how: Mapped[str] = mapped_column(String(8), default="password", server_default="password")
    proved_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()


class Case(Base):
    """A cluster under review, shown by one post whose text has `content_hash`.

    A lease is a person, a token and an expiry, or none of the three. `priority` is as it was when the newest
    of its `copies` appeared, at `fresh_from`, `recent` of them in the day up to then; `rank` orders cases as
    their priorities do at any one moment (`review.priority`). The clock of its lane runs from `waits_from`.
    """

    __tablename__ = "case"
    __table_args__ = (
        one_of("state", CaseState),
        CheckConstraint(
            "(state = 'leased') = (lease_token IS NOT NULL)"
            " AND (lease_token IS NULL) = (lease_user_id IS NULL)"
            " AND (lease_token IS NULL) = (lease_until IS NULL)",
            name="lease",
        ),
        Index("ix_case_queue", "state", "rank", "id"),
        Index("ix_case_lane", "state", "harm", "rank", "id"),
        Index("ix_case_late", "state", "harm", "waits_from"),
    )

    id: Mapped[int] = primary_key()
    cluster_id: Mapped[int] = mapped_column(Id, ForeignKey("cluster.id"), unique=True)
    post_id: Mapped[int] = to("post.id")
    content_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default=CaseState.QUEUED)
    version: Mapped[int] = mapped_column(default=1)
    priority: Mapped[float]
    harm: Mapped[str | None] = mapped_column(String(32))
    uncertain: Mapped[bool] = mapped_column(default=False)
    rank: Mapped[float] = mapped_column(default=0.0, server_default="0")
    severity: Mapped[float] = mapped_column(default=0.0, server_default="0")
    copies: Mapped[int] = mapped_column(default=1, server_default="1")
    recent: Mapped[int] = mapped_column(default=1, server_default="1")
    fresh_from: Mapped[datetime] = mapped_column(server_default=LONG_AGO)
    waits_from: Mapped[datetime] = mapped_column(server_default=LONG_AGO)
    lease_user_id: Mapped[int | None] = to("user.id", index=True)
    lease_token: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]

    post: Mapped[Post] = relationship()
    lease_user: Mapped[User | None] = relationship()


class Activity(Base):
    """One line of a case's log, as reviewers read it."""

    __tablename__ = "activity"
    __table_args__ = (Index("ix_activity_user_id_id", "user_id", "id"),)

    id: Mapped[int] = primary_key()
    case_id: Mapped[int] = to("case.id", index=True)
    user_id: Mapped[int | None] = to("user.id")
    what: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]

    user: Mapped[User | None] = relationship()


class Decision(Base):
    """A reviewer's outcome on one version of a case, with a snapshot of what was seen and what it covers.

    `act` is the protected act that the reviewer named, `claim_id` the claim that a correction was drawn from.
    A trigger refuses a new one without a reason.
    """

    __tablename__ = "decision"
    __table_args__ = (one_of("outcome", Outcome), UniqueConstraint("case_id", "case_version"))

    id: Mapped[int] = primary_key()
    case_id: Mapped[int] = to("case.id")
    case_version: Mapped[int]
    user_id: Mapped[int] = to("user.id", index=True)
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str]
    act: Mapped[str | None] = mapped_column(String(32))
    correction: Mapped[str] = mapped_column(default="")
    claim_id: Mapped[str | None] = mapped_column(String(64))
    policy: Mapped[str] = mapped_column(String(100))
    snapshot: Mapped[dict[str, Any]]
    snapshot_sha256: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(index=True)
    undone_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()


class Referral(Base):
    """From proposal to export, receipt or recall: two persons, never the same one twice.

    `content_hash` is that of the text proposed, `evidence_sha256` as `store.referred` has it; `milder` are
    the means considered, `why_not_milder` says why they are not enough. `review_id` is the blind review that
    the approval stands on, `end_reason` why it was rejected, withdrawn, recalled or expired. What was said is
    never changed, and triggers (migrations 0006 and 0010) let only legal moves pass.
    """

    __tablename__ = "referral"
    __table_args__ = (
        one_of("state", ReferralState),
        CheckConstraint("approver_id IS NULL OR approver_id <> proposer_id", name="two_persons"),
        CheckConstraint(
            "state NOT IN ('approved', 'exported', 'acknowledged', 'recalled', 'expired')"
            " OR (approver_id IS NOT NULL AND expires_at IS NOT NULL)",
            name="approval",
        ),
        CheckConstraint("legal_basis <> '' AND why_not_milder <> ''", name="grounds"),
        CheckConstraint(
            "state IN ('proposed', 'rejected', 'withdrawn')"
            " OR (review_id IS NOT NULL AND approved_at IS NOT NULL AND approved_at < expires_at)",
            name="reviewed",
        ),
        CheckConstraint(
            "state NOT IN ('exported', 'acknowledged', 'recalled') OR (bundle_sha256 IS NOT NULL"
            " AND exported_at IS NOT NULL AND exported_at >= approved_at AND exported_at < expires_at)",
            name="sent",
        ),
        Index(
            "uq_referral_open",
            "case_id",
            unique=True,
            sqlite_where=text("state IN ('proposed', 'approved')"),
            postgresql_where=text("state IN ('proposed', 'approved')"),
        ),
        Index(
            "uq_referral_evidence",
            "evidence_sha256",
            unique=True,
            sqlite_where=text(_UNDER_WAY),
            postgresql_where=text(_UNDER_WAY),
        ),
    )

    id: Mapped[int] = primary_key()
    case_id: Mapped[int] = to("case.id", index=True)
    state: Mapped[str] = mapped_column(String(16), default=ReferralState.PROPOSED)
    rule: Mapped[str] = mapped_column(String(64))
    legal_basis: Mapped[str]
    why_not_milder: Mapped[str]
    milder: Mapped[list[Any]] = mapped_column(default=list)
    content_hash: Mapped[str] = mapped_column(String(64))
    evidence_sha256: Mapped[str] = mapped_column(String(64))
    policy: Mapped[str] = mapped_column(String(100))
    proposer_id: Mapped[int] = to("user.id")
    approver_id: Mapped[int | None] = to("user.id")
    review_id: Mapped[int | None] = mapped_column(Id)
    proposed_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    exported_at: Mapped[datetime | None]
    bundle_sha256: Mapped[str | None] = mapped_column(String(64))
    receipt: Mapped[str | None]
    end_reason: Mapped[str] = mapped_column(default="")

    case: Mapped[Case] = relationship()
    proposer: Mapped[User] = relationship(foreign_keys="Referral.proposer_id")
    approver: Mapped[User | None] = relationship(foreign_keys="Referral.approver_id")


class Event(Base):
    """One row of the audit log; written by `store.audit` alone, never changed (a trigger refuses)."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(100), index=True)
    action: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(200), index=True)
    detail: Mapped[str]
    previous: Mapped[str] = mapped_column(String(64), unique=True)
    hash: Mapped[str] = mapped_column(String(64))
