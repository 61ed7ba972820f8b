"""The policy in force, as a process that judges holds it: read anew when a decision switched to another."""

from __future__ import annotations

import models
from classifier.policy import Policy, parse
from store.policy_tables import PolicySwitch


class InForce:
    """Gives the policy of a recorded switch, read once; where none was recorded, the one it was given."""

    def __init__(self, otherwise: Policy | None = None) -> None:
        self._otherwise = otherwise
        self._known: dict[str, Policy] = {}

    def of(self, switch: PolicySwitch | None) -> Policy:
        """Return the policy of `switch`; raises `models.DataError`, which says what to do."""
        if switch is None:
            if self._otherwise is None:
                raise models.DataError("Chưa có chính sách nào được ghi lại: chạy `kiemtin migrate`.")
            return self._otherwise
        if switch.sha256 not in self._known:
            self._known[switch.sha256] = _parsed(switch)
        return self._known[switch.sha256]


def _parsed(switch: PolicySwitch) -> Policy:
    try:
        return parse(switch.text, switch.version)
    except models.DataError as error:
        raise models.DataError(
            f"{error}\nĐây là chính sách đang dùng, ghi bằng một phiên bản khác của Kiểm Tin. Viết lại nó với"
            " một version mới rồi chạy `kiemtin policy switch TỆP --reason …`."
        ) from error
