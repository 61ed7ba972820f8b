"""The people of an installation: who there is, their roles and passwords, and checking a password."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api import passwords, sessions, throttle
from review.errors import ReviewError
from review.permissions import Action, Person, may, require
from store import audit, installation
from store.people_tables import OutsideIdentity
from store.records import Records, lock
from store.tables import User
from store.vocabulary import Role


class LoginTaken(ReviewError):
    template = "Đã có tài khoản tên {login}. Hãy chọn tên khác."


class BadLogin(ReviewError):
    template = "Tên đăng nhập chỉ gồm chữ thường không dấu, số, dấu chấm, gạch; dài 2 đến 64 ký tự."


class NoSuchUser(ReviewError):
    template = "Không có tài khoản {login}."


class SignInFailed(ReviewError):
    template = "Sai tên đăng nhập hoặc mật khẩu."


class LastAdmin(ReviewError):
    template = "Đây là quản trị cuối cùng. Hãy thêm một quản trị khác trước."


class NotYourself(ReviewError):
    template = "Bạn không thể tự đổi vai trò hay tự khóa tài khoản của mình."


class NameTaken(ReviewError):
    template = "Tên {name} đã thuộc về tài khoản khác."


def ensure_admin(records: Records, login: str = "admin") -> str | None:
    """Make the first administrator if there is no user at all; return the one-time password, once."""
    with records.write() as session:
        lock(session, "first-user")
        if session.scalar(select(func.count()).select_from(User)):
            return None
        installation.begin(session, datetime.now(UTC))
        return invite(session, login, "Quản trị", Role.ADMIN, audit.SYSTEM)


def invite(session: Session, login: str, name: str, role: Role, actor: str) -> str:
    """Make a user who must choose a password at first sign-in; return the one-time password."""
    if not 2 <= len(login) <= 64 or not all(c in "abcdefghijklmnopqrstuvwxyz0123456789._-" for c in login):
        raise BadLogin()
    if session.scalar(select(User.id).where(User.login == login)) is not None:
        raise LoginTaken(login=login)
    password = passwords.once()
    user = User(
        login=login,
        name=name.strip() or login,
        role=role,
        password_hash=passwords.kept(password),
        must_change=True,
        created_at=datetime.now(UTC),
    )
    session.add(user)
    session.flush()
    audit.append(session, actor, "user.created", f"user:{user.id}", login=login, role=role)
    return password


def reset(session: Session, login: str, actor: str) -> str:
    """Give a user a new one-time password and return it; no browser of theirs stays signed in or known."""
    user = get(session, login)
    password = passwords.once()
    user.password_hash = passwords.kept(password)
    user.must_change = True
    sessions.end_all(session, user.id)
    sessions.forget(session, user.id)
    audit.append(session, actor, "password.reset", f"user:{user.id}")
    return password


def set_active(session: Session, by: Person, login: str, active: bool) -> None:
    """Let a user sign in, or not any more; their sessions end. Raises `NotYourself`, `LastAdmin`."""
    user = _other(session, by, login)
    if not active:
        _require_another_admin(session, user)
        sessions.end_all(session, user.id)
    user.active = active
    audit.append(session, by.actor, "user.activated" if active else "user.deactivated", f"user:{user.id}")


def set_role(session: Session, by: Person, login: str, role: Role) -> None:
    """Give a user another role; they sign in anew. Raises `NotYourself`, `LastAdmin`."""
    user = _other(session, by, login)
    change_role(session, user, role, by.actor)


def change_role(session: Session, user: User, role: Role, actor: str) -> None:
    """Give a user another role and end their sessions; raises `LastAdmin`."""
    if user.role == role:
        return
    if role != Role.ADMIN:
        _require_another_admin(session, user)
    audit.append(session, actor, "user.role", f"user:{user.id}", before=user.role, role=role)
    user.role = role
    sessions.end_all(session, user.id)


def name_outside(session: Session, by: Person, login: str, issuer: str, name: str) -> None:
    """Say what the provider `issuer` calls a user, so that it can vouch for them; nothing: it cannot.

    An account that is bound already is bound anew at the next sign-in. Raises `NameTaken`.
    """
    require(by, Action.ADMINISTER)
    user = get(session, login)
    taken = session.scalar(
        select(OutsideIdentity.user_id).where(
            OutsideIdentity.issuer == issuer, OutsideIdentity.name == name, OutsideIdentity.user_id != user.id
        )
    )
    if name and taken is not None:
        raise NameTaken(name=name)
    row = session.get(OutsideIdentity, user.id)
    if row is not None:
        session.delete(row)
        session.flush()
    if name:
        session.add(OutsideIdentity(user_id=user.id, issuer=issuer, name=name))
    audit.append(session, by.actor, "user.outside", f"user:{user.id}", given=bool(name))


def prove(records: Records, user: User, password: str, at: datetime) -> None:
    """Ask somebody who is signed in for their password; raises `SignInFailed`, `throttle.TooManyTries`.

    A failure is counted and left in the audit log although an error is raised.
    """
    meters = throttle.of_change(user.id)
    with records.write() as session:
        throttle.pay(session, meters, at)
    right = passwords.matches(user.password_hash, password)
    with records.write() as session:
        if right:
            throttle.pay_back(session, meters)
        else:
            audit.append(session, f"user:{user.id}", "password.refused", f"user:{user.id}")
    if not right:
        raise SignInFailed()


def change_password(session: Session, user: User, current: str, new: str) -> None:
    """Replace a user's password, which they have proved (`prove`); raises `WeakPassword`."""
    passwords.require_strong(user.login, current, new)
    user.password_hash = passwords.kept(new)
    user.must_change = False
    sessions.forget(session, user.id)
    audit.append(session, f"user:{user.id}", "password.changed", f"user:{user.id}")


def check(
    records: Records, login: str, password: str, browser: sessions.Browser, device: str, at: datetime
) -> User:
    """Return the user of a login and password; raises `SignInFailed` or `throttle.TooManyTries`.

    `device` is the token by which the browser may be known. A failure is counted and left in the audit log
    although an error is raised. Hashing takes its time outside of any transaction.
    """
    with records.write() as session:
        known = sessions.known(session, login, device, at)
        meters = throttle.of_password(login, browser.address, known)
        last = throttle.pay(session, meters, at)
        user = session.scalar(select(User).where(User.login == login))
    right = passwords.matches(user.password_hash if user else passwords.NOBODY, password)
    with records.write() as session:
        kept = session.get(User, user.id) if user is not None else None
        subject = f"user:{kept.id}" if kept is not None else "user:unknown"
        if not right or user is None or kept is None or not kept.active:
            audit.append(session, audit.SYSTEM, "signin.failed", subject, known=known is not None)
            if last:
                audit.append(session, audit.SYSTEM, "signin.held", subject, known=known is not None)
        else:
            throttle.pay_back(session, meters)
            if passwords.outdated(kept.password_hash) and kept.password_hash == user.password_hash:
                kept.password_hash = passwords.kept(password)
            return kept
    raise SignInFailed()


def person_of(session: Session, login: str) -> Person:
    """Return the person of a login who may act; raises `NoSuchUser`, also for one locked out."""
    user = get(session, login.strip().lower())
    if not user.active:
        raise NoSuchUser(login=login)
    return Person(user.id, Role(user.role))


def get(session: Session, login: str) -> User:
    """Return the user of a login; raises `NoSuchUser`."""
    user = session.scalar(select(User).where(User.login == login))
    if user is None:
        raise NoSuchUser(login=login)
    return user


def _other(session: Session, by: Person, login: str) -> User:
    require(by, Action.ADMINISTER)
    user = get(session, login)
    if user.id == by.id:
        raise NotYourself()
    return user


def _require_another_admin(session: Session, user: User) -> None:
    # Two administrators who take each other's role away at once would leave none.
    lock(session, "administrators")
    if not user.active or not may(Person(user.id, Role(user.role)), Action.ADMINISTER):
        return
    admins = select(func.count()).where(User.role == Role.ADMIN, User.active, User.id != user.id)
    if not session.scalar(admins):
        raise LastAdmin()
