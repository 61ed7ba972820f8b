"""The notice that calls a bundle back: signed like the bundle, with the custody up to the recall."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from evidence import custody
from evidence.build import SIGNATURE, SUMS, pack, sums_of
from evidence.canonical import pretty
from evidence.recorded import FORMAT
from evidence.sign import Signer, fingerprint

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_NOTICE = """THÔNG BÁO THU HỒI GÓI CHỨNG CỨ

Gói {name} của đề nghị {referral}
SHA-256 của SHA256SUMS trong gói: {manifest}

đã bị thu hồi lúc {at} bởi {by}.

Lý do: {reason}

Đề nghị bên nhận ngừng sử dụng gói này và tiêu hủy các bản sao, trừ khi pháp luật buộc phải giữ.
Bên nhận có thể kiểm tra thông báo này như kiểm tra gói chứng cứ: chữ ký SHA256SUMS.p7s trên SHA256SUMS.
"""


@dataclass(frozen=True)
class Recall:
    """What is called back, by whom and why; `steps` is the custody of it all."""

    referral: int
    name: str
    manifest_sha256: str
    reason: str
    by: str
    at: datetime
    steps: Sequence[Mapping[str, Any]]


def write(recall: Recall, signer: Signer, target: Path) -> None:
    """Write the notice to `target`, whole or not at all; `kiemtin bundle verify` checks it too."""
    work = target.with_name(f".{target.stem}.work")
    shutil.rmtree(work, ignore_errors=True)
    (work / "chains").mkdir(parents=True)
    try:
        (work / "recall.json").write_bytes(pretty(_said(recall, signer)))
        words = _NOTICE.format(
            name=recall.name, referral=recall.referral, manifest=recall.manifest_sha256, by=recall.by,
            reason=recall.reason, at=f"{recall.at.astimezone(_VIETNAM):%H:%M:%S ngày %d/%m/%Y}",
        )  # fmt: skip
        (work / "RECALL-vi.txt").write_text(words, encoding="utf-8")
        (work / "custody.jsonl").write_bytes(custody.chained(recall.steps))
        (work / "chains/signer.pem").write_bytes(signer.pem)
        sums = sums_of(work)
        (work / SUMS).write_bytes(sums)
        (work / SIGNATURE).write_bytes(signer.sign(sums))
        pack(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _said(recall: Recall, signer: Signer) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "about": "A recall: the bundle named here must no longer be used.",
        "referral": recall.referral,
        "bundle": recall.name,
        "bundle_manifest_sha256": recall.manifest_sha256,
        "reason": recall.reason,
        "recalled_by": recall.by,
        "built_at": recall.at.isoformat(),
        "signer_certificate_sha256": fingerprint(signer.chain[0]),
        "timestamps": {"asked": []},
    }
