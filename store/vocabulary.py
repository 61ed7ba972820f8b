"""The words that records are written in: each a closed set, checked by the database too."""

from __future__ import annotations

from enum import StrEnum


class SourceKind(StrEnum):
    FEED = "feed"
    SITEMAP = "sitemap"
    SITE = "site"
    FORUM = "forum"
    BLOG = "blog"
    TELEGRAM = "telegram"
    YOUTUBE = "youtube"
    FACEBOOK = "facebook"
    WARC = "warc"
    IMPORT = "import"
    HOTLINE = "hotline"


# What comes by files, or is sent to us, is not crawled.
CRAWLED = tuple(
    kind for kind in SourceKind if kind not in {SourceKind.WARC, SourceKind.IMPORT, SourceKind.HOTLINE}
)


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


# The outcomes that say that a text does harm; only they can be grounds for a referral.
HARMFUL = frozenset({Outcome.CORRECT, Outcome.REPORT})


class ReferralState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPORTED = "exported"
    ACKNOWLEDGED = "acknowledged"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    RECALLED = "recalled"


class SecondReviewWhy(StrEnum):
    """What a blind second review is for: quality at random, the gate of referrals, or a complaint."""

    SAMPLE = "sample"
    REFERRAL = "referral"
    COMPLAINT = "complaint"


class MilderMeans(StrEnum):
    """What is tried, or weighed, before anything is referred."""

    CORRECTION = "correction"
    PLATFORM_REPORT = "platform_report"
    PUBLIC_WARNING = "public_warning"


class TaskKind(StrEnum):
    SCORE = "score"
    INDEX = "index"
    CRAWL = "crawl"
    RENDER = "render"
    DELIVER = "deliver"


class PageRole(StrEnum):
    """What a URL is for.

    The source itself, asked again and again; a listing beside it, asked each time that the source leads to
    it; an article; a page of a thread; one item of a page that holds many, to see whether it still stands.
    """

    ROOT = "root"
    LISTING = "listing"
    ARTICLE = "article"
    THREAD = "thread"
    ITEM = "item"


class Sight(StrEnum):
    """What became of a post when it was looked at again."""

    SAME = "same"
    EDITED = "edited"
    DELETED = "deleted"
    UNREACHABLE = "unreachable"


class RunKind(StrEnum):
    CRAWL = "crawl"
    IMPORT = "import"


class RunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ClaimVerdict(StrEnum):
    """What fact-checkers found of a claim. One that proved true is not kept among these."""

    FALSE = "false"
    MISLEADING = "misleading"
    UNPROVEN = "unproven"
    OUTDATED = "outdated"


class ClaimOrigin(StrEnum):
    """Whether a version came with the program or was made here; what was made here is never overwritten."""

    SHIPPED = "shipped"
    LOCAL = "local"


class CopyVerdict(StrEnum):
    """What a person found of a near copy of the text under review."""

    SAME = "same"
    DIFFERENT = "different"


class Channel(StrEnum):
    """How a message leaves the installation."""

    EMAIL = "email"
    WEBHOOK = "webhook"


class DeliveryState(StrEnum):
    """What became of a message: still to be sent, taken by its recipient's server, or given up."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class FilterKind(StrEnum):
    """What a saved filter filters."""

    QUEUE = "queue"
    SEARCH = "search"


class Dispute(StrEnum):
    """Where two readings that differ came from."""

    SAMPLE = "sample"
    REFERRAL = "referral"
    COMPLAINT = "complaint"
    GOLDEN = "golden"


class ComplaintKind(StrEnum):
    COMPLAINT = "complaint"
    CORRECTION = "correction"


class ComplaintState(StrEnum):
    """Where a complaint stands; `disputed` waits for a lead, the last three are ends."""

    RECEIVED = "received"
    ASSIGNED = "assigned"
    DISPUTED = "disputed"
    UPHELD = "upheld"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


class ReportKind(StrEnum):
    """A report on a week for leadership, or on a quarter for the public."""

    WEEKLY = "weekly"
    TRANSPARENCY = "transparency"


class ReportState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class CorrectionState(StrEnum):
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
