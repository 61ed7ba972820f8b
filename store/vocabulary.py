"""The words that records are written in: each a closed set, checked by the database too."""

from __future__ import annotations

from enum import StrEnum


class SourceKind(StrEnum):
    RSS = "rss"
    FORUM = "forum"
    IMPORT = "import"
    HOTLINE = "hotline"


class PostKind(StrEnum):
    ARTICLE = "article"
    FORUM = "forum"
    COMMENT = "comment"
    SOCIAL = "social"
    HOTLINE = "hotline"


class Role(StrEnum):
    REVIEWER = "reviewer"
    LEAD = "lead"
    LIAISON = "liaison"
    AUDITOR = "auditor"
    ADMIN = "admin"


class CaseState(StrEnum):
    QUEUED = "queued"
    LEASED = "leased"
    ESCALATED = "escalated"
    DECIDED = "decided"


class Outcome(StrEnum):
    DISMISS = "dismiss"
    PROTECTED = "protected"
    CORRECT = "correct"
    REPORT = "report"


class ReferralState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPORTED = "exported"
    ACKNOWLEDGED = "acknowledged"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    RECALLED = "recalled"


class TaskKind(StrEnum):
    SCORE = "score"
    INDEX = "index"
    CRAWL = "crawl"


class PageRole(StrEnum):
    """What a URL is for: the source itself, asked again and again; an article; a page of a thread."""

    ROOT = "root"
    ARTICLE = "article"
    THREAD = "thread"


class RunKind(StrEnum):
    CRAWL = "crawl"
    IMPORT = "import"


class RunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
