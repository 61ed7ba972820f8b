"""The secrets of an installation, and what is made of them: pseudonyms, sealed handles, keys of webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from store import key_file
from store.key_file import KeyFileError, Ring

__all__ = ["MARK", "KeyFileError", "KeyMissing", "Keys"]

# What is sealed begins with `k`, eight hex digits that name the key, and a dot. Before keys could be changed
# it began with the Fernet token itself, whose first letter is always `g`.
MARK = 10


class KeyMissing(KeyFileError, InvalidToken):
    """Something is sealed by a key that the key file does not hold."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Tệp khóa không có khóa {name or 'đã niêm phong dữ liệu này'}: chép tệp khóa mới nhất sang máy"
            " này, hoặc lấy lại từ bản sao lưu của nó (docs/operator/keys.md)."
        )


class Keys:
    """Keys derived (HKDF-SHA256, RFC 5869) from the secrets of a key file, one for each purpose.

    Keys that were loaded from a file follow it: when the file changes, the next use reads it again, so a
    service that runs seals by the new key at once. Safe in several threads.
    """

    def __init__(self, secret: bytes | Ring, path: Path | None = None) -> None:
        ring = Ring.of(secret) if isinstance(secret, bytes) else secret
        self._path = path
        self._seen = _stamp(path) if path else None
        self._secret = ring.base
        self._forgotten = _derive(ring.base, b"kiemtin purged post v1")
        self._lots = _derive(ring.base, b"kiemtin lots v1")
        self._sealers = _sealers(ring)

    @classmethod
    def load(cls, path: Path) -> Keys:
        """Read the secrets at `path`, making one with mode 0600 when there is no file.

        Raises `KeyFileError` when others may read the file or it holds no key.
        """
        return cls(key_file.load(path), path)

    @property
    def names(self) -> tuple[str, ...]:
        """The names (8 hex digits, no secret) of the keys that open; the first is the one that seals."""
        return tuple(sealer.name for sealer in self._now())

    @property
    def mark(self) -> bytes:
        """How all that is sealed from now on begins (`MARK` bytes)."""
        return self._now()[0].mark

    def pseudonym(self, source: str, handle: str) -> str:
        """Return 32 hex digits that stand for `handle` at `source`; without the key nobody can go back."""
        message = f"{source}\x00{handle}".encode()
        return hmac.new(self._now()[0].pseudonym, message, hashlib.sha256).hexdigest()[:32]

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
        """Return `handle` encrypted (Fernet: AES-128-CBC with HMAC-SHA256), after the name of the key."""
        newest = self._now()[0]
        return newest.mark + newest.handles.encrypt(handle.encode())

    def unseal(self, sealed: bytes) -> str:
        """Return the handle that `seal` was given. Only an approved referral may ask for it.

        Raises `KeyMissing` when the key file does not hold the key that sealed it.
        """
        return self._open(sealed, "handles")

    def webhook(self, url: str) -> bytes:
        """Return the 32 bytes that messages to `url` are signed with; each address has its own."""
        return _derive(self._secret, b"kiemtin webhook v1 " + url.encode())

    @property
    def frame(self) -> bytes:
        """The key (that of a Fernet) of the addresses under which archived pages are shown."""
        return base64.urlsafe_b64encode(_derive(self._secret, b"kiemtin frame v1"))

    def seal_factor(self, secret: str) -> bytes:
        """Return the secret of somebody's second factor encrypted, with a key of its own purpose."""
        newest = self._now()[0]
        return newest.mark + newest.factors.encrypt(secret.encode())

    def open_factor(self, sealed: bytes) -> str:
        """Return what `seal_factor` was given; raises `KeyMissing` (an `InvalidToken`) with another key."""
        return self._open(sealed, "factors")

    def fits(self, sealed: bytes) -> bool:
        """Say whether one of these keys sealed a handle; the handle is not given."""
        return self.sealer_of(sealed) is not None

    def sealer_of(self, sealed: bytes) -> str | None:
        """Return the name of the key that sealed a handle or a second factor; None when it is not here."""
        for sealer in self._now():
            for box in (sealer.handles, sealer.factors):
                if sealer.may_open(sealed) and _opened(box, sealed) is not None:
                    return sealer.name
        return None

    def _open(self, sealed: bytes, purpose: str) -> str:
        for sealer in self._now():
            if sealer.may_open(sealed):
                opened = _opened(getattr(sealer, purpose), sealed)
                if opened is not None:
                    return opened
        raise KeyMissing(sealed[1 : MARK - 1].decode("ascii", "replace") if _is_marked(sealed) else "")

    def _now(self) -> tuple[_Sealer, ...]:
        """Return the sealers of the file as it is now; a file that is gone leaves those it had."""
        if self._path is not None and (stamp := _stamp(self._path)) not in {self._seen, None}:
            self._sealers, self._seen = _sealers(key_file.load(self._path)), stamp
        return self._sealers


@dataclass(frozen=True)
class _Sealer:
    name: str
    mark: bytes
    pseudonym: bytes
    handles: Fernet
    factors: Fernet

    def may_open(self, sealed: bytes) -> bool:
        return not _is_marked(sealed) or sealed.startswith(self.mark)


def _sealers(ring: Ring) -> tuple[_Sealer, ...]:
    return tuple(_sealer(one.secret) for one in ring.sealing)


def _sealer(secret: bytes) -> _Sealer:
    name = name_of(secret)
    return _Sealer(
        name,
        f"k{name}.".encode(),
        _derive(secret, b"kiemtin author pseudonym v1"),
        Fernet(base64.urlsafe_b64encode(_derive(secret, b"kiemtin author handle v1"))),
        Fernet(base64.urlsafe_b64encode(_derive(secret, b"kiemtin second factor v1"))),
    )


def name_of(secret: bytes) -> str:
    """Return the name (8 hex digits) of a sealing key; it tells nothing of the key."""
    return _derive(secret, b"kiemtin key name v1")[:4].hex()


def _is_marked(sealed: bytes) -> bool:
    return sealed[:1] == b"k"


def _opened(box: Fernet, sealed: bytes) -> str | None:
    try:
        return box.decrypt(sealed[MARK:] if _is_marked(sealed) else sealed).decode()
    except InvalidToken:
        return None


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
