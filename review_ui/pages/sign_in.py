"""Signing in and out: by password, by a code after it, or by a provider; and choosing a password."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import URL

from api import auth
from api.auth import Changing, desk_of
from api.problems import status_of
from api.sign_in_steps import StepGone
from review.errors import ReviewError
from review_ui.page import page, say

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/sign-in")
def sign_in_form(request: Request, next: str = "/") -> Response:
    return _sign_in_form(request, next)


@router.post("/sign-in")
def sign_in(
    request: Request, login: Text = "", password: Text = "", csrf: Text = "", next: Text = "/"
) -> Response:
    """Open a session, or ask for a code, and go where the person wanted to go."""
    auth.require_first(request, csrf)
    answer = RedirectResponse(own(next), 303)
    try:
        user = auth.sign_in(request, answer, login, password)
    except ReviewError as error:
        return _sign_in_form(request, next, login, error)
    if user is None:
        return _to_code(answer, own(next))
    if user.must_change:
        answer.headers["Location"] = "/password"
    return answer


@router.get("/sign-in/code")
def code_form(request: Request, next: str = "/") -> Response:
    return _code_form(request, next)


@router.post("/sign-in/code")
def enter_code(request: Request, code: Text = "", csrf: Text = "", next: Text = "/") -> Response:
    """Finish a sign-in by a code."""
    auth.require_first(request, csrf)
    answer = RedirectResponse(own(next), 303)
    try:
        user = auth.enter_code(request, answer, code)
    except StepGone as error:
        return _sign_in_form(request, next, "", error)
    except ReviewError as error:
        return _code_form(request, next, error)
    if user.must_change:
        answer.headers["Location"] = "/password"
    return answer


@router.get("/sign-in/oidc")
def go_outside(request: Request, next: str = "/", anew: bool = False) -> Response:
    """Send the browser to the provider; `anew`: to be asked there again, although signed in."""
    answer = RedirectResponse("/", 303)
    try:
        answer.headers["Location"] = auth.go_outside(
            request, answer, _redirect(request), own(next), anew=anew
        )
    except ReviewError as error:
        return _sign_in_form(request, next, "", error)
    return answer


@router.get("/sign-in/oidc/done")
def come_back(request: Request) -> Response:
    """Take what the provider says of the person."""
    answer = RedirectResponse("/", 303)
    try:
        answer.headers["Location"] = auth.come_back(request, answer, _redirect(request))
    except ReviewError as error:
        return _sign_in_form(request, "/", "", error)
    return answer


@router.get("/reauthenticate")
def reauthentication_form(request: Request, who: Changing, back: str = "/") -> Response:
    return page(request, "reauthenticate.html", who, back=own(back), error="")


@router.post("/reauthenticate")
def reauthenticate(request: Request, who: Changing, password: Text = "", back: Text = "/") -> Response:
    """Take the password of somebody who is signed in, and go back to what asked for it."""
    try:
        auth.reauthenticate(request, who, password)
    except ReviewError as error:
        return page(
            request, "reauthenticate.html", who, status=status_of(error), back=own(back),
            error=say(request, error.template, **error.values),
        )  # fmt: skip
    return RedirectResponse(own(back), 303)


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
    answer = RedirectResponse("/", 303)
    error = say(request, "Hai lần nhập mật khẩu mới không giống nhau.") if new != again else ""
    if not error:
        try:
            auth.change_password(request, answer, who, current, new)
        except ReviewError as refused:
            error = say(request, refused.template, **refused.values)
    return page(request, "password.html", who, status=422, error=error) if error else answer


def own(address: str) -> str:
    """Return an address of this site, or the first page: a link must not lead elsewhere after sign-in."""
    parts = urlsplit(address)
    own = (
        not parts.scheme
        and not parts.netloc
        and address.startswith("/")
        and not address.startswith(("//", "/\\"))
    )
    return address if own else "/"


def _to_code(answer: RedirectResponse, next: str) -> Response:
    answer.headers["Location"] = str(URL("/sign-in/code").include_query_params(next=next))
    return answer


def _redirect(request: Request) -> str:
    scheme = "https" if auth.over_tls(request) else "http"
    return f"{scheme}://{request.headers.get('Host', '')}/sign-in/oidc/done"


def _sign_in_form(request: Request, next: str, login: str = "", error: ReviewError | None = None) -> Response:
    provider = desk_of(request).sign_in.provider
    return _form(
        request, "sign_in.html", next, error, login=login, provider=provider.name if provider else ""
    )


def _code_form(request: Request, next: str, error: ReviewError | None = None) -> Response:
    return _form(request, "sign_in_code.html", next, error)


def _form(request: Request, template: str, next: str, error: ReviewError | None, **values: Any) -> Response:
    holder = Response()
    token = auth.first_token(request, holder)
    answer = page(
        request, template, status=status_of(error) if error else 200, csrf=token, next=own(next),
        error=say(request, error.template, **error.values) if error else "", **values,
    )  # fmt: skip
    answer.headers.append("set-cookie", holder.headers["set-cookie"])
    return answer
