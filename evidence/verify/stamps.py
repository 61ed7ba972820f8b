"""The dates: tokens of time-stamping authorities (RFC 3161) over the signature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

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


def _token(
    bag: Bag, name: str, roots: Sequence[x509.Certificate], verdict: Verdict
) -> datetime | None:
    own = _own(bag)
    anchors = list(roots) or own
    try:
        response = decode_timestamp_response(content(bag, name))
        moment = response.tst_info.gen_time
        _require_fit(response, content(bag, SIGNATURE), anchors)
    except (ValueError, VerificationError) as error:
        verdict.broken(name, f"Dấu thời gian không đúng cho chữ ký này: {error}.")
        return None
    said = f"Chữ ký đã có trước {moment.isoformat()}"
    if roots:
        verdict.sound(name, f"{said}, theo chứng thư gốc đã đưa.")
    else:
        marks = ", ".join(fingerprint(one) for one in anchors)
        verdict.open(
            name,
            f"{said}, theo chứng thư gốc đi kèm gói: đưa chứng thư gốc của bên cấp dấu bằng --tsa-ca, hoặc hỏi"
            f" họ xem SHA-256 của nó có phải là {marks}.",
        )
    return moment


def _require_fit(response: TimeStampResponse, signature: bytes, roots: Sequence[x509.Certificate]) -> None:
    if not roots:
        raise ValueError("không có chứng thư gốc nào để đối chiếu; đưa bằng --tsa-ca")
    builder = VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    builder.build().verify_message(response, signature)


def _own(bag: Bag) -> list[x509.Certificate]:
    if _ANCHORS not in bag.names:
        return []
    try:
        return x509.load_pem_x509_certificates(content(bag, _ANCHORS))
    except ValueError:
        return []
