"""Signs lists of hashes for the department: CMS (RFC 5652), detached, with its X.509 certificate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, pkcs7

from evidence.errors import SigningError

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_OPTIONS = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.DetachedSignature]


@dataclass(frozen=True)
class Signer:
    """The department's key with its chain of certificates, its own first."""

    key: Key
    chain: tuple[x509.Certificate, ...]

    @classmethod
    def load(cls, certificates: Path, key: str, secret: str = "") -> Signer:
        """Read a chain (PEM) and the key of its first certificate; raises `SigningError`.

        `key` is a file (PEM, RSA or EC; `secret` is its passphrase) or
        `pkcs11:token=…;object=…?module-path=…` (RFC 7512; `secret` is the PIN; needs the extra `pkcs11`).
        """
        chain = read_certificates(certificates)
        private = _on_token(key, secret, chain[0]) if key.startswith("pkcs11:") else _from_file(key, secret)
        if _public(private.public_key()) != _public(chain[0].public_key()):
            raise SigningError(f"Khóa {key} không phải khóa của chứng thư đầu tiên trong {certificates}.")
        return cls(private, chain)

    def sign(self, content: bytes) -> bytes:
        """Return the detached CMS signature (DER) of `content`, with the time of signing and the chain."""
        builder = (
            pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(self.chain[0], self.key, SHA256())
        )
        for certificate in self.chain[1:]:
            builder = builder.add_certificate(certificate)
        return builder.sign(Encoding.DER, [*_OPTIONS, pkcs7.PKCS7Options.NoCapabilities])

    @cached_property
    def pem(self) -> bytes:
        """The chain as it is put into a bundle."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in self.chain)


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM file; raises `SigningError` where there is none."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise SigningError(f"Không đọc được chứng thư (PEM) trong {path}: {error}") from error


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate, in hex."""
    return certificate.fingerprint(SHA256()).hex()


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _from_file(path: str, secret: str) -> Key:
    file = Path(path)
    try:
        if file.stat().st_mode & 0o077:
            raise SigningError(f"Người khác đọc được khóa ký {path}: chạy chmod 600 {path} rồi thử lại.")
        key = load_pem_private_key(file.read_bytes(), secret.encode() if secret else None)
    except (OSError, ValueError, TypeError) as error:
        raise SigningError(f"Không đọc được khóa ký {path}: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SigningError(f"Khóa ký {path} phải là RSA hoặc EC.")
    return key


def _on_token(uri: str, pin: str, certificate: x509.Certificate) -> Key:
    try:
        from evidence.token import open_key
    except ModuleNotFoundError as error:
        raise SigningError(f"Thiếu thư viện {error.name}: cài bằng pip install 'kiemtin[pkcs11]'.") from error
    return open_key(uri, pin, certificate)
