"""Builds a bundle: masks what a person confirmed, writes each part, lists the hashes, signs them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from evidence import container, custody, guide, report
from evidence.canonical import pretty
from evidence.gathered import Gathered
from evidence.mask import Mask, picture
from evidence.pages import Pages, original
from evidence.recorded import assessment, extraction, record, referral
from evidence.seal import seal
from evidence.sign import Signer, fingerprint
from evidence.stamp import Ask, NotStamped, Stamp, name_of, stamp
from store.archive import Archive

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.p7s"
STEPS = 8
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Confirmed:
    """What a person decided to mask, as `store.bundle_tables.Redaction` keeps it."""

    marks: Sequence[dict[str, Any]]
    boxes: Sequence[Sequence[float]]
    images: bool
    original_reason: str
    by: str
    at: str

    @property
    def mask(self) -> Mask:
        return Mask(mark["text"] for mark in self.marks if not mark["keep"])


@dataclass(frozen=True)
class Tools:
    """What an installation builds with. Without a `recipient` nothing can be sealed.

    `authorities` are URLs of time-stamping authorities, `anchors` the PEM of the roots that they are known
    by; `ask` replaces HTTP. `unseal` opens the handle of an author.
    """

    archive: Archive
    signer: Signer
    unseal: Callable[[bytes], str]
    recipient: x509.Certificate | None = None
    authorities: Sequence[str] = ()
    anchors: bytes = b""
    ask: Ask | None = None


@dataclass(frozen=True)
class Built:
    """A finished bundle: SHA-256 of its SHA256SUMS, size in bytes, and what each authority answered."""

    manifest_sha256: str
    size: int
    stamps: Sequence[Stamp | NotStamped] = field(default_factory=tuple)


def build(
    given: Gathered, confirmed: Confirmed, tools: Tools, target: Path, at: datetime,
    progress: Progress = lambda done, total: None,
) -> Built:  # fmt: skip
    """Write the bundle to `target`, whole or not at all. `at` is when it was begun.

    The same records, decisions and moment make the same bytes, but for the signature and the dates. Memory
    is that of the largest record, and of the original where it is sealed. Raises `BundleError`, and
    `ArchiveError` where the archive has not what the records say.
    """
    work = target.with_name(f".{target.stem}.work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        making = _Making(work, given, confirmed, tools, at, progress)
        making.write_parts()
        sums = making.sums()
        (work / SUMS).write_bytes(sums)
        signature = tools.signer.sign(sums)
        (work / SIGNATURE).write_bytes(signature)
        stamps = [_stamped(authority, signature, tools.ask) for authority in tools.authorities]
        for place, one in enumerate(stamps, 1):
            if isinstance(one, Stamp):
                (work / name_of(place)).write_bytes(one.token)
        making.step()
        pack(work, target)
        making.step()
        return Built(hashlib.sha256(sums).hexdigest(), target.stat().st_size, stamps)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def pack(folder: Path, target: Path) -> None:
    """Write a folder as a bundle: the parts by name, then their list with its signature and dates."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    names.sort(key=lambda name: name.startswith(SUMS))
    container.write(target, [(name, folder / name) for name in names])


def sums_of(folder: Path) -> bytes:
    """Return the list of hashes of a folder, as `sha256sum` writes and reads it."""
    lines = []
    for path in sorted(folder.rglob("*"), key=lambda path: str(path.relative_to(folder))):
        name = str(path.relative_to(folder))
        if path.is_file() and not name.startswith(SUMS):
            lines.append(f"{_digest(path)}  {name}\n")
    return "".join(lines).encode()


@dataclass
class _Making:
    work: Path
    given: Gathered
    confirmed: Confirmed
    tools: Tools
    at: datetime
    progress: Progress
    done: int = 0

    def step(self) -> None:
        self.done += 1
        self.progress(self.done, STEPS)

    def write_parts(self) -> None:
        given, mask, tools = self.given, self.confirmed.mask, self.tools
        pages = Pages(self.work, given, tools.archive, self.at)
        captures = pages.write(mask, images=self.confirmed.images)
        self.step()
        shown = pages.shown(mask)
        self._put("post/text.txt", mask.text(given.evidence["post"]["text"]).encode() + b"\n")
        self._put("post/extraction.json", pretty(mask.json(extraction(given.evidence))))
        if shown.document is not None:
            self._put("post/dom.html", shown.document.encode("utf-8", "replace"))
        if shown.picture is not None:
            self._put("post/screenshot.png", picture(shown.picture, self.confirmed.boxes))
        self.step()
        sealed = self._seal() if self.confirmed.original_reason else None
        self.step()
        self._put("assessment.json", pretty(mask.json(assessment(given.evidence))))
        self._put("referral.json", pretty(referral(given, mask)))
        self._put("custody.jsonl", custody.chained(given.custody))
        self._put("chains/signer.pem", tools.signer.pem)
        if tools.anchors:
            self._put("chains/timestamp.pem", tools.anchors)
        masked = mask.count(given.evidence["post"]["text"]) + len(self.confirmed.boxes)
        about = record(
            given, mask, captures, shown.notes, sealed, self.confirmed, tools.authorities,
            fingerprint(tools.signer.chain[0]), self.at,
        )  # fmt: skip
        self._put("record.json", pretty(about))
        for name, text in guide.texts().items():
            self._put(name, text)
        self.step()
        self._report(mask, masked, captures)
        self.step()

    def sums(self) -> bytes:
        found = sums_of(self.work)
        self.step()
        return found

    def _report(self, mask: Mask, masked: int, captures: Sequence[dict[str, Any]]) -> None:
        given = self.given
        shot = self.work / "post/screenshot.png"
        hashes = [(name, digest) for digest, name in (row.split("  ", 1) for row in self._listed())]
        about = report.Report(
            referral(given, mask)["referral"], mask.json(given.evidence["post"]), given.source,
            mask.json(given.evidence["assessment"]), captures, given.custody, hashes, masked,
            self.confirmed.original_reason, shot if shot.exists() else None, self.at,
        )  # fmt: skip
        report.write(about, self.work / "report.pdf")

    def _listed(self) -> list[str]:
        return sums_of(self.work).decode().splitlines()

    def _seal(self) -> dict[str, Any]:
        from evidence.errors import SealingError

        if self.tools.recipient is None:
            raise SealingError(
                "Muốn kèm bản gốc thì đặt KIEMTIN_LIAISON_CERT: chứng thư của cán bộ đầu mối để niêm phong."
            )
        whole = original(self.work / "original", self.given, self.tools.archive, self.tools.unseal, self.at)
        self._put("sealed/original.p7m", seal(whole.content, self.tools.recipient))
        return {
            "reason": self.confirmed.original_reason,
            "file": "sealed/original.p7m",
            "recipient": self.tools.recipient.subject.rfc4514_string(),
            "recipient_certificate_sha256": fingerprint(self.tools.recipient),
            "content_sha256": hashlib.sha256(whole.content).hexdigest(),
            "files": whole.files,
        }

    def _put(self, name: str, content: bytes) -> None:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _stamped(authority: str, signature: bytes, ask: Ask | None) -> Stamp | NotStamped:
    try:
        return stamp(authority, signature, ask)
    except NotStamped as error:
        return error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
