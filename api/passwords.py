"""Passwords: how they are kept, which are too weak, and those that are given once."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from review.errors import ReviewError
from store.text import fold

# argon2id with the second recommended option of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes. Whoever
# changes one of these has every password hashed anew at its owner's next sign-in.
MEMORY_KIB = 64 * 1024
PASSES = 3
LANES = 4
HASH_BYTES = 32
SALT_BYTES = 16
_HASHER = PasswordHasher(
    time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, hash_len=HASH_BYTES, salt_len=SALT_BYTES,
    type=Type.ID,
)  # fmt: skip
# Checked when there is no such person, so that the answer takes as long.
NOBODY = _HASHER.hash(secrets.token_hex(16))

SHORTEST = 12
# So that nobody makes the server hash a megabyte.
_LONGEST = 1000
# Without letters and digits that are read for each other.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_COMMON = frozenset(
    {
        "password1234", "123456789012", "matkhau12345", "qwertyuiop12", "kiemtin12345", "administrator",
        "abcdefghijkl", "iloveyou1234", "111111111111", "matkhaumatkhau", "passwordpassword", "anhyeuem1234",
    }
)  # fmt: skip


class WeakPassword(ReviewError):
    template = "Mật khẩu phải có ít nhất {least} ký tự, không phải tên đăng nhập và không quá quen thuộc."


def kept(password: str) -> str:
    """Return what is kept of a password: its argon2id hash with the parameters and the salt."""
    return _HASHER.hash(password[:_LONGEST])


def nobody_knows() -> str:
    """Return the hash of a password that nobody has seen."""
    return kept(secrets.token_urlsafe(32))


def matches(stored: str, password: str) -> bool:
    """Say whether `password` is the one that `stored` was made of; takes some 50 ms either way."""
    try:
        return _HASHER.verify(stored, password[:_LONGEST])
    except (VerifyMismatchError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Say whether `stored` was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def require_strong(login: str, current: str, new: str) -> None:
    """Raise `WeakPassword` when `new` is short, known to everyone, the login, or the `current` one."""
    folded = fold(new)
    # A login of a few letters stands in half of all sentences.
    named = len(login) >= 5 and login in folded
    if len(new) < SHORTEST or named or folded in _COMMON or len(set(new)) < 5 or new == current:
        raise WeakPassword(least=SHORTEST)


def once(groups: int = 4, choose: Callable[[str], str] = secrets.choice) -> str:
    """Return a password or code of groups of five characters, 25 bits each, easy to copy by hand."""
    return "-".join("".join(choose(_ALPHABET) for _ in range(5)) for _ in range(groups))
