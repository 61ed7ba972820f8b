"""Seals what only the liaison may read: CMS EnvelopedData (RFC 5652) for the key of their certificate."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from evidence.errors import SealingError, SigningError
from evidence.sign import read_certificates


def recipient(path: Path) -> x509.Certificate:
    """Return the liaison's certificate (PEM, RSA); raises `SealingError`."""
    try:
        certificate = read_certificates(path)[0]
    except SigningError as error:
        raise SealingError(str(error)) from error
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
        raise SealingError(f"Chứng thư của cán bộ đầu mối ({path}) phải có khóa RSA để niêm phong cho họ.")
    return certificate


def seal(content: bytes, certificate: x509.Certificate) -> bytes:
    """Return `content` encrypted (AES-256-CBC, RSA PKCS #1 v1.5 key transport) as DER.

    Opened by `openssl cms -decrypt -inform DER -inkey KEY`.
    """
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    builder = builder.set_content_encryption_algorithm(algorithms.AES256)
    return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
