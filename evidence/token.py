"""A signing key that never leaves its token: PKCS #11, named by a URI (RFC 7512).

Dressed as a key of `cryptography`, so that one way of signing serves both. Needs the extra `pkcs11`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Mechanism, ObjectClass
from pkcs11.util.ec import encode_ecdsa_signature

from evidence.errors import SigningError

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Place:
    """Where a key is: library, token and label of the object, and the PIN that opens it."""

    module: str
    token: str
    label: str
    pin: str

    def sign(self, content: bytes, mechanism: Mechanism) -> bytes:
        """Let the token sign; it is opened for this one signature. Raises `SigningError`."""
        try:
            token = pkcs11.lib(self.module).get_token(token_label=self.token)
            with token.open(user_pin=self.pin) as session:
                key: Any = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self.label)
                return bytes(key.sign(content, mechanism=mechanism))
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            why = str(error) or type(error).__name__
            raise SigningError(f"Token {self.token} không ký được bằng khóa {self.label}: {why}") from error


def open_key(uri: str, pin: str, certificate: x509.Certificate) -> Key:
    """Return the key of `certificate` that `uri` names; it is asked first when something is signed.

    Raises `SigningError` for a URI without token, object or module-path, or a key of another kind.
    """
    place = _place(uri, pin)
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return _RsaOnToken(place, public)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return _EcOnToken(place, public)
    raise SigningError("Chứng thư ký phải có khóa RSA hoặc EC.")


def _place(uri: str, pin: str) -> Place:
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    named = dict(part.split("=", 1) for part in path.split(";") if "=" in part)
    module = parse_qs(query).get("module-path", [""])[0]
    token, label = unquote(named.get("token", "")), unquote(named.get("object", ""))
    if not (token and label and module):
        raise SigningError("Khóa trên token viết là pkcs11:token=TÊN;object=NHÃN?module-path=/…/thư-viện.so")
    return Place(module, token, label, pin)


class _OnToken:
    """What both kinds of keys have in common: nothing of them can be read."""

    def __init__(self, place: Place, public: Any) -> None:
        self._place, self._public = place, public

    def public_key(self) -> Any:
        return self._public

    @property
    def key_size(self) -> int:
        return int(self._public.key_size)

    def private_numbers(self) -> NoReturn:
        raise SigningError("Khóa nằm trong token, không lấy ra được.")

    def private_bytes(self, *_how: object, **_more: object) -> NoReturn:
        self.private_numbers()

    def decrypt(self, *_what: object) -> NoReturn:
        self.private_numbers()

    def exchange(self, *_with: object) -> NoReturn:
        self.private_numbers()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


class _RsaOnToken(_OnToken, rsa.RSAPrivateKey):
    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        return self._place.sign(bytes(data), Mechanism.SHA256_RSA_PKCS)


class _EcOnToken(_OnToken, ec.EllipticCurvePrivateKey):
    @property
    def curve(self) -> ec.EllipticCurve:
        curve: ec.EllipticCurve = self._public.curve
        return curve

    def sign(self, data: Any, signature_algorithm: Any) -> bytes:
        raw = self._place.sign(hashlib.sha256(bytes(data)).digest(), Mechanism.ECDSA)
        return bytes(encode_ecdsa_signature(raw))
