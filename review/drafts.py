"""Ready words from a decision: the correction to publish, and the text that goes to a platform.

Neither says who wrote the post; what reaches a person is masked in what is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from review import blind
from review.case import get
from review.errors import ReviewError
from review.permissions import Action, Person, require
from store import audit, claim_review
from store.claim_facts import facts_of
from store.claim_tables import ClaimVersion
from store.masking import mask
from store.tables import Decision
from store.vocabulary import Outcome

_QUOTED = 400
# Where each platform says how its readers report a post.
PLATFORMS: Mapping[str, tuple[str, str]] = {
    "facebook.com": ("Facebook", "https://www.facebook.com/help/reportlinks"),
    "youtube.com": ("YouTube", "https://support.google.com/youtube/answer/2802027"),
    "t.me": ("Telegram", "https://telegram.org/faq"),
}


class NoDraft(ReviewError):
    template = "Ca {case} không có quyết định nào còn hiệu lực cần lời gửi đi."


class NoClaimChosen(ReviewError):
    template = (
        "Đính chính của ca {case} không dựa trên tuyên bố nào, nên không thành ClaimReview. Hãy dùng bản chữ."
    )


def from_claim(claim: Mapping[str, Any]) -> str:
    """Return a correction to begin from: that of a claim as an assessment shows it, with its source."""
    source = " ".join(filter(None, (claim.get("source_name"), claim.get("source_url"))))
    return f"{claim['correction']}\n(Nguồn: {source})" if source else str(claim["correction"])


def platform(url: str | None) -> tuple[str, str] | None:
    """Return the name of the platform of an address, and where it says how to report; None where unknown."""
    host = (urlsplit(url or "").hostname or "").lower()
    return next((known for end, known in PLATFORMS.items() if host == end or host.endswith(f".{end}")), None)


def ready(decision: Decision) -> str:
    """Return the words that a decision asks to be sent, in Vietnamese; "" where it asks for none."""
    if decision.outcome == Outcome.CORRECT:
        return _correction(decision)
    return _report(decision) if decision.outcome == Outcome.REPORT else ""


def exported(session: Session, person: Person, case_id: int) -> str:
    """Return the ready words of a case's standing decision, and leave an event. Raises `NoDraft`."""
    decision = _standing(session, person, case_id)
    text = ready(decision)
    if not text:
        raise NoDraft(case=case_id)
    _told(session, person, decision, "text")
    return text


def exported_review(session: Session, person: Person, case_id: int) -> dict[str, Any]:
    """Return the correction of a case as ClaimReview (JSON-LD), and leave an event.

    It is of the claim, in the version that was seen, with the words of the correction. Raises `NoDraft`, and
    `NoClaimChosen` where the correction was drawn from no claim.
    """
    decision = _standing(session, person, case_id)
    if decision.outcome != Outcome.CORRECT:
        raise NoDraft(case=case_id)
    seen = _claim(decision)
    if seen is None:
        raise NoClaimChosen(case=case_id)
    row = session.scalar(
        select(ClaimVersion).where(
            ClaimVersion.claim_id == seen["claim_id"], ClaimVersion.version == seen.get("version", 1)
        )
    )
    if row is None:
        raise NoClaimChosen(case=case_id)
    _told(session, person, decision, "ClaimReview")
    return claim_review.document([replace(facts_of(row), correction=decision.correction)])


def _standing(session: Session, person: Person, case_id: int) -> Decision:
    require(person, Action.REVIEW)
    get(session, case_id)
    last = session.scalar(
        select(Decision)
        .where(Decision.case_id == case_id, Decision.undone_at.is_(None))
        .order_by(Decision.id.desc())
        .limit(1)
    )
    # Who is to read the case blind is not told by its draft either.
    if last is None or "text" not in last.snapshot or blind.awaits(session, person, case_id):
        raise NoDraft(case=case_id)
    return last


def _told(session: Session, person: Person, decision: Decision, form: str) -> None:
    subject = f"case:{decision.case_id}"
    audit.append(session, person.actor, "draft.exported", subject, decision=decision.id, form=form)


def _claim(decision: Decision) -> dict[str, Any] | None:
    shown: list[dict[str, Any]] = decision.snapshot["assessment"].get("claims", [])
    return next((claim for claim in shown if claim["claim_id"] == decision.claim_id), None)


def _correction(decision: Decision) -> str:
    claim = _claim(decision)
    about = f"Về tin “{claim['claim']}”\n\n" if claim else ""
    return f"ĐÍNH CHÍNH\n\n{about}{decision.correction}\n"


def _report(decision: Decision) -> str:
    seen = decision.snapshot
    quoted = mask(seen["text"])
    if len(quoted) > _QUOTED:
        quoted = quoted[:_QUOTED].rpartition(" ")[0] + "…"
    claims = [claim for claim in seen["assessment"].get("claims", []) if claim.get("confirmed")]
    known = f"Thông tin đã kiểm chứng: {from_claim(claims[0])}\n" if claims else ""
    return (
        "Kính gửi bộ phận kiểm duyệt,\n\n"
        f"Đề nghị xem xét nội dung công khai tại: {seen['url'] or '(không có địa chỉ)'}\n"
        f"Lý do: {decision.reason}\n"
        f"Trích: “{quoted}”\n{known}"
        f"SHA-256 của lời đã xem: {seen['content_hash']}\n\n"
        "Đây là đề nghị xem xét theo quy định của nền tảng,"
        " không phải yêu cầu cung cấp thông tin người đăng.\n"
    )
