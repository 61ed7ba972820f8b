"""The signature over the list: one CMS SignedData (RFC 5652), in the one form that `evidence.sign` makes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from evidence.build import SIGNATURE
from evidence.errors import NotABundle
from evidence.sign import fingerprint
from evidence.verify.bag import Bag, content
from evidence.verify.verdict import Verdict

_CHAIN = "chains/signer.pem"


class BadSignature(Exception):
    """The signature does not hold; the message says why."""


@dataclass(frozen=True)
class Signed:
    """A signature that holds: who signed, with which other certificates, and when by their own clock."""

    certificate: x509.Certificate
    others: Sequence[x509.Certificate]
    at: datetime


def check(bag: Bag, sums: bytes, roots: Sequence[x509.Certificate], verdict: Verdict) -> Signed | None:
    """Check the signature over the list; return it if it holds."""
    try:
        signed = read(content(bag, SIGNATURE), sums, _listed(bag))
    except (BadSignature, NotABundle) as error:
        verdict.broken(SIGNATURE, f"Chữ ký không đúng: {error}.")
        return None
    name, mark = signed.certificate.subject.rfc4514_string(), fingerprint(signed.certificate)
    if not roots:
        verdict.open(
            SIGNATURE,
            f"Chữ ký đúng với chứng thư {name}, nhưng chưa đối chiếu chứng thư gốc nào: đưa nó bằng --ca,"
            f" hoặc hỏi cơ quan đã ký xem SHA-256 chứng thư của họ có phải là {mark}.",
        )
    elif wrong := _unknown(signed, roots):
        verdict.broken(
            SIGNATURE, f"Chứng thư ký ({name}, {mark}) không dẫn tới chứng thư gốc đã đưa: {wrong}."
        )
        return None
    else:
        verdict.sound(SIGNATURE, f"Ký bởi {name}, đúng chứng thư gốc đã đưa, lúc {signed.at.isoformat()}.")
    return signed


def check_named(bag: Bag, about: dict[str, Any], signed: Signed | None, verdict: Verdict) -> None:
    """Check that the bundle names the certificate that signed it."""
    if signed is not None and about.get("signer_certificate_sha256") != fingerprint(signed.certificate):
        verdict.broken(SIGNATURE, "Gói nói là do một chứng thư khác ký: chữ ký đã bị thay.")


def read(signature: bytes, of: bytes, chain: Sequence[x509.Certificate]) -> Signed:
    """Return a detached signature (DER) of `of`; raises `BadSignature`.

    Beside what RFC 5652 asks, it must hold exactly the certificates of `chain`, its first the signer's, and
    be in the one form that is made here, so that no byte of it is free.
    """
    try:
        info = cms.ContentInfo.load(signature, strict=True)
        if info["content_type"].native != "signed_data":
            raise BadSignature("không phải CMS SignedData")
        data = info["content"]
        (signer,) = data["signer_infos"]
        inside = {one.dump() for one in data["certificates"]}
        attributes = {one["type"].native: one["values"] for one in signer["signed_attrs"]}
        digest, moment = attributes["message_digest"][0].native, attributes["signing_time"][0].native
        sid = signer["sid"].chosen
        issuer, serial = sid["issuer"].dump(), sid["serial_number"].native
        _require_form(signature, info, attributes)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise BadSignature(f"không đọc được ({error})") from error
    if inside != {one.public_bytes(Encoding.DER) for one in chain}:
        raise BadSignature(f"chứng thư trong chữ ký khác với {_CHAIN}")
    certificate, *others = chain
    if certificate.serial_number != serial or certificate.issuer.public_bytes() != issuer:
        raise BadSignature(f"không phải do chứng thư đầu tiên trong {_CHAIN} ký")
    if digest != hashlib.sha256(of).digest():
        raise BadSignature("không phải của danh sách SHA256SUMS này")
    # What is signed is the attributes as a SET OF (RFC 5652, 5.4), not under the tag they have here.
    _require_signed(
        certificate, signer["signature"].native, b"\x31" + signer["signed_attrs"].dump()[1:], signer
    )
    return Signed(certificate, others, moment)


def _listed(bag: Bag) -> list[x509.Certificate]:
    if _CHAIN not in bag.names:
        raise BadSignature(f"thiếu {_CHAIN}")
    try:
        return x509.load_pem_x509_certificates(content(bag, _CHAIN))
    except ValueError as error:
        raise BadSignature(f"{_CHAIN} không đọc được") from error


def _require_form(signature: bytes, info: Any, attributes: Any) -> None:
    data = info["content"]
    (signer,) = data["signer_infos"]
    fits = (
        data["version"].native == "v1"
        and [one["algorithm"].native for one in data["digest_algorithms"]] == ["sha256"]
        and data["encap_content_info"]["content_type"].native == "data"
        and data["encap_content_info"]["content"].native is None
        and not data["crls"].native
        and signer["version"].native == "v1"
        and signer["digest_algorithm"]["algorithm"].native == "sha256"
        and not signer["unsigned_attrs"].native
        and set(attributes) == {"content_type", "message_digest", "signing_time"}
        and attributes["content_type"][0].native == "data"
        and info.dump(force=True) == signature
    )
    if not fits:
        raise BadSignature("không ở dạng mà Kiểm Tin ký")


def _require_signed(certificate: x509.Certificate, signature: bytes, attributes: bytes, signer: Any) -> None:
    key, algorithm = certificate.public_key(), signer["signature_algorithm"]["algorithm"].native
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm in {"rsassa_pkcs1v15", "sha256_rsa"}:
            key.verify(signature, attributes, padding.PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "sha256_ecdsa":
            key.verify(signature, attributes, ec.ECDSA(SHA256()))
        else:
            raise BadSignature(f"thuật toán {algorithm} không hợp với khóa")
    except InvalidSignature as error:
        raise BadSignature("không khớp khóa của chứng thư") from error


def _unknown(signed: Signed, roots: Sequence[x509.Certificate]) -> str:
    """Return why a certificate does not lead to one of `roots`, "" where it does.

    Its use is not asked: departments sign with certificates made for many uses.
    """
    if signed.certificate in roots:
        return ""
    policy = PolicyBuilder().store(Store(list(roots))).time(signed.at)
    any_use = ExtensionPolicy.permit_all()
    issuing = any_use.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    policy = policy.extension_policies(ca_policy=issuing, ee_policy=any_use)
    try:
        policy.build_client_verifier().verify(signed.certificate, list(signed.others))
    except VerificationError as error:
        return str(error)
    return ""
