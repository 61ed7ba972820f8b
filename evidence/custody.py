"""The chain of custody: who did what with the evidence, a JSON line each, each bound to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evidence.canonical import line

GENESIS = "0" * 64

# What an action of the audit log is in the life of the evidence; others are "handled".
_WHAT = {
    "post.rendered": "collected",
    "picture.read": "viewed",
    "bundle.viewed": "viewed",
    "capture.read": "viewed",
    "case.leased": "viewed",
    "case.decided": "decided",
    "redaction.confirmed": "masked",
    "bundle.started": "exported",
    "bundle.built": "exported",
    "bundle.downloaded": "exported",
    "referral.proposed": "proposed",
    "referral.approved": "approved",
    "referral.exported": "exported",
    "referral.acknowledged": "transferred",
    "referral.recalled": "recalled",
}


def what(action: str) -> str:
    """Return the word of the custody for an action of the audit log."""
    return _WHAT.get(action, "handled")


def chained(steps: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the steps as lines: each gets its number, the hash of the line before, and its own."""
    previous, lines = GENESIS, []
    for number, step in enumerate(steps, 1):
        row = {**step, "n": number, "previous": previous}
        previous = digest(row)
        lines.append(line({**row, "hash": previous}))
    return b"".join(lines)


def digest(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of a step without its own hash: its JSON on one line, keys in order."""
    return hashlib.sha256(line({key: row[key] for key in row if key != "hash"}).rstrip(b"\n")).hexdigest()


def broken(content: bytes) -> str:
    """Return what is wrong with a custody file, "" when nothing is."""
    previous, moment = GENESIS, ""
    for number, one in enumerate(content.splitlines(), 1):
        try:
            row = json.loads(one)
            number_said, before, own = row["n"], row["previous"], row["hash"]
        except (ValueError, KeyError, TypeError):
            return f"dòng {number} không đọc được"
        if number_said != number:
            return f"dòng {number} mang số {number_said}: có dòng bị thêm, bớt hoặc đổi chỗ"
        if before != previous:
            return f"dòng {number} không nối với dòng trước"
        if own != digest(row):
            return f"dòng {number} không khớp mã băm của nó"
        if row.get("at", "") < moment:
            return f"dòng {number} sớm hơn dòng trước"
        previous, moment = own, row.get("at", "")
    return "" if content else "trống"


def steps_of(content: bytes) -> Sequence[dict[str, Any]]:
    """Return the steps of a custody file."""
    return [json.loads(one) for one in content.splitlines()]
