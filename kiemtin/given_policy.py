"""The policy of the settings beside the one in force: the first start records it, later ones only compare."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import models
from classifier import policy as policies
from classifier.policy import Policy
from store import policies as switches
from store.policy_tables import PolicySwitch
from store.records import Records


def begin(records: Records, file: Path | None) -> None:
    """Record the policy of the settings as the first in force, unless there is one; raises `DataError`."""
    with records.read() as session:
        if switches.active(session) is not None:
            return
    said = policies.read(file)
    version = policies.parse(said, str(file or "policy.yaml")).version
    with records.write() as session:
        switches.begin(session, version, said, datetime.now(UTC))


def differs(records: Records, file: Path | None) -> str | None:
    """Return what to say when the policy of the settings is not the one in force, which stays; else None.

    The shipped policy that was in force before, and was switched from by decision, needs no word.
    """
    place = file or models.path("policy.yaml")
    with records.read() as session:
        active = switches.active(session)
        if active is None:
            return None
        try:
            given = policies.load_policy(place)
        except models.DataError as error:
            return f"{error}\nVẫn dùng chính sách đã ghi, phiên bản {active.version}."
        before = switches.of_versions(session, [given.version]).get(given.version)
    if _says(active, given) or (file is None and _says(before, given)):
        return None
    return (
        f"Chính sách trong {place} (phiên bản {given.version}) khác chính sách đang dùng (phiên"
        f" bản {active.version}). Vẫn dùng bản ấy: chỉ một quyết định được ghi lại mới chuyển chính sách."
        f" Xem trước bằng `kiemtin policy backtest {place}`, chuyển bằng `kiemtin policy switch {place}"
        " --reason …` hoặc ở trang /policy."
    )


def unreadable(file: Path | None) -> str:
    """Return what is wrong with the policy file of the settings, or nothing; the one in force stays."""
    try:
        policies.load_policy(file or models.path("policy.yaml"))
    except models.DataError as error:
        return f"{error} Vẫn dùng chính sách đang có hiệu lực."
    return ""


def _says(switch: PolicySwitch | None, policy: Policy) -> bool:
    """Say whether a recorded policy is `policy`, however its comments are written."""
    try:
        return switch is not None and policies.parse(switch.text) == policy
    except models.DataError:
        return False
