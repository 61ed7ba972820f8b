"""The dates: tokens of time-stamping authorities (RFC 3161) over the signature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asn1crypto import tsp
from cryptography import x509
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from evidence.build import SIGNATURE
from evidence.sign import fingerprint
from evidence.stamp import name_of
from evidence.verify.bag import Bag, content
from evidence.verify.verdict import Verdict

_ANCHORS = "chains/timestamp.pem"


def check(
    bag: Bag, about: dict[str, Any], roots: Sequence[x509.Certificate], verdict: Verdict
) -> list[tuple[str, datetime]]:
    """Check each token, and that each authority that was asked has given one; return their moments."""
    asked = about.get("timestamps", {}).get("asked", [])
    if not asked:
        verdict.open(name_of(1), "Gói không xin dấu thời gian của bên nào: chỉ có giờ của người ký.")
    moments: list[tuple[str, datetime]] = []
    known = {name_of(place): authority for place, authority in enumerate(asked, 1)}
    for name, authority in known.items():
        if name not in bag.names:
            verdict.open(name, f"Chưa có dấu thời gian của {authority} (chưa xin được, hoặc đã bị bỏ đi).")
            continue
        moment = _token(bag, name, roots, verdict)
        if moment is not None:
            moments.append((name, moment))
    for name in bag.names:
        if name.endswith(".tsr") and name not in known:
            verdict.broken(name, "Gói không xin dấu thời gian này: nó bị thêm vào hoặc đổi tên.")
    return moments


def _token(bag: Bag, name: str, roots: Sequence[x509.Certificate], verdict: Verdict) -> datetime | None:
    own = _own(bag)
    anchors = list(roots) or own
    try:
        token = content(bag, name)
        response = decode_timestamp_response(token)
        moment = response.tst_info.gen_time
        _require_fit(response, content(bag, SIGNATURE), anchors)
        _require_form(token)
    except (ValueError, KeyError, VerificationError) as error:
        verdict.broken(name, f"Dấu thời gian không đúng cho chữ ký này: {error}.")
        return None
    said = f"Chữ ký đã có trước {moment.isoformat()}"
    if roots:
        verdict.sound(name, f"{said}, theo chứng thư gốc đã đưa.")
    else:
        marks = ", ".join(fingerprint(one) for one in anchors)
        verdict.open(
            name,
            f"{said}, theo chứng thư gốc đi kèm gói: đưa chứng thư gốc của bên cấp dấu bằng --tsa-ca, hoặc"
            f" hỏi họ xem SHA-256 của nó có phải là {marks}.",
        )
    return moment


def _require_fit(response: TimeStampResponse, signature: bytes, roots: Sequence[x509.Certificate]) -> None:
    if not roots:
        raise ValueError("không có chứng thư gốc nào để đối chiếu; đưa bằng --tsa-ca")
    builder = VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    builder.build().verify_message(response, signature)


def _require_form(token: bytes) -> None:
    """Raise `ValueError` for what the library does not look at: versions, and the name of the algorithm."""
    data = tsp.TimeStampResp.load(token, strict=True)["time_stamp_token"]["content"]
    (signer,) = data["signer_infos"]
    named, hashed = signer["signature_algorithm"], signer["digest_algorithm"]["algorithm"].native
    # rsassa_pkcs1v15 alone names no hash; the others do, and it must be the one that was used.
    known = named.signature_algo in {"rsassa_pkcs1v15", "rsassa_pss", "ecdsa"}
    own = named["algorithm"].native == "rsassa_pkcs1v15" or (known and named.hash_algo == hashed)
    if data["version"].native != "v3" or signer["version"].native not in {"v1", "v3"} or not known or not own:
        raise ValueError("không ở dạng mà RFC 3161 định")


def _own(bag: Bag) -> list[x509.Certificate]:
    if _ANCHORS not in bag.names:
        return []
    try:
        return x509.load_pem_x509_certificates(content(bag, _ANCHORS))
    except ValueError:
        return []
