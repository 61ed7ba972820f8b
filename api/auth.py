"""Who is asking: server-side sessions, and a token that a foreign page cannot know."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from api import accounts, admission, oidc, second_factor, sessions, tokens
from api.desk import Desk
from api.sessions import Browser
from api.sign_in_steps import StepGone, begin_step, end_step, step_of
from review.errors import ReviewError
from review.permissions import Person
from store import audit
from store.people_tables import SignInBy, Step
from store.tables import User, UserSession
from store.vocabulary import Role

COOKIE = "kiemtin_session"
FIRST_COOKIE = "kiemtin_first"
DEVICE_COOKIE = "kiemtin_device"
STEP_COOKIE = "kiemtin_step"
# How long a password or a code counts for what makes a new way in (OWASP ASVS 5.0, 7.5: reauthenticate).
PROVED_FOR = timedelta(minutes=15)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotSignedIn(Exception):
    """Nobody is signed in; pages lead to sign-in, the API answers 401."""


class MustChangePassword(Exception):
    """The person must choose a password before anything else."""


class MustAddFactor(Exception):
    """The person's role asks for a second factor, and they have none yet."""


class ReauthenticationNeeded(Exception):
    """The person must show anew that it is them: who finds an open browser makes no way in for later."""


class ForeignRequest(Exception):
    """An unsafe request did not carry the session's token, or came from another site."""


class NoProvider(ReviewError):
    template = "Bản cài đặt này không có đăng nhập qua hệ thống khác."


class SignInOutside(ReviewError):
    template = "Bạn vào bằng {name}: hãy đăng nhập lại ở đó."


@dataclass(frozen=True)
class SignedIn:
    """A signed-in person, and the token their pages carry. `must_add`: a second factor must come first.

    `proved_at` is when they last gave a password or a code; None: no one knows, as with a program's token.
    """

    user: User
    person: Person
    csrf: str
    token_sha256: str
    how: SignInBy = SignInBy.PASSWORD
    must_add: bool = False
    proved_at: datetime | None = None

    @property
    def free(self) -> bool:
        """Whether nothing must be done before the desk may be used."""
        return not self.user.must_change and not self.must_add

    def proved(self, at: datetime) -> bool:
        """Say whether it was lately enough, at moment `at`, to do what makes a new way in."""
        # A clock that was set back must not make a proof last.
        return self.proved_at is not None and abs(at - self.proved_at) <= PROVED_FOR


def desk_of(request: Request) -> Desk:
    """Return the desk of the application that serves `request`."""
    desk: Desk = request.app.state.desk
    return desk


async def signed_in_or_changing(request: Request) -> SignedIn:
    """Return who is signed in, even if something must be done first; raises `NotSignedIn`.

    An unsafe request must carry the token of the session (header `X-CSRF-Token` or field `csrf`); else
    raises `ForeignRequest`. A program shows its access token instead, and no cookie is looked at. Raises
    what `tokens.admit` and `admission.admit` raise.
    """
    if (program := tokens.presented(request)) is not None:
        return await _by_token(request, program)
    token = request.cookies.get(COOKIE)
    desk = desk_of(request)
    found = (
        await run_in_threadpool(sessions.find, desk.records, desk.sign_in, token, desk.clock())
        if token
        else None
    )
    if found is None:
        raise NotSignedIn()
    if request.method not in _SAFE:
        await _require_own(request, found.csrf)
    await admission.admit(request, desk, found.user.id, found.token_sha256)
    return _who(desk, found)


def holder(desk: Desk, token_sha256: str) -> SignedIn:
    """Return whose a living session is, by the hash of its token; raises `NotSignedIn`.

    Also where something must be done first. That the session was used is not noted.
    """
    found = sessions.living(desk.records, desk.sign_in, token_sha256, desk.clock())
    if found is None or not (who := _who(desk, found)).free:
        raise NotSignedIn()
    return who


async def _by_token(request: Request, token: str) -> SignedIn:
    # A browser sends this header for no page of another site, so there is nothing to ride on.
    desk = desk_of(request)
    route = f"{request.method} {request.scope['route'].path}"
    found = await run_in_threadpool(tokens.admit, desk, token, route)
    await admission.admit(request, desk, found.user.id, found.sha256)
    return SignedIn(found.user, tokens.holder(found), "", found.sha256)


async def signed_in(who: Annotated[SignedIn, Depends(signed_in_or_changing)]) -> SignedIn:
    """Return who is signed in and has nothing to do first.

    Raises `NotSignedIn`, `MustChangePassword`, `MustAddFactor`, `ForeignRequest`.
    """
    if who.user.must_change:
        raise MustChangePassword()
    if who.must_add:
        raise MustAddFactor()
    return who


Who = Annotated[SignedIn, Depends(signed_in)]
Changing = Annotated[SignedIn, Depends(signed_in_or_changing)]


async def lately_proved(request: Request, who: Changing) -> None:
    """Raise `ReauthenticationNeeded` unless the person gave a password or a code within `PROVED_FOR`."""
    if not who.proved(desk_of(request).clock()):
        raise ReauthenticationNeeded()


# For routes that make a way in, for oneself or another: tokens, second factors, accounts, roles.
PROVED = [Depends(lately_proved)]


def reauthenticate(request: Request, who: SignedIn, password: str) -> None:
    """Take the password of who is signed in; raises `SignInOutside` and what `accounts.prove` raises."""
    desk, at = desk_of(request), desk_of(request).clock()
    if who.how == SignInBy.OIDC:
        raise SignInOutside(name=_outside(request).provider.name)
    accounts.prove(desk.records, who.user, password, at)
    with desk.records.write() as session:
        sessions.proved(session, who.token_sha256, at)
        audit.append(session, who.person.actor, "signin.proved", f"user:{who.user.id}")


def sign_in(request: Request, response: Response, login: str, password: str) -> User | None:
    """Check a password and open a session; None when a code is asked for first (`enter_code`).

    Raises what `accounts.check` raises.
    """
    desk, at = desk_of(request), desk_of(request).clock()
    device = request.cookies.get(DEVICE_COOKIE, "")
    login = login.strip().lower()
    user = accounts.check(desk.records, login, password, browser_of(request), device, at)
    with desk.records.write() as session:
        if second_factor.active(session, user.id):
            token = begin_step(session, Step.CODE, at, user.id)
        else:
            _open(request, response, session, user, SignInBy.PASSWORD, at)
            return user
    _set(request, response, STEP_COOKIE, token)
    return None


def enter_code(request: Request, response: Response, code: str) -> User:
    """Finish a sign-in by a code of the app or a recovery code.

    Raises `StepGone`, `second_factor.WrongCode`, `throttle.TooManyTries`.
    """
    desk, at = desk_of(request), desk_of(request).clock()
    token = request.cookies.get(STEP_COOKIE, "")
    with desk.records.read() as session:
        user_id = step_of(session, Step.CODE, token, at).user_id or 0
    second_factor.prove(desk.records, desk.sign_in, user_id, code, at)
    with desk.records.write() as session:
        end_step(session, step_of(session, Step.CODE, token, at))
        user = session.get_one(User, user_id)
        if not user.active:
            raise StepGone()
        _open(request, response, session, user, SignInBy.CODE, at)
    response.delete_cookie(STEP_COOKIE, path="/")
    return user


def go_outside(
    request: Request, response: Response, redirect: str, next_page: str, *, anew: bool = False
) -> str:
    """Begin a sign-in by the provider, and return where to send the browser; raises `oidc.ProviderAway`.

    With `anew` the provider is to ask the person again, although they are signed in there.
    """
    desk = desk_of(request)
    url, kept = _outside(request).begin(redirect, anew=anew)
    with desk.records.write() as session:
        token = begin_step(session, Step.OIDC, desk.clock(), detail={**kept, "next": next_page})
    _set(request, response, STEP_COOKIE, token)
    return url


def come_back(request: Request, response: Response, redirect: str) -> str:
    """Finish a sign-in by the provider; return the page that was wanted.

    Raises `StepGone`, and what `oidc.Outside.finish` and `oidc.admitted` raise; a refusal leaves an event.
    """
    desk, at = desk_of(request), desk_of(request).clock()
    outside = _outside(request)
    with desk.records.write() as session:
        step = step_of(session, Step.OIDC, request.cookies.get(STEP_COOKIE, ""), at)
        end_step(session, step)
    try:
        vouched = outside.finish(request.query_params, step.detail, redirect, at)
        with desk.records.write() as session:
            user = oidc.admitted(session, outside.provider, vouched, at)
            _open(request, response, session, user, SignInBy.OIDC, vouched.proved_at)
    except ReviewError as error:
        with desk.records.write() as session:
            why = str(error.__cause__ or type(error).__name__)[:200]
            audit.append(session, audit.SYSTEM, "signin.refused", "user:unknown", why=why)
        raise
    response.delete_cookie(STEP_COOKIE, path="/")
    return str(step.detail["next"])


def renew(
    request: Request, response: Response, session: Session, who: SignedIn, how: SignInBy | None = None
) -> None:
    """Give one's session a new token, and end all others: what the person may do, or knows, has changed."""
    _set_session(request, response, sessions.renew(session, who.token_sha256, how))


def change_password(request: Request, response: Response, who: SignedIn, current: str, new: str) -> None:
    """Change one's password; only this browser stays signed in and known.

    Raises what `accounts.prove` and `accounts.change_password` raise.
    """
    desk = desk_of(request)
    accounts.prove(desk.records, who.user, current, desk.clock())
    with desk.records.write() as session:
        user = session.merge(who.user)
        accounts.change_password(session, user, current, new)
        renew(request, response, session, who)
        remember(request, response, session, user)


def remember(request: Request, response: Response, session: Session, user: User) -> None:
    """Make this browser known as the person's."""
    desk = desk_of(request)
    token = request.cookies.get(DEVICE_COOKIE, "")
    if sessions.known(session, user.login, token, desk.clock()) is None:
        token = sessions.know(session, user.id, desk.clock())
        _set(request, response, DEVICE_COOKIE, token, int(sessions.DEVICE_KNOWN_FOR.total_seconds()))


def sign_out(request: Request, response: Response, who: SignedIn) -> None:
    """End the session."""
    with desk_of(request).records.write() as session:
        row = session.get(UserSession, who.token_sha256)
        if row is not None:
            session.delete(row)
        audit.append(session, who.person.actor, "signout", f"user:{who.user.id}")
    response.delete_cookie(COOKIE, path="/")


def first_token(request: Request, response: Response) -> str:
    """Return the token that the sign-in form carries, before there is a session, and set its cookie."""
    token = request.cookies.get(FIRST_COOKIE) or secrets.token_urlsafe(24)
    _set(request, response, FIRST_COOKIE, token, samesite="strict")
    return token


def require_first(request: Request, token: str) -> None:
    """Raise `ForeignRequest` unless a sign-in carries the token of this browser's form."""
    _require_same_site(request)
    expected = request.cookies.get(FIRST_COOKIE, "")
    if not expected or not secrets.compare_digest(expected.encode(), token.encode()):
        raise ForeignRequest()


def first_in_header(request: Request) -> None:
    """Ask a sign-in of a program for the token of `GET /api/v1/first`, before its body is looked at."""
    require_first(request, request.headers.get("X-CSRF-Token", ""))


def browser_of(request: Request) -> Browser:
    """Return who asks, as far as the connection tells."""
    return Browser(request.client.host if request.client else "", request.headers.get("User-Agent", ""))


def over_tls(request: Request) -> bool:
    """Say whether the browser came by TLS: it did, a trusted proxy says so, or the settings do."""
    return desk_of(request).secure_cookies or request.url.scheme == "https"


def _who(desk: Desk, found: UserSession) -> SignedIn:
    role, how = Role(found.user.role), SignInBy(found.how)
    # A provider asks for its own second factor.
    must_add = how == SignInBy.PASSWORD and role in desk.sign_in.need_code
    person = Person(found.user.id, role)
    return SignedIn(found.user, person, found.csrf, found.token_sha256, how, must_add, found.proved_at)


def _outside(request: Request) -> oidc.Outside:
    outside: oidc.Outside | None = request.app.state.outside
    if outside is None:
        raise NoProvider()
    return outside


def _open(
    request: Request,
    response: Response,
    session: Session,
    user: User,
    how: SignInBy,
    proved_at: datetime | None,
) -> None:
    desk = desk_of(request)
    # An old session of this browser ends: its cookie may have been planted.
    token = sessions.start(
        session,
        desk.sign_in,
        user.id,
        browser_of(request),
        how,
        desk.clock(),
        proved_at,
        request.cookies.get(COOKIE, ""),
    )
    audit.append(session, f"user:{user.id}", "signin.ok", f"user:{user.id}", how=how)
    remember(request, response, session, user)
    _set_session(request, response, token)


def _set_session(request: Request, response: Response, token: str) -> None:
    _set(request, response, COOKIE, token, int(desk_of(request).sign_in.longest.total_seconds()))


def _set(
    request: Request, response: Response, name: str, value: str, max_age: int | None = None, **more: Any
) -> None:
    response.set_cookie(
        name, value, max_age=max_age, httponly=True, secure=over_tls(request), path="/",
        **{"samesite": "lax", **more},
    )  # fmt: skip


async def _require_own(request: Request, csrf: str) -> None:
    _require_same_site(request)
    token = request.headers.get("X-CSRF-Token")
    if token is None and request.headers.get("Content-Type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        token = str((await request.form()).get("csrf", ""))
    if not secrets.compare_digest(csrf.encode(), (token or "").encode()):
        raise ForeignRequest()


def _require_same_site(request: Request) -> None:
    # Browsers say where a request comes from; a program that says nothing still needs the token.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise ForeignRequest()
    origin = request.headers.get("Origin")
    if origin not in {None, "null"} and origin.split("://")[-1] != request.headers.get("Host"):
        raise ForeignRequest()
