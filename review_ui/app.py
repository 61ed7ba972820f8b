"""Puts the pages onto the API: one application, one port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api import bounds, problems
from api.app import create_api
from api.auth import MustAddFactor, MustChangePassword, NotSignedIn, ReauthenticationNeeded
from api.desk import Desk
from review.errors import ReviewError
from review_ui.i18n import translations
from review_ui.page import page, say
from review_ui.pages import (
    account,
    bundles,
    case_parts,
    cases,
    claims,
    complaints,
    corrections,
    insight,
    people,
    places,
    policy,
    privacy,
    public,
    quality,
    queue,
    referrals,
    reports,
    second_reviews,
    setup,
    sign_in,
    tokens,
    triage,
    work,
)

# In the order in which routes are tried.
_PAGES = (
    triage,
    cases,
    case_parts,
    claims,
    insight,
    places,
    people,
    setup,
    policy,
    privacy,
    queue,
    referrals,
    second_reviews,
    work,
    quality,
    complaints,
    reports,
    corrections,
    public,
    bundles,
    tokens,
    account,
    sign_in,
)

Handler = Callable[[Request, Exception], Awaitable[Response]]


class Lasting(StaticFiles):
    """Static files that a browser may keep for an hour."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response


def create_app(desk: Desk) -> FastAPI:
    """Return the whole application: pages, JSON API, health and metrics."""
    app = create_api(desk)
    app.state.translate = lambda language, text: translations(language).gettext(text)
    for module in _PAGES:
        checks = [Depends(bounds.require_text)]
        app.include_router(module.router, include_in_schema=False, dependencies=checks)
    app.mount("/static", Lasting(directory=Path(str(files("review_ui") / "static"))))
    app.mount("/vendor", Lasting(directory=Path(str(files("js_lib_htmx") / "static" / "htmx"))))
    for kind in problems.HANDLED:
        app.add_exception_handler(kind, _page_or(problems.on_known))
    app.add_exception_handler(HTTPException, _page_or(problems.on_http))
    app.add_exception_handler(RequestValidationError, _page_or(problems.on_invalid))
    return app


def _page_or(as_problem: Handler) -> Handler:
    """Answer programs with a problem document, and people with a page that says the same."""

    async def handle(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(("/api/", "/healthz", "/metrics")):
            return await as_problem(request, error)
        if isinstance(error, NotSignedIn):
            return _lead(request, f"/sign-in?{urlencode({'next': _wanted(request)})}")
        if isinstance(error, MustChangePassword):
            return _lead(request, "/password")
        if isinstance(error, MustAddFactor):
            return _lead(request, "/second-factor")
        if isinstance(error, ReauthenticationNeeded):
            return _lead(request, f"/reauthenticate?{urlencode({'back': _came_from(request)})}")
        status, words = _words(request, error)
        return page(request, "error.html", status=status, code=status, words=words)

    return handle


def _words(request: Request, error: Exception) -> tuple[int, str]:
    if isinstance(error, ReviewError):
        return problems.status_of(error), say(request, error.template, **error.values)
    if isinstance(error, HTTPException) and error.status_code == 404:
        return 404, say(request, "Không có trang này.")
    if isinstance(error, HTTPException):
        return error.status_code, say(request, "Yêu cầu không thực hiện được.")
    if isinstance(error, RequestValidationError):
        return 422, say(request, "Địa chỉ hoặc biểu mẫu có giá trị không đúng.")
    return problems.status_of(error), say(request, problems.words_of(error))


def _wanted(request: Request) -> str:
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _came_from(request: Request) -> str:
    return urlsplit(request.headers.get("Referer", "")).path or "/"


def _lead(request: Request, address: str) -> Response:
    if "HX-Request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)
