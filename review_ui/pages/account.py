"""One's own account: how this browser shows things, the second factor, and the browsers signed in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import auth, second_factor, sessions
from api.auth import PROVED, Changing, Who, desk_of
from api.problems import status_of
from review.errors import ReviewError
from review_ui.i18n import COOKIE as LANGUAGE_COOKIE
from review_ui.i18n import LANGUAGES
from review_ui.page import MARKS_COOKIE, THEME_COOKIE, THEMES, page, say
from review_ui.pages.sign_in import own
from review_ui.tour import COOKIE as TOUR_COOKIE
from store.people_tables import SignInBy

router = APIRouter()

Text = Annotated[str, Form()]
_YEAR = 365 * 24 * 3600


@router.get("/settings")
def settings(request: Request, who: Who) -> Response:
    return page(request, "settings.html", who, themes=THEMES)


@router.post("/settings")
def change_settings(
    request: Request,
    who: Changing,
    language: Text = "",
    theme: Text = "",
    marks: Text = "",
    tour: Text = "",
    back: Text = "/settings",
) -> Response:
    """Keep how this browser shows things, in cookies."""
    answer = RedirectResponse(own(back), 303)
    for cookie, value, allowed in (
        (LANGUAGE_COOKIE, language, tuple(LANGUAGES)),
        (THEME_COOKIE, theme, THEMES),
        (MARKS_COOKIE, marks, ("on", "off")),
        (TOUR_COOKIE, tour, ("on", "off")),
    ):
        if value in allowed:
            answer.set_cookie(
                cookie, value, max_age=_YEAR, samesite="lax", secure=auth.over_tls(request), path="/"
            )
    return answer


@router.get("/second-factor")
def factor(request: Request, who: Changing) -> Response:
    return _factor(request, who)


@router.post("/second-factor", dependencies=PROVED)
def begin(request: Request, who: Changing) -> Response:
    """Make a secret for an authenticator app, and show it."""
    desk = desk_of(request)
    try:
        with desk.records.write() as session:
            second_factor.begin(session, desk.sign_in, who.user, desk.clock())
    except ReviewError as error:
        return _factor(request, who, error)
    return RedirectResponse("/second-factor", 303)


@router.post("/second-factor/confirm")
def confirm(request: Request, who: Changing, code: Text = "") -> Response:
    """Let the secret count; the recovery codes are shown once, on the answer."""
    desk = desk_of(request)
    holder = Response()
    try:
        with desk.records.write() as session:
            codes = second_factor.confirm(session, desk.sign_in, who.user, code, desk.clock())
            auth.renew(request, holder, session, who, SignInBy.CODE)
    except ReviewError as error:
        return _factor(request, who, error)
    return _codes(request, codes, holder)


@router.post("/second-factor/codes")
def renew_codes(request: Request, who: Changing, code: Text = "") -> Response:
    desk = desk_of(request)
    try:
        second_factor.prove(desk.records, desk.sign_in, who.user.id, code, desk.clock())
        with desk.records.write() as session:
            codes = second_factor.renew_codes(session, who.user)
    except ReviewError as error:
        return _factor(request, who, error)
    return _codes(request, codes, Response())


@router.post("/second-factor/off")
def give_up(request: Request, who: Changing, code: Text = "") -> Response:
    desk = desk_of(request)
    answer = RedirectResponse("/second-factor", 303)
    try:
        second_factor.prove(desk.records, desk.sign_in, who.user.id, code, desk.clock())
        with desk.records.write() as session:
            second_factor.give_up(session, desk.sign_in, who.user)
            auth.renew(request, answer, session, who, SignInBy.PASSWORD)
    except ReviewError as error:
        return _factor(request, who, error)
    return answer


@router.get("/sessions")
def my_sessions(request: Request, who: Changing) -> Response:
    desk = desk_of(request)
    with desk.records.read() as session:
        rows = sessions.listing(session, who.person, who.user.id, desk.sign_in, desk.clock())
    return page(request, "sessions.html", who, rows=rows, handle=sessions.handle)


@router.post("/sessions/end")
def end_others(request: Request, who: Changing) -> Response:
    """Sign out everywhere but here."""
    with desk_of(request).records.write() as session:
        sessions.end_others(session, who.person, who.user.id, keep=who.token_sha256)
    return RedirectResponse("/sessions", 303)


@router.post("/sessions/{handle}/end")
def end_one(request: Request, who: Changing, handle: str) -> Response:
    with desk_of(request).records.write() as session:
        sessions.end(session, who.person, who.user.id, handle)
    return RedirectResponse("/sessions", 303)


def _factor(request: Request, who: auth.SignedIn, error: ReviewError | None = None) -> Response:
    desk = desk_of(request)
    with desk.records.read() as session:
        standing = second_factor.standing(session, who.user, desk.sign_in)
        secret = second_factor.begun(session, desk.sign_in, who.user)
    shown: dict[str, Any] = {"secret": "", "drawn": ""}
    if secret is not None:
        shown = {
            "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
            "drawn": second_factor.drawn(second_factor.address_of(secret, who.user.login)),
        }
    return page(
        request, "second_factor.html", who, status=status_of(error) if error else 200, standing=standing,
        error=say(request, error.template, **error.values) if error else "", codes=[], **shown,
    )  # fmt: skip


def _codes(request: Request, codes: list[str], holder: Response) -> Response:
    # The session has another token now, and the page's forms need its `csrf`: they are on the next page.
    answer = page(request, "recovery_codes.html", None, codes=codes)
    answer.raw_headers += [pair for pair in holder.raw_headers if pair[0] == b"set-cookie"]
    return answer
