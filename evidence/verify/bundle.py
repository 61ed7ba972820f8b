"""The check of a bundle, from the outside in: the file, the list, signature, dates, what parts say."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from evidence import custody
from evidence.build import SIGNATURE, SUMS
from evidence.errors import NotABundle
from evidence.recorded import FORMAT
from evidence.verify import pages, signature, stamps, times
from evidence.verify.bag import Bag, content, opened
from evidence.verify.verdict import Anchors, Verdict

_LINE = re.compile(r"([0-9a-f]{64})  (\S[^\n]*)")
_STAMP = re.compile(r"SHA256SUMS\.p7s(?:\.[2-9])?\.tsr")
NEEDED = (
    "record.json", "referral.json", "assessment.json", "custody.jsonl", "report.pdf", "pages.wacz",
    "post/text.txt", "post/extraction.json", "chains/signer.pem", "VERIFY-vi.md", "VERIFY-en.md",
)  # fmt: skip
RECALL_NEEDED = ("recall.json", "RECALL-vi.txt", "custody.jsonl", "chains/signer.pem")


def verify(path: Path, anchors: Anchors | None = None) -> Verdict:
    """Return what is found of a bundle, or of the folder that it was unpacked into. Nothing is unpacked.

    Whatever is wrong is a finding, never an exception. With `anchors`, the signature and the dates are held
    against the roots that the reader trusts; without, they stay open.
    """
    verdict = Verdict()
    try:
        with opened(path) as bag:
            _verify(bag, anchors or Anchors(), verdict)
    except NotABundle as error:
        verdict.broken(path.name, str(error))
    return verdict


def _verify(bag: Bag, anchors: Anchors, verdict: Verdict) -> None:
    for name in (SUMS, SIGNATURE):
        if name not in bag.names:
            verdict.broken(name, "Thiếu phần này: không kiểm tra được gì.")
            return
    sums = content(bag, SUMS)
    verdict.manifest_sha256 = hashlib.sha256(sums).hexdigest()
    _parts(bag, sums, verdict)
    signed = signature.check(bag, sums, anchors.department, verdict)
    notice = "recall.json" in bag.names
    for name in RECALL_NEEDED if notice else NEEDED:
        if name not in bag.names:
            verdict.broken(name, "Thiếu phần này, mà gói nào cũng phải có.")
    _custody(bag, verdict)
    about = _json(bag, "recall.json" if notice else "record.json", verdict)
    if about is None:
        return
    if about.get("format") != FORMAT:
        verdict.broken("record.json", f"Không phải định dạng {FORMAT}.")
        return
    signature.check_named(bag, about, signed, verdict)
    dates = stamps.check(bag, about, anchors.authorities, verdict)
    times.check(about, signed, dates, verdict)
    if not notice and "pages.wacz" in bag.names:
        pages.check(bag, about, verdict)


def _parts(bag: Bag, sums: bytes, verdict: Verdict) -> None:
    listed: dict[str, str] = {}
    for number, row in enumerate(sums.decode("utf-8", "replace").splitlines(), 1):
        found = _LINE.fullmatch(row)
        if found is None:
            verdict.broken(SUMS, f"Dòng {number} không đúng dạng của sha256sum.")
        elif found[2] in listed:
            verdict.broken(found[2], f"Có hai lần trong {SUMS}.")
        else:
            listed[found[2]] = found[1]
    if not sums.endswith(b"\n") or list(listed) != sorted(listed):
        verdict.broken(SUMS, "Danh sách không theo thứ tự, hoặc đã bị cắt.")
    wrong = 0
    for name in bag.names:
        if name in listed:
            digest = _digest(bag, name)
            if digest != listed[name]:
                wrong += 1
                verdict.broken(name, "Nội dung khác với SHA-256 đã ký: phần này đã bị sửa hoặc thay.")
        elif name not in {SUMS, SIGNATURE} and not _STAMP.fullmatch(name):
            wrong += 1
            verdict.broken(name, f"Không có trong {SUMS}: phần này bị thêm vào hoặc đổi tên.")
    for name in sorted(set(listed) - set(bag.names)):
        wrong += 1
        verdict.broken(name, f"Có trong {SUMS} nhưng không có trong gói: đã bị bỏ đi hoặc đổi tên.")
    if not wrong:
        verdict.sound(SUMS, f"{len(listed)} phần đều khớp SHA-256; không có phần nào thừa.")


def _digest(bag: Bag, name: str) -> str:
    sha256 = hashlib.sha256()
    try:
        for chunk in bag.chunks(name):
            sha256.update(chunk)
    except NotABundle as error:
        return str(error)
    return sha256.hexdigest()


def _custody(bag: Bag, verdict: Verdict) -> None:
    if "custody.jsonl" not in bag.names:
        return
    lines = content(bag, "custody.jsonl")
    if wrong := custody.broken(lines):
        verdict.broken("custody.jsonl", f"Chuỗi lưu giữ hỏng: {wrong}.")
    else:
        verdict.sound("custody.jsonl", f"Chuỗi lưu giữ {len(lines.splitlines())} bước liền nhau.")


def _json(bag: Bag, name: str, verdict: Verdict) -> dict[str, Any] | None:
    if name not in bag.names:
        return None
    try:
        said = json.loads(content(bag, name))
    except (ValueError, NotABundle) as error:
        verdict.broken(name, f"Không đọc được: {error}")
        return None
    if not isinstance(said, dict):
        verdict.broken(name, "Không phải một bản ghi JSON.")
        return None
    return said
