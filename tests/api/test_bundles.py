"""The way of a bundle through API and pages: masked, built, taken away, acknowledged, recalled; and who may."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.auth import COOKIE
from api.bundle_work import Works
from api.bundles import Shelf
from api.desk import Desk
from evidence.build import Tools
from evidence.sign import read_certificates
from evidence.stamp import NotStamped
from evidence.verify import Anchors, State, verify
from kiemtin.demo_authority import Authority, authority
from review.permissions import Person
from review_ui.app import create_app
from store import audit
from store.bundle_tables import Bundle, BundleState
from store.records import Records
from store.tables import Event, Referral, UserSession
from store.vocabulary import Role
from tests.evidence.made import BEGUN, Referred, approved, tools
from tests.factory import NoEngine, person


class Room:
    """An application over an approved referral, with an authority of its own."""

    def __init__(self, records: Records, folder: Path, own: Authority) -> None:
        self.records, self.folder, self.own = records, folder, own
        self.referred: Referred = approved(records, folder)
        self.number = self.referred.referral_id
        self.tools: Tools = tools(self.referred.archive, own)
        shelf = Shelf(folder / "bundles", lambda: self.tools)
        self.desk = Desk(
            records,
            NoEngine(),
            self.referred.archive,
            shelf=shelf,
            clock=lambda: BEGUN,  # type: ignore[arg-type]
        )
        self.app = create_app(self.desk)

    def client(self, role: Role) -> TestClient:
        """Return a browser of somebody of a role, signed in without a password: those cost time on purpose."""
        who = {Role.LIAISON: self.referred.liaison, Role.LEAD: self.referred.lead}.get(role)
        number = who.id if who else person(self.records, f"{role.value}.api", role).id
        token = secrets.token_urlsafe(16)
        with self.records.write() as session:
            session.add(
                UserSession(
                    token_sha256=hashlib.sha256(token.encode()).hexdigest(), user_id=number, csrf=token,
                    created_at=BEGUN, seen_at=BEGUN, expires_at=BEGUN + timedelta(days=1),
                )
            )  # fmt: skip
        client = TestClient(self.app, base_url="http://desk.example", follow_redirects=False)
        client.cookies.set(COOKIE, token)
        client.headers["X-CSRF-Token"] = token
        return client

    def masked(self, client: TestClient, **changes: object) -> int:
        seen = client.get(f"/api/v1/bundles/{self.number}/masking").json()
        marks = [{"text": one["text"], "kind": one["kind"]} for one in seen["proposals"]]
        given = {"evidence": seen["evidence"], "marks": marks, "boxes": [[1, 2, 30, 40]], **changes}
        return client.post(f"/api/v1/bundles/{self.number}/masking", json=given).status_code

    def build(self, client: TestClient) -> dict[str, object]:
        answer = client.post(f"/api/v1/bundles/{self.number}/build")
        assert answer.status_code == 202, answer.text
        works: Works = self.app.state.bundles
        works.wait(self.number)
        found: dict[str, object] = client.get(f"/api/v1/bundles/{self.number}").json()
        return found


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def room(sqlite: Records, tmp_path: Path, own: Authority) -> Room:
    return Room(sqlite, tmp_path, own)


def test_an_approved_referral_is_masked_built_taken_acknowledged_and_recalled(
    room: Room, tmp_path: Path
) -> None:
    liaison, lead = room.client(Role.LIAISON), room.client(Role.LEAD)
    assert [one["referral_state"] for one in liaison.get("/api/v1/bundles").json()] == ["approved"]
    seen = liaison.get(f"/api/v1/bundles/{room.number}/masking").json()
    kinds = {one["text"]: one["kind"] for one in seen["proposals"]}
    assert kinds["0912 345 678"] == "phone"
    assert kinds["0000 1234 5678"] == "account"
    assert kinds["Nguyễn Thị Hoa"] == "name"
    assert kinds["Trần Văn Minh"] == "name"
    assert liaison.post(f"/api/v1/bundles/{room.number}/build").status_code == 409
    assert liaison.get(f"/api/v1/bundles/{room.number}/picture").content.startswith(b"\x89PNG")
    assert room.masked(liaison, original_reason="cần đối chiếu") == 204
    built = room.build(liaison)
    assert (built["state"], built["referral_state"], built["error"]) == ("built", "exported", "")
    file = tmp_path / "got.zip"
    file.write_bytes(liaison.get(f"/api/v1/bundles/{room.number}/file").content)
    root = read_certificates(room.own.of("root.pem"))
    verdict = verify(file, Anchors(root, root))
    assert (verdict.state, verdict.manifest_sha256) == (State.SOUND, built["manifest_sha256"])
    assert liaison.post(f"/api/v1/bundles/{room.number}/receipt", json={"receipt": "  "}).status_code == 422
    said = liaison.post(f"/api/v1/bundles/{room.number}/receipt", json={"receipt": "Số 45/BN"})
    assert said.status_code == 204
    assert (
        lead.post(f"/api/v1/bundles/{room.number}/recall", json={"reason": "bài đã cải chính"}).status_code
        == 204
    )
    file.write_bytes(lead.get(f"/api/v1/bundles/{room.number}/recall").content)
    notice = verify(file, Anchors(root, root))
    assert {one.state for one in notice.findings} == {State.SOUND, State.OPEN}
    with room.records.read() as session:
        referral = session.get_one(Referral, room.number)
        assert (referral.state, referral.receipt, referral.bundle_sha256) == (
            "recalled", "Số 45/BN", built["manifest_sha256"],
        )  # fmt: skip
        actions = {event.action for event in session.query(Event)}
        assert {
            "redaction.confirmed", "bundle.started", "bundle.built", "referral.exported", "bundle.downloaded",
            "referral.acknowledged", "referral.recalled", "bundle.viewed", "picture.read",
        } <= actions  # fmt: skip
        assert audit.verify(session).ok


def test_only_the_liaison_exports_and_only_a_lead_recalls(room: Room) -> None:
    paths = ("", "/masking", "/picture", "/file", "/recall")
    for role in (Role.REVIEWER, Role.AUDITOR):
        client = room.client(role)
        assert {client.get(f"/api/v1/bundles/{room.number}{path}").status_code for path in paths} == {403}
        assert client.get("/bundles").status_code == 403
        assert client.post(f"/api/v1/bundles/{room.number}/build").status_code == 403
    lead, liaison = room.client(Role.LEAD), room.client(Role.LIAISON)
    assert lead.get("/api/v1/bundles").status_code == 200
    assert lead.post(f"/api/v1/bundles/{room.number}/build").status_code == 403
    assert room.masked(liaison) == 204
    room.build(liaison)
    assert lead.get(f"/api/v1/bundles/{room.number}/file").status_code == 403
    assert liaison.post(f"/api/v1/bundles/{room.number}/recall", json={"reason": "x"}).status_code == 403
    assert liaison.get("/api/v1/bundles/999").status_code == 404


def test_what_is_kept_open_needs_a_reason_and_what_was_seen_must_be_what_is(room: Room) -> None:
    liaison = room.client(Role.LIAISON)
    kept = {"text": "0000 1234 5678", "kind": "account", "keep": True, "why": " "}
    assert room.masked(liaison, marks=[kept]) == 422
    assert room.masked(liaison, evidence="0" * 64) == 409
    assert room.masked(liaison, boxes=[[1, 2, 3]]) == 409
    assert room.masked(liaison, boxes=[[-1, 2, 3, 4]]) == 409
    assert room.masked(liaison, marks=[{**kept, "why": "tài khoản nhận tiền"}]) == 204


def test_without_a_date_it_says_so_and_gets_it_later(room: Room) -> None:
    def away(authority: str, request: bytes) -> bytes:
        raise NotStamped(f"Không hỏi được {authority}: không có mạng")

    liaison = room.client(Role.LIAISON)
    here, room.tools = room.tools, replace(room.tools, ask=away)
    assert room.masked(liaison) == 204
    built = room.build(liaison)
    (stamp,) = built["stamps"]  # type: ignore[misc]
    assert (stamp["state"], stamp["attempts"]) == ("waiting", 1)
    page = liaison.get(f"/bundles/{room.number}").text
    assert "chưa có dấu thời gian" in page
    assert "chưa có: còn chờ 1" in liaison.get("/bundles").text
    assert liaison.post("/api/v1/bundles/timestamp").json() == {"stamped": 0, "waiting": 1}
    path = room.folder / "bundles" / str(built["name"])
    root = read_certificates(room.own.of("root.pem"))
    before = verify(path, Anchors(root, root))
    assert before.state == State.OPEN
    room.tools = here
    assert liaison.post("/api/v1/bundles/timestamp").json() == {"stamped": 1, "waiting": 0}
    after = verify(path, Anchors(root, root))
    assert (after.state, after.manifest_sha256) == (State.SOUND, before.manifest_sha256)
    size = liaison.get(f"/api/v1/bundles/{room.number}").json()["size"]
    assert size == path.stat().st_size


def test_a_build_that_was_cut_off_goes_on_and_one_that_fails_leaves_the_referral_approved(room: Room) -> None:
    liaison = room.client(Role.LIAISON)
    assert room.masked(liaison) == 204
    whole, room.tools = (
        room.tools,
        replace(room.tools, archive=type(room.tools.archive)(room.folder / "none")),
    )
    failed = room.build(liaison)
    assert (failed["state"], failed["referral_state"]) == ("building", "approved")
    assert "Không thấy tệp" in str(failed["error"])
    assert "Không thấy tệp" in liaison.get(f"/bundles/{room.number}").text
    assert not list((room.folder / "bundles").glob("*.zip"))
    with room.records.read() as session:
        begun = session.query(Bundle).one()
    room.tools = whole
    assert room.build(liaison)["state"] == "built"
    with room.records.read() as session:
        done = session.query(Bundle).one()
    assert (done.id, done.started_at, done.upto, done.state) == (
        begun.id, begun.started_at, begun.upto, BundleState.BUILT,
    )  # fmt: skip


def test_an_approval_that_lapsed_meanwhile_exports_nothing(room: Room) -> None:
    from api import bundles
    from review.referral_errors import ApprovalExpired

    assert room.masked(room.client(Role.LIAISON)) == 204
    who = room.referred.liaison
    moments = iter([BEGUN, BEGUN.replace(year=2027)])
    with pytest.raises(ApprovalExpired):
        bundles.export(
            room.records, Person(who.id, who.role), room.number, room.desk.shelf, lambda: next(moments)
        )  # type: ignore[arg-type]
    with room.records.read() as session:
        assert session.get_one(Referral, room.number).state == "approved"
        assert session.query(Bundle).one().state == BundleState.BUILDING
    assert not list((room.folder / "bundles").glob("*.zip"))


def test_the_pages_mask_build_and_recall_without_script(room: Room) -> None:
    liaison, lead = room.client(Role.LIAISON), room.client(Role.LEAD)
    page = liaison.get(f"/bundles/{room.number}").text
    assert "0912 345 678" in page
    assert "nguoi_ban" not in page
    with room.records.read() as session:
        evidence = session.get_one(Referral, room.number).evidence_sha256
    form = {
        "csrf": liaison.headers["X-CSRF-Token"], "evidence": evidence, "text-0": "0912 345 678", "kind-0": "phone",
        "do-0": "mask", "text-1": "0000 1234 5678", "kind-1": "account", "do-1": "keep", "why-1": "nhận tiền",
        "more": "Lê Lợi\n\n", "boxes": "1 2 30 40\n", "images": "on", "original_reason": "",
    }  # fmt: skip
    assert liaison.post(f"/bundles/{room.number}/masking", data={**form, "boxes": "1 2 x"}).status_code == 409
    assert liaison.post(f"/bundles/{room.number}/masking", data=form).status_code == 303
    assert "Lê Lợi" in liaison.get(f"/bundles/{room.number}").text
    assert liaison.post(f"/bundles/{room.number}/build", data={"csrf": form["csrf"]}).status_code == 303
    room.app.state.bundles.wait(room.number)
    assert liaison.get(f"/bundles/{room.number}/file").headers["content-type"] == "application/zip"
    words = {"csrf": form["csrf"], "words": "Số 45/BN"}
    assert liaison.post(f"/bundles/{room.number}/receipt", data=words).status_code == 303
    assert "Số 45/BN" in liaison.get(f"/bundles/{room.number}").text
    reason = {"csrf": lead.headers["X-CSRF-Token"], "reason": "đã cải chính"}
    assert lead.post(f"/bundles/{room.number}/recall", data=reason).status_code == 303
    assert "đã cải chính" in lead.get(f"/bundles/{room.number}").text


def test_without_a_key_to_sign_nothing_is_built_and_the_page_says_what_to_set(room: Room) -> None:
    liaison = room.client(Role.LIAISON)
    assert room.masked(liaison) == 204
    room.app.state.desk = replace(room.desk, shelf=None)
    room.app.state.bundles = Works(room.app.state.desk)
    assert liaison.post(f"/api/v1/bundles/{room.number}/build").status_code == 503
    assert "KIEMTIN_BUNDLE_CERT" in liaison.get("/bundles").text
