"""Whether the times that a bundle says can all be true."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from evidence.build import SIGNATURE
from evidence.verify.signature import Signed
from evidence.verify.verdict import Verdict

# Clocks of machines that nobody watches drift by minutes (RFC 5905 lets a synchronised one drift by less).
_DRIFT = timedelta(minutes=5)


def check(
    about: dict[str, Any], signed: Signed | None, stamped: Iterable[tuple[str, datetime]], verdict: Verdict
) -> None:
    """Find what was captured after the bundle was begun, signed before it, or dated before it was signed."""
    try:
        begun = datetime.fromisoformat(about["built_at"])
        captured = [(one["url"], datetime.fromisoformat(one["at"])) for one in about.get("captures", ())]
    except (KeyError, ValueError, TypeError) as error:
        verdict.broken("record.json", f"Có thời gian không đọc được: {error}")
        return
    wrong = False
    for url, at in captured:
        if at > begun + _DRIFT:
            wrong = True
            verdict.broken("record.json", f"{url} nói là thu sau khi gói được lập: ngày đã bị sửa.")
    if signed is not None and signed.at < begun - _DRIFT:
        wrong = True
        verdict.broken(SIGNATURE, "Ký trước khi gói được lập: ngày đã bị sửa.")
    for name, at in stamped:
        if signed is not None and at < signed.at - _DRIFT:
            wrong = True
            verdict.broken(name, "Dấu thời gian có trước chữ ký: ngày đã bị sửa.")
    if not wrong:
        verdict.sound("record.json", "Thời gian thu, lập, ký và đóng dấu theo đúng thứ tự.")
