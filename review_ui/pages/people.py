"""The people of an installation: who there is, what each may do, and the table of what roles may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api import accounts, people, second_factor, sessions
from api.auth import PROVED, NoProvider, SignedIn, Who, desk_of
from api.problems import status_of
from review import access
from review.errors import NotAllowed, ReviewError
from review.permissions import MAY, Action, require
from review_ui.page import page, say
from store.vocabulary import Role

router = APIRouter()

Text = Annotated[str, Form()]


def _n(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


MEANS: dict[Action, str] = {
    Action.READ: _n("đọc hàng đợi, ca, bài, nguồn, tuyên bố; tìm kiếm"),
    Action.REVIEW: _n("nhận ca, quyết định, chuyển cấp, yêu cầu chụp trang"),
    Action.LEAD: _n("quyết định ca đã chuyển cấp, mở lại ca; sửa tuyên bố, chính sách, nguồn"),
    Action.AUDIT: _n("đọc nhật ký, kiểm tra chuỗi; xem chính sách, tiến trình, bản chụp"),
    Action.ADMINISTER: _n("thêm người, đổi vai trò và làn, đặt lại mật khẩu, kết thúc phiên của người khác"),
}


@router.get("/permissions")
def permissions(request: Request, who: Who) -> Response:
    """Show what each role may do, from the table that every function asks."""
    return page(request, "permissions.html", who, roles=list(Role), table=MAY, means=MEANS)


@router.get("/people")
def everyone(request: Request, who: Who) -> Response:
    return _people(request, who)


@router.post("/people", dependencies=PROVED)
def invite(
    request: Request,
    who: Who,
    login: Text = "",
    name: Text = "",
    role: Annotated[Role, Form()] = Role.REVIEWER,
) -> Response:
    """Add a person; the one-time password is shown once, on the answer."""
    try:
        made, password = people.invite(desk_of(request).records, who.person, login, name, role)
    except ReviewError as error:
        return _people(request, who, error)
    return _people(request, who, made=made, password=password)


@router.get("/people/{login}")
def one(request: Request, who: Who, login: str) -> Response:
    return _person(request, who, login)


@router.post("/people/{login}/role", dependencies=PROVED)
def set_role(request: Request, who: Who, login: str, role: Annotated[Role, Form()]) -> Response:
    return _change(request, who, login, lambda session: accounts.set_role(session, who.person, login, role))


@router.post("/people/{login}/lanes")
def set_lanes(
    request: Request, who: Who, login: str, lanes: Annotated[list[str] | None, Form()] = None
) -> Response:
    """Limit a person to lanes; none ticked: no limit."""
    at = desk_of(request).clock()

    def change(session: Session) -> None:
        access.limit(session, who.person, accounts.get(session, login).id, lanes or [], at)

    return _change(request, who, login, change)


@router.post("/people/{login}/outside", dependencies=PROVED)
def set_outside(request: Request, who: Who, login: str, name: Text = "") -> Response:
    """Say what the provider calls a person."""
    require(who.person, Action.ADMINISTER)
    provider = desk_of(request).sign_in.provider
    if provider is None:
        raise NoProvider()
    issuer = provider.issuer
    return _change(
        request,
        who,
        login,
        lambda session: accounts.name_outside(session, who.person, login, issuer, name.strip()),
    )


@router.post("/people/{login}/reset", dependencies=PROVED)
def reset(request: Request, who: Who, login: str) -> Response:
    require(who.person, Action.ADMINISTER)
    with desk_of(request).records.write() as session:
        password = accounts.reset(session, login, who.person.actor)
    return _person(request, who, login, password=password)


@router.post("/people/{login}/second-factor/off", dependencies=PROVED)
def take_factor_away(request: Request, who: Who, login: str) -> Response:
    """Remove the second factor of somebody who lost it."""
    return _change(
        request,
        who,
        login,
        lambda session: second_factor.take_away(session, who.person, accounts.get(session, login).id),
    )


@router.post("/people/{login}/active", dependencies=PROVED)
def set_active(request: Request, who: Who, login: str, active: Annotated[bool, Form()]) -> Response:
    return _change(
        request, who, login, lambda session: accounts.set_active(session, who.person, login, active)
    )


@router.post("/people/{login}/sessions/end")
def end_all(request: Request, who: Who, login: str) -> Response:
    """Sign a person out everywhere."""

    def change(session: Session) -> None:
        user_id = accounts.get(session, login).id
        keep = who.token_sha256 if user_id == who.user.id else None
        sessions.end_others(session, who.person, user_id, keep)

    return _change(request, who, login, change)


@router.post("/people/{login}/sessions/{handle}/end")
def end_one(request: Request, who: Who, login: str, handle: str) -> Response:
    return _change(
        request,
        who,
        login,
        lambda session: sessions.end(session, who.person, accounts.get(session, login).id, handle),
    )


def _change(request: Request, who: SignedIn, login: str, change: Callable[[Session], None]) -> Response:
    """Make one change to a person in one transaction, and show them again, with the error if refused."""
    require(who.person, Action.ADMINISTER)
    try:
        with desk_of(request).records.write() as session:
            change(session)
    except (accounts.NoSuchUser, NotAllowed):
        raise
    except ReviewError as error:
        return _person(request, who, login, error)
    return RedirectResponse(f"/people/{login}", 303)


def _people(
    request: Request, who: SignedIn, error: ReviewError | None = None, made: str = "", password: str = ""
) -> Response:
    with desk_of(request).records.read() as session:
        found = people.everyone(session, who.person)
    return _shown(
        request, "people.html", who, error, found=found, roles=list(Role), made=made, password=password
    )


def _person(
    request: Request, who: SignedIn, login: str, error: ReviewError | None = None, password: str = ""
) -> Response:
    desk = desk_of(request)
    with desk.records.read() as session:
        known = people.one(session, who.person, login)
        rows = sessions.listing(session, who.person, known.user.id, desk.sign_in, desk.clock())
    return _shown(
        request, "person.html", who, error, known=known, user=known.user, rows=rows, handle=sessions.handle,
        roles=list(Role), all_lanes=access.all_lanes(), provider=desk.sign_in.provider, password=password,
    )  # fmt: skip


def _shown(
    request: Request, template: str, who: SignedIn, error: ReviewError | None, **values: Any
) -> Response:
    said = say(request, error.template, **error.values) if error else ""
    return page(request, template, who, status=status_of(error) if error else 200, error=said, **values)
