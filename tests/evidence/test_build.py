"""What is in a bundle, what is masked in it, and that the same input makes the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from warcio.archiveiterator import ArchiveIterator

from evidence.build import SIGNATURE, build
from evidence.container import parts_of
from evidence.errors import BundleError, SealingError, SigningError
from evidence.mask import DOT, Mask, NotMasked
from evidence.sign import Signer
from kiemtin.demo_authority import openssl
from store.archive import Archive
from store.archived import ArchiveError
from store.tables import Capture
from tests.evidence.conftest import Ready
from tests.evidence.made import BEGUN, PAGE, TEXT, confirmed, tools

HIDDEN = ("0912 345 678", "Nguyễn Thị Hoa", "Trần Văn Minh", "987654321", "Lê Lợi")


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def test_a_bundle_has_every_part_that_it_promises(ready: Ready) -> None:
    found = parts(ready.path)
    assert set(found) == {
        "VERIFY-vi.md", "VERIFY-en.md", "report.pdf", "record.json", "referral.json", "assessment.json", "custody.jsonl",
        "pages.wacz", "post/text.txt", "post/extraction.json", "post/dom.html", "post/screenshot.png",
        "sealed/original.p7m", "chains/signer.pem", "chains/timestamp.pem", "SHA256SUMS", "SHA256SUMS.p7s",
        "SHA256SUMS.p7s.tsr",
    }  # fmt: skip
    record = json.loads(found["record.json"])
    version = record["captures"][0]
    assert version["ip"] == "192.0.2.7"
    assert version["robots"] == {"allowed": True}
    assert (version["server_date"], version["clock_offset_seconds"]) == (
        "Fri, 20 Nov 2026 03:00:01 GMT",
        -1.0,
    )
    assert record["software"]["kiemtin"]
    assert "lead" in record["about"]
    said = json.loads(found["referral.json"])
    assert said["referral"]["approver"].startswith("Tâm (lead")
    assert [one["outcome"] for one in said["second_reviews"]] == ["report"]
    steps = [json.loads(line) for line in found["custody.jsonl"].splitlines()]
    assert {"collected", "proposed", "approved", "exported"} <= {step["what"] for step in steps}
    assert found["report.pdf"].startswith(b"%PDF-")


def test_what_was_confirmed_is_masked_in_every_open_part_and_what_was_kept_is_there(ready: Ready) -> None:
    found = parts(ready.path)
    wacz = parts_in(found["pages.wacz"])
    texts = {
        name: content.decode() for name, content in found.items() if name.endswith((".json", ".txt", ".html"))
    }
    texts["page"] = page_in(wacz)
    for name, text in texts.items():
        for hidden in HIDDEN:
            assert hidden not in text, name
    assert "0000 1234 5678" in texts["post/text.txt"]
    assert DOT * 4 in texts["post/text.txt"]
    assert len(texts["post/text.txt"].strip()) == len(TEXT)
    with Image.open(io.BytesIO(found["post/screenshot.png"])) as image:
        assert image.getpixel((100, 50)) == (17, 17, 17)
        assert image.getpixel((10, 10)) == (255, 255, 255)
    marks = json.loads(found["record.json"])["redaction"]["marks"]
    assert [mark.get("why") for mark in marks if mark.get("kept")] == ["tài khoản nhận tiền"]


def test_the_original_opens_for_the_liaison_alone_and_is_the_one_that_the_record_names(
    ready: Ready, tmp_path: Path
) -> None:
    found = parts(ready.path)
    sealed, opened = tmp_path / "original.p7m", tmp_path / "original.zip"
    sealed.write_bytes(found["sealed/original.p7m"])
    key = ready.authority.of("liaison.key")
    openssl("cms", "-decrypt", "-inform", "DER", "-in", sealed, "-inkey", key, "-out", opened)
    named = json.loads(found["record.json"])["sealed"]
    with opened.open("rb") as file:
        assert [part.name for part in parts_of(file)] == sorted(named["files"])
    inside = parts(opened)
    original = json.loads(inside["original.json"])
    assert (original["author"], original["text"]) == ("nguoi_ban", TEXT)
    assert page_in(parts_in(inside["pages.wacz"])) == PAGE
    other = openssl(
        "cms", "-decrypt", "-inform", "DER", "-in", sealed, "-inkey", ready.authority.of("department.key"), "-out",
        tmp_path / "no", check=False,
    )  # fmt: skip
    assert other.returncode != 0


def test_the_same_input_makes_the_same_bytes_but_for_signature_and_dates(
    ready: Ready, tmp_path: Path
) -> None:
    build(
        ready.referred.given(),
        confirmed(),
        tools(ready.referred.archive, ready.authority),
        tmp_path / "g.zip",
        BEGUN,
    )
    first, again = parts(ready.path), parts(tmp_path / "g.zip")
    free = {SIGNATURE, f"{SIGNATURE}.tsr", "sealed/original.p7m", "record.json", "report.pdf", "SHA256SUMS"}
    assert {name for name in first if first[name] != again[name]} <= free
    # The seal is made with a fresh key each time; without it every part is the same.
    plain = confirmed(original_reason="")
    for name in ("a.zip", "b.zip"):
        build(
            ready.referred.given(),
            plain,
            tools(ready.referred.archive, ready.authority),
            tmp_path / name,
            BEGUN,
        )
    one, other = parts(tmp_path / "a.zip"), parts(tmp_path / "b.zip")
    assert {name for name in one if one[name] != other[name]} <= {SIGNATURE, f"{SIGNATURE}.tsr"}


def test_pictures_of_the_page_go_along_only_when_somebody_looked_at_them(
    ready: Ready, tmp_path: Path
) -> None:
    made = confirmed(images=False, original_reason="")
    build(
        ready.referred.given(),
        made,
        tools(ready.referred.archive, ready.authority),
        tmp_path / "g.zip",
        BEGUN,
    )
    record = json.loads(parts(tmp_path / "g.zip")["record.json"])
    became = {one["url"].rsplit("/", 1)[1]: one.get("form") or one.get("why") for one in record["captures"]}
    assert became == {"7": "masked", "mau.css": "whole", "anh.png": "image"}


def test_a_text_that_tags_cut_up_keeps_the_page_out(ready: Ready) -> None:
    with pytest.raises(NotMasked):
        Mask(["0912345678"]).html("<p>gọi 0912 <b>345</b> 678</p>")
    assert Mask(["Hà"]).text("Hàng của Hà") == "Hàng của ••"
    assert Mask(["0912 345 678"]).text("+84912.345.678 0912-345-678") == "•" * 14 + " " + "•" * 12


def test_what_cannot_be_built_leaves_no_file(ready: Ready, tmp_path: Path) -> None:
    given, target = ready.referred.given(), tmp_path / "g.zip"
    with pytest.raises(SealingError, match="KIEMTIN_LIAISON_CERT"):
        build(
            given, confirmed(), tools(ready.referred.archive, ready.authority, recipient=None), target, BEGUN
        )
    with pytest.raises(ArchiveError):
        build(given, confirmed(), tools(Archive(tmp_path / "none"), ready.authority), target, BEGUN)
    wrong = replace(given.records[0], facts={**(given.records[0].facts or {}), "sha256": "0" * 64})
    with pytest.raises(BundleError, match="không khớp SHA-256"):
        build(
            replace(given, records=(wrong,)),
            confirmed(),
            tools(ready.referred.archive, ready.authority),
            target,
            BEGUN,
        )
    assert list(tmp_path.iterdir()) == []


def test_evidence_that_changed_since_is_not_built(ready: Ready) -> None:
    with ready.referred.records.write() as session:
        capture = session.query(Capture).first()
        assert capture is not None
        before, capture.sha256 = capture.sha256, "0" * 64
    try:
        with pytest.raises(BundleError, match="đã đổi sau khi phê duyệt"):
            ready.referred.given()
    finally:
        with ready.referred.records.write() as session:
            session.get_one(Capture, capture.id).sha256 = before


def test_a_key_that_others_may_read_or_that_is_another_does_not_sign(ready: Ready, tmp_path: Path) -> None:
    certificate, key = ready.authority.of("department.pem"), ready.authority.of("department.key")
    with pytest.raises(SigningError, match="không phải khóa"):
        Signer.load(certificate, str(ready.authority.of("tsa.key")))
    loose = tmp_path / "loose.key"
    loose.write_bytes(key.read_bytes())
    loose.chmod(0o644)
    with pytest.raises(SigningError, match="chmod 600"):
        Signer.load(certificate, str(loose))


def parts_in(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def page_in(wacz: dict[str, bytes]) -> str:
    for record in ArchiveIterator(io.BytesIO(wacz["archive/data.warc.gz"]), check_digests="raise"):
        body = record.content_stream().read()
        if record.http_headers.get_header("Content-Type").startswith("text/html"):
            return str(body.decode())
    raise AssertionError("no page in the WACZ")
