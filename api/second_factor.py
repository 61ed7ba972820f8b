"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes when it is lost."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import pyotp
import segno
from cryptography.fernet import InvalidToken
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from api import passwords, throttle
from api.sessions import fingerprint
from api.sign_in_rules import Rules
from review.errors import ReviewError
from review.permissions import Action, Person, require
from store import audit
from store.keys import Keys
from store.people_tables import RecoveryCode, SecondFactor
from store.records import Records
from store.tables import User
from store.vocabulary import Role

ISSUER = "Kiểm Tin"
RECOVERY_CODES = 10
# A clock may be off by one step of 30 seconds either way.
_AROUND = (-1, 0, 1)


class WrongCode(ReviewError):
    template = "Mã không đúng hoặc đã dùng rồi. Hãy nhập mã đang hiện trong ứng dụng."


class NoFactor(ReviewError):
    template = "Tài khoản chưa có xác thực hai bước."


class FactorThere(ReviewError):
    template = "Tài khoản đã có xác thực hai bước. Tắt nó trước khi thêm ứng dụng khác."


class FactorNeeded(ReviewError):
    template = "Vai trò của bạn bắt buộc xác thực hai bước nên không tắt được."


class NoKeys(ReviewError):
    template = "Bản cài đặt này không có khóa nên không giữ được xác thực hai bước."


@dataclass(frozen=True)
class Standing:
    """A person's second factor: since when it counts, recovery codes left, whether the role needs it."""

    since: datetime | None
    codes_left: int
    needed: bool


def standing(session: Session, user: User, rules: Rules) -> Standing:
    """Return how a person's second factor stands."""
    row = session.get(SecondFactor, user.id)
    left = session.scalar(
        select(func.count()).where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))
    )
    return Standing(row.confirmed_at if row else None, left or 0, Role(user.role) in rules.need_code)


def active(session: Session, user_id: int) -> bool:
    """Say whether a person is asked for a code after their password."""
    row = session.get(SecondFactor, user_id)
    return row is not None and row.confirmed_at is not None


def begin(session: Session, rules: Rules, user: User, at: datetime) -> str:
    """Make a new secret, to be confirmed, and return it in base32; raises `FactorThere`, `NoKeys`."""
    row = session.get(SecondFactor, user.id)
    if row is not None and row.confirmed_at is not None:
        raise FactorThere()
    secret = pyotp.random_base32()
    if row is None:
        row = SecondFactor(user_id=user.id, last_step=0)
        session.add(row)
    row.sealed, row.added_at = _keys(rules).seal_factor(secret), at
    return secret


def begun(session: Session, rules: Rules, user: User) -> str | None:
    """Return the secret that `begin` made and nobody has confirmed yet."""
    row = session.get(SecondFactor, user.id)
    if row is None or row.confirmed_at is not None or rules.keys is None:
        return None
    return rules.keys.open_factor(row.sealed)


def confirm(session: Session, rules: Rules, user: User, code: str, at: datetime) -> list[str]:
    """Let the secret count once a code of it was given; return the recovery codes. Raises `WrongCode`."""
    row = session.get(SecondFactor, user.id, with_for_update=True)
    if row is None:
        raise NoFactor()
    if row.confirmed_at is not None:
        raise FactorThere()
    if not _take(row, _keys(rules), code, at):
        raise WrongCode()
    row.confirmed_at = at
    audit.append(session, f"user:{user.id}", "factor.added", f"user:{user.id}")
    return _new_codes(session, user.id)


def prove(records: Records, rules: Rules, user_id: int, code: str, at: datetime) -> None:
    """Take a code of the app or a recovery code, each of them once; raises `WrongCode`, `TooManyTries`.

    A failure is counted and left in the audit log although an error is raised.
    """
    meters = throttle.of_code(user_id)
    with records.write() as session:
        throttle.pay(session, meters, at)
    with records.write() as session:
        row = session.get(SecondFactor, user_id, with_for_update=True)
        right = (
            row is not None
            and row.confirmed_at is not None
            and (_take(row, rules.keys, code, at) or _spend(session, user_id, code, at))
        )
        if right:
            throttle.pay_back(session, meters)
        else:
            audit.append(session, audit.SYSTEM, "factor.failed", f"user:{user_id}")
    if not right:
        raise WrongCode()


def renew_codes(session: Session, user: User) -> list[str]:
    """Replace the recovery codes of somebody who has proved their second factor; return the new ones."""
    if not active(session, user.id):
        raise NoFactor()
    audit.append(session, f"user:{user.id}", "factor.codes", f"user:{user.id}")
    return _new_codes(session, user.id)


def give_up(session: Session, rules: Rules, user: User) -> None:
    """Switch off the second factor of somebody who has proved it; raises `FactorNeeded`, `NoFactor`."""
    if Role(user.role) in rules.need_code:
        raise FactorNeeded()
    remove(session, user.id, f"user:{user.id}")


def take_away(session: Session, by: Person, user_id: int) -> None:
    """Remove the second factor of somebody who lost it; for the administrator. Raises `NoFactor`."""
    require(by, Action.ADMINISTER)
    remove(session, user_id, by.actor)


def remove(session: Session, user_id: int, actor: str) -> None:
    """Remove a second factor with its recovery codes; raises `NoFactor`."""
    row = session.get(SecondFactor, user_id)
    if row is None:
        raise NoFactor()
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.delete(row)
    audit.append(session, actor, "factor.removed", f"user:{user_id}")


def address_of(secret: str, login: str) -> str:
    """Return the otpauth: URI that an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def drawn(uri: str) -> str:
    """Return a URI as a QR code: an SVG element without style or script, that a page may hold."""
    out = BytesIO()
    segno.make_qr(uri, error="m").save(
        out, kind="svg", xmldecl=False, svgns=True, scale=5, border=4, light="#fff", svgclass="qr",
        lineclass=None, title=None,
    )  # fmt: skip
    return out.getvalue().decode()


def _keys(rules: Rules) -> Keys:
    if rules.keys is None:
        raise NoKeys()
    return rules.keys


def _take(row: SecondFactor, keys: Keys | None, code: str, at: datetime) -> bool:
    digits = "".join(code.split())
    if keys is None or len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return False
    try:
        totp = pyotp.TOTP(keys.open_factor(row.sealed))
    except InvalidToken:
        # The installation has another key since a restore: recovery codes still count.
        return False
    now = int(at.timestamp()) // totp.interval
    right = [now + d for d in _AROUND if hmac.compare_digest(totp.generate_otp(now + d), digits)]
    if not right or max(right) <= row.last_step:
        return False
    row.last_step = max(right)
    return True


def _spend(session: Session, user_id: int, code: str, at: datetime) -> bool:
    row = session.scalar(
        select(RecoveryCode)
        .where(
            RecoveryCode.user_id == user_id,
            RecoveryCode.sha256 == fingerprint(_plain(code)),
            RecoveryCode.used_at.is_(None),
        )
        .with_for_update()
    )
    if row is None:
        return False
    row.used_at = at
    audit.append(session, f"user:{user_id}", "factor.recovered", f"user:{user_id}")
    return True


def _new_codes(session: Session, user_id: int) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [passwords.once(groups=3) for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user_id, sha256=fingerprint(_plain(code))) for code in codes)
    return codes


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()
