"""A sign-in that takes more than one step: what is kept between them, for one browser and ten minutes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.sessions import fingerprint
from review.errors import ReviewError
from store.people_tables import SignInStep, Step

LASTS = timedelta(minutes=10)


class StepGone(ReviewError):
    template = "Lần đăng nhập này đã quá hạn hoặc đã xong. Hãy bắt đầu lại."


def begin_step(
    session: Session,
    step: Step,
    at: datetime,
    user_id: int | None = None,
    detail: Mapping[str, str] | None = None,
) -> str:
    """Keep what the next step of a sign-in needs, and return the token of the browser that may take it."""
    session.execute(delete(SignInStep).where(SignInStep.expires_at <= at))
    token = secrets.token_urlsafe(32)
    session.add(
        SignInStep(
            token_sha256=fingerprint(token), step=step, user_id=user_id, detail=dict(detail or {}),
            expires_at=at + LASTS,
        )
    )  # fmt: skip
    return token


def step_of(session: Session, step: Step, token: str, at: datetime) -> SignInStep:
    """Return what was kept for the browser with `token`; raises `StepGone`."""
    found = session.get(SignInStep, fingerprint(token))
    if found is None or found.step != step or found.expires_at <= at:
        raise StepGone()
    return found


def end_step(session: Session, found: SignInStep) -> None:
    """Let a step be taken once: what was kept for it goes."""
    session.delete(found)
    session.flush()
