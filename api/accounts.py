"""The people who sign in: passwords, one-time passwords, and locks against guessing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from review.errors import ReviewError
from review.permissions import Person
from store import audit
from store.records import Records, lock
from store.tables import User, UserSession
from store.text import fold
from store.vocabulary import Role

# argon2id with the library's defaults, which follow RFC 9106's second recommended option.
_HASHER = PasswordHasher()
# Verified when there is no such user, so that the answer takes as long.
_NOBODY = _HASHER.hash(secrets.token_hex(16))

SHORTEST = 12
FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
# Without letters and digits that are read for each other.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_COMMON = frozenset(
    {
        "password1234",
        "123456789012",
        "matkhau12345",
        "qwertyuiop12",
        "kiemtin12345",
        "administrator",
        "abcdefghijkl",
    }
    | {"iloveyou1234", "111111111111", "matkhaumatkhau", "passwordpassword", "anhyeuem1234"}
)


class WeakPassword(ReviewError):
    template = "Mật khẩu phải có ít nhất {least} ký tự, không phải tên đăng nhập và không quá quen thuộc."


class LoginTaken(ReviewError):
    template = "Đã có tài khoản tên {login}. Hãy chọn tên khác."


class BadLogin(ReviewError):
    template = "Tên đăng nhập chỉ gồm chữ thường không dấu, số, dấu chấm, gạch; dài 2 đến 64 ký tự."


class NoSuchUser(ReviewError):
    template = "Không có tài khoản {login}."


class SignInFailed(ReviewError):
    template = "Sai tên đăng nhập hoặc mật khẩu."


class Locked(ReviewError):
    template = "Tài khoản tạm khóa vì nhập sai nhiều lần. Thử lại sau {minutes} phút."


def ensure_admin(records: Records, login: str = "admin") -> str | None:
    """Make the first administrator if there is no user at all; return the one-time password, once."""
    with records.write() as session:
        lock(session, "first-user")
        if session.scalar(select(func.count()).select_from(User)):
            return None
        return invite(session, login, "Quản trị", Role.ADMIN, audit.SYSTEM)


def invite(session: Session, login: str, name: str, role: Role, actor: str) -> str:
    """Make a user who must choose a password at first sign-in; return the one-time password."""
    if not 2 <= len(login) <= 64 or not all(c in "abcdefghijklmnopqrstuvwxyz0123456789._-" for c in login):
        raise BadLogin()
    if session.scalar(select(User.id).where(User.login == login)) is not None:
        raise LoginTaken(login=login)
    password = one_time_password()
    user = User(
        login=login,
        name=name.strip() or login,
        role=role,
        password_hash=_HASHER.hash(password),
        must_change=True,
        created_at=datetime.now(UTC),
    )
    session.add(user)
    session.flush()
    audit.append(session, actor, "user.created", f"user:{user.id}", login=login, role=role)
    return password


def reset(session: Session, login: str, actor: str) -> str:
    """Give a user a new one-time password, end their sessions and any lock; return it."""
    user = _user(session, login)
    password = one_time_password()
    user.password_hash = _HASHER.hash(password)
    user.must_change = True
    user.failures, user.locked_until = 0, None
    end_sessions(session, user.id)
    audit.append(session, actor, "password.reset", f"user:{user.id}")
    return password


def set_active(session: Session, login: str, active: bool, actor: str) -> None:
    """Let a user sign in, or not any more; their sessions end."""
    user = _user(session, login)
    user.active = active
    if not active:
        end_sessions(session, user.id)
    audit.append(session, actor, "user.activated" if active else "user.deactivated", f"user:{user.id}")


def change_password(session: Session, user: User, current: str, new: str, at: datetime) -> None:
    """Replace a user's password; raises `SignInFailed` for a wrong current one, `WeakPassword`."""
    if not _matches(user.password_hash, current):
        raise SignInFailed()
    folded = fold(new)
    # A login of a few letters stands in half of all sentences.
    named = len(user.login) >= 5 and user.login in folded
    if len(new) < SHORTEST or named or folded in _COMMON or len(set(new)) < 5 or new == current:
        raise WeakPassword(least=SHORTEST)
    user.password_hash = _HASHER.hash(new)
    user.must_change = False
    audit.append(session, f"user:{user.id}", "password.changed", f"user:{user.id}")


def check(records: Records, login: str, password: str, at: datetime) -> User:
    """Return the user of a login and password; raises `SignInFailed` or `Locked`.

    Five failures lock the account for 15 minutes. What failed is kept although an error is raised.
    """
    with records.write() as session:
        user = session.scalar(select(User).where(User.login == login).with_for_update())
        refused = _refusal(session, user, password, at)
    if refused is not None:
        raise refused
    if user is None:
        raise SignInFailed()
    return user


def _refusal(session: Session, user: User | None, password: str, at: datetime) -> ReviewError | None:
    if user is None:
        _matches(_NOBODY, password)
        audit.append(session, audit.SYSTEM, "signin.failed", "user:unknown")
        return SignInFailed()
    if user.locked_until is not None and user.locked_until > at:
        minutes = 1 + int((user.locked_until - at).total_seconds() // 60)
        return Locked(minutes=minutes)
    if not _matches(user.password_hash, password) or not user.active:
        user.failures += 1
        audit.append(session, audit.SYSTEM, "signin.failed", f"user:{user.id}")
        if user.failures >= FAILURES:
            user.failures, user.locked_until = 0, at + LOCKED_FOR
            audit.append(session, audit.SYSTEM, "user.locked", f"user:{user.id}")
        return SignInFailed()
    user.failures, user.locked_until = 0, None
    if _HASHER.check_needs_rehash(user.password_hash):
        user.password_hash = _HASHER.hash(password)
    audit.append(session, f"user:{user.id}", "signin.ok", f"user:{user.id}")
    return None


def person_of(session: Session, login: str) -> Person:
    """Return the person of a login who may act; raises `NoSuchUser`, also for one locked out."""
    user = _user(session, login.strip().lower())
    if not user.active:
        raise NoSuchUser(login=login)
    return Person(user.id, Role(user.role))


def one_time_password(choose: Callable[[str], str] = secrets.choice) -> str:
    """Return a password of four groups of five characters: 99 bits, easy to copy by hand."""
    return "-".join("".join(choose(_ALPHABET) for _ in range(5)) for _ in range(4))


def end_sessions(session: Session, user_id: int, keep: str | None = None) -> None:
    """Sign a user out everywhere, but for the session whose token hash is `keep`."""
    ended = delete(UserSession).where(UserSession.user_id == user_id)
    session.execute(ended if keep is None else ended.where(UserSession.token_sha256 != keep))


def _user(session: Session, login: str) -> User:
    user = session.scalar(select(User).where(User.login == login))
    if user is None:
        raise NoSuchUser(login=login)
    return user


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password[:1000])
    except (VerifyMismatchError, InvalidHashError):
        return False
