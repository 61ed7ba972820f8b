"""What stands beside a case, over HTTP: copies, notes, the archived page, ready words; each with its trace."""

from __future__ import annotations

import gzip
import json
import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from store.archived import Exchange
from store.inert import tamed
from store.tables import Capture, Case, Event, Post
from store.vocabulary import Role
from tests.api.conftest import FRAME, House
from tests.factory import HARMFUL, NOW

PAGE = """<!doctype html><html><head><meta http-equiv="refresh" content="0;url=https://evil.example/">
<base href="https://evil.example/"><link rel="preconnect" href="https://evil.example"><title>Bài</title>
<script>document.title = "chạy"</script></head><body><h1>Uống nước tỏi</h1>
<img src="https://evil.example/a.png"><iframe src="https://evil.example/"></iframe></body></html>"""


def events(house: House, action: str) -> list[Event]:
    with house.desk.records.read() as session:
        return list(session.scalars(select(Event).where(Event.action == action)))


def keep_page(house: House, case_id: int, body: bytes, media_type: str, **headers: str) -> int:
    """Give the post of a case an archived page; return its capture."""
    with house.desk.archive as archive, house.desk.records.write() as session:
        sent = (("Content-Type", media_type), *((k.replace("_", "-"), v) for k, v in headers.items()))
        stored = archive.exchange([Exchange(NOW, "https://forum.example/1", 200, sent, body)])
        post = session.get_one(Post, session.get_one(Case, case_id).post_id)
        capture = Capture(
            source_id=post.source_id, url="https://forum.example/1", at=NOW, media_type=media_type,
            sha256=stored.sha256, warc=stored.warc, offset=stored.offset, length=stored.length,
        )  # fmt: skip
        session.add(capture)
        session.flush()
        post.capture_id, post.url = capture.id, "https://www.facebook.com/abc/posts/1"
        return capture.id


def opened(reviewer: TestClient, case_id: int = 1) -> None:
    """Say why the originals of a case are looked at."""
    assert reviewer.post(f"/api/v1/cases/{case_id}/open", json={"reason": "thử"}).status_code == 204


def test_an_archived_page_is_shown_in_a_sandbox_and_leaves_an_event(
    house: House, reviewer: TestClient
) -> None:
    assert reviewer.get("/api/v1/cases/1/page").status_code == 404
    assert "Chưa lưu trang nào" in reviewer.get("/cases/1/kept").text
    body = gzip.compress(PAGE.encode())
    capture = keep_page(house, 1, body, "text/html; charset=utf-8", Content_Encoding="gzip")
    assert reviewer.get("/api/v1/cases/1/page").status_code == 409
    form = {"csrf": reviewer.headers["X-CSRF-Token"], "reason": "đối chiếu lời trích"}
    assert "đối chiếu" not in reviewer.get("/cases/1/kept").text
    assert "Mở bản gốc" in reviewer.get("/cases/1/kept").text
    assert reviewer.post("/cases/1/kept", data=form).status_code in {200, 303}
    assert [event.subject for event in events(house, "original.opened")] == ["case:1"]
    address = reviewer.get(f"/api/v1/cases/1/page?capture={capture}").json()["url"]
    assert address.startswith(f"{FRAME}/page?ticket=")
    assert events(house, "page.read") == []
    answer = house.framed().get(address)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert policy.endswith("; frame-ancestors http://desk.example")
    assert "Uống nước tỏi" in answer.text
    assert not {"<link", "<base", "<meta http", "<iframe"} & {
        p for p in ("<link", "<base", "<meta http", "<iframe") if p in answer.text
    }
    assert [event.subject for event in events(house, "page.read")] == ["case:1"]
    assert reviewer.get("/api/v1/cases/1/pages").json()[0]["capture_id"] == capture
    assert reviewer.get("/api/v1/cases/2/page", params={"capture": capture}).status_code == 404
    shown = reviewer.get("/cases/1/kept").text
    (framed,) = re.findall(r'sandbox credentialless src="([^"]+)"', shown)
    assert house.framed().get(framed).text == answer.text
    assert f"; frame-src {FRAME};" in reviewer.get("/cases/1/kept").headers["Content-Security-Policy"]
    assert house.signed_in(Role.AUDITOR).get("/api/v1/cases/1/page").status_code == 403


def test_what_the_archive_lost_is_said(house: House, reviewer: TestClient) -> None:
    keep_page(house, 1, PAGE.encode(), "text/html")
    for path in house.desk.archive.folder.glob("*.warc*"):
        path.unlink()
    opened(reviewer)
    answer = house.framed().get(reviewer.get("/api/v1/cases/1/page").json()["url"])
    assert answer.status_code == 409
    assert "không đọc được" in answer.text


@pytest.mark.parametrize(
    ("page", "gone"),
    [
        ("<li<link rel=x>nk rel=preconnect href=//a>b", "<link"),
        ("<LINK rel=preconnect href=//a", "preconnect"),
        ('<link title="<link rel=preconnect href=//a>">', "preconnect"),
        ("<base\nhref=//a>", "//a"),
        ("<meta http-equiv=refresh content='0;//a'>", "//a"),
    ],
)
def test_nothing_reaches_out_before_a_policy_is_asked(page: str, gone: str) -> None:
    assert gone not in tamed(page).lower()


def test_taming_takes_time_that_grows_with_the_page_alone() -> None:
    assert tamed("<link " * 300_000).strip() == ""


def test_notes_by_form_and_by_program(house: House, reviewer: TestClient) -> None:
    assert reviewer.post("/api/v1/cases/1/notes", json={"text": "hỏi trạm y tế"}).status_code == 201
    csrf = reviewer.headers["X-CSRF-Token"]
    part = reviewer.post("/cases/1/notes", data={"csrf": csrf, "text": " "}, headers={"HX-Request": "true"})
    assert "Hãy viết ghi chú" in part.text
    assert part.text.lstrip().startswith('<section id="notes"')
    assert reviewer.post("/cases/1/notes", data={"csrf": csrf, "text": "đã hỏi"}).status_code == 303
    assert [n["text"] for n in reviewer.get("/api/v1/cases/1/notes").json()] == ["hỏi trạm y tế", "đã hỏi"]
    for role in (Role.AUDITOR, Role.LIAISON):
        other = house.signed_in(role)
        assert other.get("/api/v1/cases/1/notes").status_code == 403
        assert "hỏi trạm y tế" not in other.get("/cases/1").text
        assert "hỏi trạm y tế" not in other.get("/api/v1/cases/1").text
    assert len(events(house, "note.added")) == 2


def test_copies_by_form_and_by_program(house: House, reviewer: TestClient) -> None:
    near = f"{HARMFUL[0]} Nhớ nhé!"
    house.place.take(near, keys=["gần"])
    house.place.work(house.desk.engine)
    with house.desk.records.read() as session:
        case_id = session.scalar(
            select(Case.id).join(Post, Post.cluster_id == Case.cluster_id).where(Post.key == "gần")
        )
    url = f"/api/v1/cases/{case_id}"
    (variant,) = reviewer.get(url).json()["variants"]
    assert (variant["text"], variant["standing"], variant["sources"]) == (near, "suggested", ["Nguồn thử"])
    marking = {"copy_hash": variant["content_hash"], "verdict": "same"}
    assert reviewer.post(f"{url}/copies", json=marking).status_code == 204
    assert reviewer.get(url).json()["variants"][0]["standing"] == "same"
    csrf = reviewer.headers["X-CSRF-Token"]
    form = {"csrf": csrf, "copy_hash": variant["content_hash"], "live": "yes"}
    part = reviewer.post(
        f"/cases/{case_id}/copies", data={**form, "verdict": ""}, headers={"HX-Request": "true"}
    )
    assert '<section id="copies"' in part.text
    assert "<ins>" in part.text
    assert 'id="uncovered" class="uncovered" hx-swap-oob="true"' in part.text
    assert "1 bản gần giống chưa xác nhận" in part.text
    lost = reviewer.post(
        f"/cases/{case_id}/split", data={**form, "copy_hash": "0" * 64}, headers={"HX-Request": "true"}
    )
    assert "không còn bản sao nào" in lost.text
    new = reviewer.post(f"{url}/split", json={"copy_hash": variant["content_hash"]}).json()["case_id"]
    assert reviewer.get(f"/api/v1/cases/{new}").json()["text"] == near
    assert reviewer.get("/api/v1/copies").json() == []
    assert "Không có bản sao nào chờ xem" in reviewer.get("/copies").text


def decided(reviewer: TestClient, case_id: int, **verdict: str) -> dict[str, object]:
    lease = reviewer.post(f"/api/v1/cases/{case_id}/lease").json()
    seen = reviewer.get(f"/api/v1/cases/{case_id}").json()["content_hash"]
    answer = reviewer.post(f"/api/v1/cases/{case_id}/decide", json={**lease, "seen": seen, **verdict})
    assert answer.status_code == 200, answer.text
    made: dict[str, object] = answer.json()
    return made


def test_a_report_comes_as_ready_text_that_names_nobody(house: House, reviewer: TestClient) -> None:
    with house.desk.records.read() as session:
        case_id = session.scalar(
            select(Case.id).join(Post, Post.id == Case.post_id).where(Post.text == HARMFUL[1])
        )
    assert case_id is not None
    keep_page(house, case_id, b"x", "text/html")
    assert reviewer.get(f"/api/v1/cases/{case_id}/draft").status_code == 404
    decided(reviewer, case_id, outcome="report", reason="Lừa đảo: lừa tiền")
    text = reviewer.get(f"/api/v1/cases/{case_id}/draft").text
    assert "https://www.facebook.com/abc/posts/1" in text
    assert "Lừa đảo: lừa tiền" in text
    assert "0000 1234 5678" not in text
    assert "tên_người_viết" not in text
    page = reviewer.get(f"/cases/{case_id}").text
    assert "Kính gửi bộ phận kiểm duyệt" in page
    assert "cách báo trên Facebook" in page
    assert reviewer.get(f"/api/v1/cases/{case_id}/claim-review").status_code == 404
    assert house.signed_in(Role.LIAISON).get(f"/api/v1/cases/{case_id}/draft").status_code == 403
    assert [json.loads(event.detail)["form"] for event in events(house, "draft.exported")] == ["text"]


def test_a_correction_drawn_from_a_claim_becomes_a_claim_review(house: House, reviewer: TestClient) -> None:
    from store.claims import take_shipped

    with house.desk.records.write() as session:
        take_shipped(session)
        shown = {
            case.id: post.assessment.detail["claims"]
            for case, post in session.execute(select(Case, Post).join(Post, Post.id == Case.post_id))
            if post.assessment and post.assessment.detail["claims"]
        }
    case_id, claims = next(iter(shown.items()))
    claim = claims[0]["claim_id"]
    decided(
        reviewer, case_id, outcome="correct", reason="chữa trị sai", correction="Không đúng: đã kiểm chứng.",
        claim_id=claim,
    )  # fmt: skip
    answer = reviewer.get(f"/api/v1/cases/{case_id}/claim-review")
    assert answer.headers["Content-Type"].startswith("application/ld+json")
    (review,) = answer.json()["@graph"]
    assert review["@type"] == "ClaimReview"
    assert review["reviewBody"] == "Không đúng: đã kiểm chứng."
    assert review["claimReviewed"] == claims[0]["claim"]
    assert "ĐÍNH CHÍNH" in reviewer.get(f"/api/v1/cases/{case_id}/draft").text
    other = next(case.id for case in house.place.cases() if case.id != case_id)
    decided(reviewer, other, outcome="correct", reason="chữa trị sai", correction="Không đúng.")
    refused = reviewer.get(f"/api/v1/cases/{other}/claim-review")
    assert refused.status_code == 409
    assert "Hãy dùng bản chữ" in refused.json()["detail"]
    assert len(events(house, "draft.exported")) == 2


def test_cases_alike_are_chosen_and_decided_by_form(house: House, reviewer: TestClient) -> None:
    near = f"{HARMFUL[0]} Nhớ nhé!"
    house.place.take(near, keys=["gần"])
    house.place.work(house.desk.engine)
    with house.desk.records.read() as session:
        post = session.scalars(select(Post).where(Post.key == "gần")).one()
        case_id = session.scalar(select(Case.id).where(Case.cluster_id == post.cluster_id))
    assert case_id is not None
    new = reviewer.post(f"/api/v1/cases/{case_id}/split", json={"copy_hash": post.content_hash}).json()[
        "case_id"
    ]
    assert "chưa được quyết định" in reviewer.get(f"/cases/{case_id}/alike").text
    decided(reviewer, case_id, outcome="protected", act="testimony", reason="lời kể")
    (row,) = [r for r in reviewer.get(f"/api/v1/cases/{case_id}/alike").json() if r["case_id"] == new]
    assert (
        f'value="{new}:{row["version"]}:{post.content_hash}"' in reviewer.get(f"/cases/{case_id}/alike").text
    )
    csrf = reviewer.headers["X-CSRF-Token"]
    late = {"csrf": csrf, "chosen": [f"{new}:{row['version'] + 1}:{post.content_hash}"]}
    assert "vừa thay đổi" in reviewer.post(f"/cases/{case_id}/alike", data=late).text
    assert reviewer.post(f"/cases/{case_id}/alike", data={"csrf": csrf, "chosen": ["x"]}).status_code == 422
    right = {"csrf": csrf, "chosen": [f"{new}:{row['version']}:{post.content_hash}"]}
    assert reviewer.post(f"/cases/{case_id}/alike", data=right).headers["Location"].endswith("?made=1")
    (made,) = reviewer.get(f"/api/v1/cases/{new}").json()["decisions"]
    assert (made["outcome"], made["act"]) == ("protected", "testimony")
    house.clock.now += timedelta(seconds=10)
    assert reviewer.post(f"/api/v1/decisions/{made['id']}/undo").status_code == 200
