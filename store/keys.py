"""The secret of an installation, and what is made with it: pseudonyms, sealed handles, keys of webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SIZE = 32


class KeyFileError(Exception):
    """The key file cannot be used; the message says why."""


class Keys:
    """Keys derived (HKDF-SHA256, RFC 5869) from one secret, one for each purpose."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _SIZE:
            raise KeyFileError(f"Khóa phải dài {_SIZE} byte, tệp này có {len(secret)}.")
        self._secret = secret
        self._pseudonym = _derive(secret, b"kiemtin author pseudonym v1")
        self._forgotten = _derive(secret, b"kiemtin purged post v1")
        self._lots = _derive(secret, b"kiemtin lots v1")
        self._handles = Fernet(base64.urlsafe_b64encode(_derive(secret, b"kiemtin author handle v1")))
        self._factors = Fernet(base64.urlsafe_b64encode(_derive(secret, b"kiemtin second factor v1")))

    @classmethod
    def load(cls, path: Path) -> Keys:
        """Read the secret at `path`, making it with mode 0600 when there is none.

        Raises `KeyFileError` when others may read the file or it holds no key.
        """
        with suppress(FileExistsError):
            _create(path)
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"Người khác đọc được tệp khóa {path}: chạy chmod 600 {path} rồi thử lại.")
        try:
            secret = bytes.fromhex(path.read_text().strip())
        except ValueError as error:
            raise KeyFileError(f"Tệp khóa {path} hỏng: hãy khôi phục từ bản sao lưu.") from error
        return cls(secret)

    def pseudonym(self, source: str, handle: str) -> str:
        """Return 32 hex digits that stand for `handle` at `source`; without the key nobody can go back."""
        message = f"{source}\x00{handle}".encode()
        return hmac.new(self._pseudonym, message, hashlib.sha256).hexdigest()[:32]

    def forgotten(self, key: str) -> str:
        """Return what a purged post is known by in place of its key: so that it is not taken in again.

        Without the secret nobody can tell which address it was.
        """
        return "purged:" + hmac.new(self._forgotten, key.encode(), hashlib.sha256).hexdigest()

    def lot(self, of: str) -> float:
        """Return a number in [0, 1), even over names, that nobody can tell beforehand without the key."""
        drawn = hmac.new(self._lots, of.encode(), hashlib.sha256).digest()
        # The 53 bits that a float holds.
        return (int.from_bytes(drawn[:8], "big") >> 11) / 2**53

    def seal(self, handle: str) -> bytes:
        """Return `handle` encrypted (Fernet: AES-128-CBC with HMAC-SHA256)."""
        return self._handles.encrypt(handle.encode())

    def unseal(self, sealed: bytes) -> str:
        """Return the handle that `seal` was given. Only an approved referral may ask for it."""
        return self._handles.decrypt(sealed).decode()

    def webhook(self, url: str) -> bytes:
        """Return the 32 bytes that messages to `url` are signed with; each address has its own."""
        return _derive(self._secret, b"kiemtin webhook v1 " + url.encode())

    def seal_factor(self, secret: str) -> bytes:
        """Return the secret of somebody's second factor encrypted, with a key of its own purpose."""
        return self._factors.encrypt(secret.encode())

    def open_factor(self, sealed: bytes) -> str:
        """Return what `seal_factor` was given; raises `cryptography.fernet.InvalidToken` with another key."""
        return self._factors.decrypt(sealed).decode()

    def fits(self, sealed: bytes) -> bool:
        """Say whether this is the key that sealed a handle; the handle is not given."""
        try:
            self._handles.decrypt(sealed)
        except InvalidToken:
            return False
        return True


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)


def _create(path: Path) -> None:
    # Written aside and linked into place: a process killed midway leaves no half key,
    # and of two that start together one wins and both use its key.
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise FileExistsError(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_SIZE) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    finally:
        aside.unlink()
