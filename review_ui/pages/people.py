"""Signing in, passwords, the people of an installation, and one's own settings."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from api import accounts, auth
from api.auth import SignedIn, Who, desk_of
from review.errors import ReviewError
from review.permissions import Action, require
from review_ui.i18n import COOKIE as LANGUAGE_COOKIE
from review_ui.i18n import LANGUAGES
from review_ui.page import MARKS_COOKIE, THEME_COOKIE, THEMES, page, say
from store.tables import User
from store.vocabulary import Role

router = APIRouter()

Changing = Annotated[SignedIn, Depends(auth.signed_in_or_changing)]
Text = Annotated[str, Form()]
_YEAR = 365 * 24 * 3600


@router.get("/sign-in")
def sign_in_form(request: Request, next: str = "/") -> Response:
    return _sign_in_form(request, next)


@router.post("/sign-in")
def sign_in(
    request: Request, login: Text = "", password: Text = "", csrf: Text = "", next: Text = "/"
) -> Response:
    """Open a session and go where the person wanted to go."""
    auth.require_first(request, csrf)
    answer = RedirectResponse(_own(next), 303)
    try:
        user = auth.sign_in(request, answer, login, password)
    except ReviewError as error:
        return _sign_in_form(request, next, login, say(request, error.template, **error.values))
    if user.must_change:
        answer.headers["Location"] = "/password"
    return answer


@router.post("/sign-out")
def sign_out(request: Request, who: Changing) -> Response:
    answer = RedirectResponse("/sign-in", 303)
    auth.sign_out(request, answer, who)
    return answer


@router.get("/password")
def password_form(request: Request, who: Changing) -> Response:
    return page(request, "password.html", who, error="")


@router.post("/password")
def change_password(
    request: Request, who: Changing, current: Text = "", new: Text = "", again: Text = ""
) -> Response:
    """Change one's password; other browsers are signed out."""
    desk = desk_of(request)
    if new != again:
        return page(
            request,
            "password.html",
            who,
            status=422,
            error=say(request, "Hai lần nhập mật khẩu mới không giống nhau."),
        )
    try:
        with desk.records.write() as session:
            user = session.merge(who.user)
            accounts.change_password(session, user, current, new, desk.clock())
            accounts.end_sessions(session, user.id, keep=who.token_sha256)
    except ReviewError as error:
        return page(
            request, "password.html", who, status=422, error=say(request, error.template, **error.values)
        )
    return RedirectResponse("/", 303)


@router.get("/people")
def people(request: Request, who: Who) -> Response:
    return _people(request, who)


@router.post("/people")
def invite(
    request: Request,
    who: Who,
    login: Text = "",
    name: Text = "",
    role: Annotated[Role, Form()] = Role.REVIEWER,
) -> Response:
    """Add a person; the one-time password is shown once, on the answer."""
    require(who.person, Action.ADMINISTER)
    login = login.strip().lower()
    try:
        with desk_of(request).records.write() as session:
            password = accounts.invite(session, login, name, role, who.person.actor)
    except ReviewError as error:
        return _people(request, who, error=say(request, error.template, **error.values), status=422)
    return _people(request, who, made=login, password=password)


@router.post("/people/{login}/reset")
def reset(request: Request, who: Who, login: str) -> Response:
    require(who.person, Action.ADMINISTER)
    with desk_of(request).records.write() as session:
        password = accounts.reset(session, login, who.person.actor)
    return _people(request, who, made=login, password=password)


@router.post("/people/{login}/active")
def set_active(request: Request, who: Who, login: str, active: Annotated[bool, Form()]) -> Response:
    require(who.person, Action.ADMINISTER)
    if login == who.user.login:
        return _people(
            request, who, error=say(request, "Bạn không thể tự khóa tài khoản của mình."), status=409
        )
    with desk_of(request).records.write() as session:
        accounts.set_active(session, login, active, who.person.actor)
    return RedirectResponse("/people", 303)


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
    back: Text = "/settings",
) -> Response:
    """Keep how this browser shows things, in cookies."""
    answer = RedirectResponse(_own(back), 303)
    for cookie, value, allowed in (
        (LANGUAGE_COOKIE, language, tuple(LANGUAGES)),
        (THEME_COOKIE, theme, THEMES),
        (MARKS_COOKIE, marks, ("on", "off")),
    ):
        if value in allowed:
            answer.set_cookie(
                cookie, value, max_age=_YEAR, samesite="lax", secure=desk_of(request).secure_cookies, path="/"
            )
    return answer


def _sign_in_form(request: Request, next: str, login: str = "", error: str = "") -> Response:
    holder = Response()
    token = auth.first_token(request, holder)
    answer = page(
        request,
        "sign_in.html",
        status=401 if error else 200,
        csrf=token,
        next=_own(next),
        login=login,
        error=error,
    )
    answer.headers.append("set-cookie", holder.headers["set-cookie"])
    return answer


def _people(
    request: Request, who: SignedIn, *, made: str = "", password: str = "", error: str = "", status: int = 200
) -> Response:
    require(who.person, Action.ADMINISTER)
    with desk_of(request).records.read() as session:
        users = session.scalars(select(User).order_by(User.login)).all()
    return page(
        request,
        "people.html",
        who,
        status=status,
        users=users,
        roles=list(Role),
        made=made,
        password=password,
        error=error,
    )


def _own(address: str) -> str:
    """Return an address of this site, or the first page: a link must not lead elsewhere after sign-in."""
    parts = urlsplit(address)
    own = (
        not parts.scheme
        and not parts.netloc
        and address.startswith("/")
        and not address.startswith(("//", "/\\"))
    )
    return address if own else "/"
