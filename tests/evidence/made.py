"""An approved referral over a page that was really kept: its record, its picture, people who acted."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from evidence import keeping
from evidence.build import Confirmed, Tools
from evidence.gathered import Gathered, gather
from evidence.seal import recipient
from evidence.sign import Signer
from kiemtin.demo_authority import Authority
from review import referral as referrals
from review.permissions import Person
from store.archive import Archive
from store.archived import Exchange, Stored
from store.bundle_tables import Bundle, Redaction
from store.ingest import Incoming, accept, clean
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Case, Post, Referral, Rendering, Source
from store.vocabulary import PostKind, Role
from tests.factory import NOW, person
from tests.referable import judge, look_blind, propose

URL = "http://dien-dan.example/chu-de/7"
TEXT = (
    "Thuốc nam đặc trị F0, uống một liệu trình âm tính ngay, chuyển khoản vào stk 0000 1234 5678 giá 900k."
    " Chị Nguyễn Thị Hoa ở số 12 đường Lê Lợi đã khỏi, gọi chị ấy 0912 345 678."
)
PAGE = f"""<!doctype html><html lang=vi><meta charset=utf-8><title>Bán thuốc</title>
<link rel=stylesheet href=/mau.css><h1 id=tieu-de>Bán thuốc F0</h1><p id=bai>{TEXT}</p>
<p>Bình luận: tôi là Trần Văn Minh, số tôi 0987654321 <a href="tel:+84987654321">gọi</a></p>
<img src=/anh.png alt=thuốc></html>"""
CSS = b"h1 { color: #123 }"
BEGUN = NOW + timedelta(days=1)


def picture(width: int = 320, height: int = 480) -> bytes:
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((40, 40, 200, 60), fill="red")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def exchange(url: str, body: bytes, kind: str, at: datetime = NOW) -> Exchange:
    headers = (("Content-Type", kind), ("Date", "Fri, 20 Nov 2026 03:00:01 GMT"))
    return Exchange(at, url, 200, headers, body, ip="192.0.2.7", certificate="ab" * 32)


@dataclass(frozen=True)
class Referred:
    """A referral, the archive that holds its captures, and what was confirmed of it."""

    records: Records
    archive: Archive
    referral_id: int
    bundle_id: int
    liaison: Person
    lead: Person

    def given(self) -> Gathered:
        with self.records.read() as session:
            return gather(session, session.get_one(Bundle, self.bundle_id))


MARKS = (
    {"text": "0912 345 678", "kind": "phone", "keep": False, "why": ""},
    {"text": "Nguyễn Thị Hoa", "kind": "name", "keep": False, "why": ""},
    {"text": "Trần Văn Minh", "kind": "name", "keep": False, "why": ""},
    {"text": "0987654321", "kind": "phone", "keep": False, "why": ""},
    {"text": "số 12 đường Lê Lợi", "kind": "address", "keep": False, "why": ""},
    {"text": "0000 1234 5678", "kind": "account", "keep": True, "why": "tài khoản nhận tiền"},
)


def confirmed(**changes: Any) -> Confirmed:
    made = Confirmed(MARKS, ((40, 40, 160, 20),), True, "cần đối chiếu người bán", "Lan", BEGUN.isoformat())
    return replace(made, **changes)


def tools(archive: Archive, by: Authority, keys: Keys | None = None, **changes: Any) -> Tools:
    made = Tools(
        archive, Signer.load(by.of("department.pem"), str(by.of("department.key"))),
        (keys or Keys(bytes(range(32)))).unseal, recipient(by.of("liaison.pem")), ("http://tsa.example/",),
        by.of("root.pem").read_bytes(), by.stamp,
    )  # fmt: skip
    return replace(made, **changes)


def approved(records: Records, folder: Path, page: str = PAGE, text: str = TEXT) -> Referred:
    """Keep a page with its picture, take the post in, judge it, and approve its referral; no bundle is begun."""
    archive = Archive(folder / "archive")
    with archive:
        kept = {
            "page": archive.exchange([exchange(URL, page.encode(), "text/html")]),
            "css": archive.exchange([exchange("http://dien-dan.example/mau.css", CSS, "text/css")]),
            "image": archive.exchange(
                [exchange("http://dien-dan.example/anh.png", picture(32, 32), "image/png")]
            ),
            "picture": archive.resource(f"urn:fullPage:{URL}", NOW, "image/png", io.BytesIO(picture())),
            "dom": archive.resource(
                f"urn:dom:{URL}", NOW, "text/html; charset=utf-8", io.BytesIO(page.encode())
            ),
        }
    with records.write() as session:
        post_id = _post(session, kept, page, text)
    judge(records, post_id)
    with records.write() as session:
        post = session.get_one(Post, post_id)
        case = session.query(Case).filter_by(post_id=post_id).one()
        _picture(session, post, kept)
    hoa, minh, lead = (
        person(records, login, role)
        for login, role in (("hoa", Role.REVIEWER), ("minh", Role.REVIEWER), ("tâm", Role.LEAD))
    )
    liaison = person(records, "lan", Role.LIAISON)
    proposed = propose(records, hoa, case)
    look_blind(records, minh)
    with records.write() as session:
        at = NOW + timedelta(minutes=10)
        referrals.approve(session, lead, proposed.id, proposed.evidence_sha256, proposed.policy, at)
    return Referred(records, archive, proposed.id, 0, liaison, lead)


def referred(records: Records, folder: Path, page: str = PAGE, text: str = TEXT) -> Referred:
    """Approve a referral, confirm what is masked, and begin its bundle."""
    made = approved(records, folder, page, text)
    with records.write() as session:
        referral = session.get_one(Referral, made.referral_id)
        session.add(
            Redaction(
                referral_id=referral.id, evidence_sha256=referral.evidence_sha256, marks=list(MARKS),
                boxes=[[40, 40, 160, 20]], images=True, original_reason="", user_id=made.liaison.id, at=BEGUN,
            )
        )  # fmt: skip
        session.flush()
        return replace(made, bundle_id=keeping.begin(session, referral, made.liaison.id, BEGUN).id)


def _post(session: Session, kept: dict[str, Stored], page: str, text: str) -> int:
    import hashlib

    source = Source(
        name="Diễn đàn",
        kind="forum",
        url="http://dien-dan.example/",
        legal_basis="trang công khai",
        added_at=NOW,
    )
    session.add(source)
    session.flush()
    capture = Capture(
        source_id=source.id, url=URL, at=NOW, status=200, media_type="text/html",
        sha256=hashlib.sha256(page.encode()).hexdigest(), detail={"ip": "192.0.2.7", "robots": {"allowed": True}},
        **_at(kept["page"]),
    )  # fmt: skip
    session.add(capture)
    session.flush()
    post = Incoming(
        key=f"{URL}#1", kind=PostKind.FORUM, text=clean(text), capture_id=capture.id, published_at=NOW,
        handle="nguoi_ban", url=URL,
    )  # fmt: skip
    (accepted,) = accept(session, source.id, [post], Keys(bytes(range(32))), NOW)
    return accepted.post_id


def _picture(session: Session, post: Post, kept: dict[str, Stored]) -> None:
    resources = [
        {
            "url": f"http://dien-dan.example/{name}",
            "warc": one.warc,
            "offset": one.offset,
            "length": one.length,
        }
        for name, one in (("mau.css", kept["css"]), ("anh.png", kept["image"]))
    ]
    page = session.get_one(Capture, post.capture_id)
    page.detail = {**page.detail, "resources": resources, "browser": "Chromium 140"}
    shots = [
        Capture(
            source_id=post.source_id, url=f"urn:{kind}:{URL}", at=NOW, media_type=media, sha256=kept[name].sha256,
            detail={"of": URL, "page": page.id}, **_at(kept[name]),
        )
        for kind, name, media in (("fullPage", "picture", "image/png"), ("dom", "dom", "text/html; charset=utf-8"))
    ]  # fmt: skip
    session.add_all(shots)
    session.flush()
    session.add(Rendering(post_id=post.id, at=NOW, picture_id=shots[0].id, document_id=shots[1].id))
    session.flush()


def _at(stored: Stored) -> dict[str, Any]:
    return {"warc": stored.warc, "offset": stored.offset, "length": stored.length}
