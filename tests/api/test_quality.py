"""Readings, adjudication and complaints through the API and on the pages, by people of every role."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from kiemtin import given_policy
from review import drawing
from review.drawing import Sampling
from store.vocabulary import Role
from tests.api.conftest import PASSWORD, House, sign_in
from tests.factory import NOW
from tests.joined import join

OTHER = {"outcome": "protected", "act": "question", "harms": [], "reason": "chỉ là câu hỏi"}
LETTER = {
    "kind": "complaint",
    "reference": "142/ĐT",
    "received_on": "2026-11-20",
    "said": "Bài tôi <b>hỏi</b>.",
}


@pytest.fixture
def open_house(house: House) -> House:
    """The house with a policy in force and two more reviewers, minh and tam."""
    given_policy.begin(house.desk.records, None)
    for login in ("minh", "tam"):
        with house.desk.records.write() as session:
            join(session, login, Role.REVIEWER, PASSWORD)
    return house


def as_(house: House, login: str) -> TestClient:
    """Return the browser of a person, signed in once an hour of the house's clock: hashing takes long."""
    opened: dict[Any, TestClient] = house.__dict__.setdefault("opened", {})
    key = (login, house.clock.now.date(), house.clock.now.hour)
    if key not in opened:
        opened[key] = house.client()
        assert sign_in(opened[key], login, PASSWORD) == 200
    return opened[key]


def decide(client: TestClient, outcome: str = "report") -> dict[str, Any]:
    """Decide the next case; return its id and the text that was seen."""
    lease = client.post("/api/v1/lanes/all/next").json()
    path = f"/api/v1/cases/{lease['case_id']}"
    seen = client.get(path).json()["content_hash"]
    sent = {
        "version": lease["version"],
        "token": lease["token"],
        "seen": seen,
        "outcome": outcome,
        "reason": "hại",
    }
    assert client.post(f"{path}/decide", json=sent).status_code == 200
    return {"case": lease["case_id"], "seen": seen}


def draw(house: House, second: float = 0.0, golden: float = 0.0) -> None:
    sampling = Sampling(house.place.keys.lot, second, golden)
    house.clock.later(minutes=1)
    with house.desk.records.write() as session:
        drawing.draw(session, sampling, house.clock())


def get(client: TestClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, path
    return answer.text


def disputed(house: House) -> dict[str, Any]:
    """Let reviewer and minh read one case differently."""
    one = decide(as_(house, "reviewer"))
    draw(house, second=1)
    minh = as_(house, "minh")
    assert [row["id"] for row in minh.get("/api/v1/second-reviews").json()] == [one["case"]]
    text = minh.get(f"/api/v1/second-reviews/{one['case']}").json()
    assert text["seen"] == one["seen"]
    assert "outcome" not in text
    assert minh.get(f"/api/v1/cases/{one['case']}").json()["decisions"] == []
    sent = {**OTHER, "seen": one["seen"]}
    path = f"/api/v1/second-reviews/{one['case']}"
    assert as_(house, "reviewer").post(path, json=sent).status_code == 403
    assert minh.post(path, json={**sent, "act": "lạ"}).status_code == 422
    assert minh.post(path, json=sent).status_code == 204
    assert minh.post(path, json=sent).status_code == 403
    return one


def test_a_dispute_is_settled_and_its_case_shown_again_to_somebody_new(open_house: House) -> None:
    one = disputed(open_house)
    lead = as_(open_house, "lead")
    (row,) = lead.get("/api/v1/adjudications").json()
    path = f"/api/v1/adjudications/{row['id']}"
    assert {(side["reading"]["outcome"], side["name"]) for side in lead.get(path).json()["sides"]} == {
        ("report", ""),
        ("protected", ""),
    }
    assert "Reviewer" not in get(lead, f"/adjudication/{row['id']}")
    assert "Minh" not in get(lead, "/adjudication")
    page = f"/adjudication/{row['id']}"
    said = {"csrf": lead.headers["X-CSRF-Token"], "outcome": "correct", "reason": "đã xem kỹ"}
    missing = lead.post(f"{page}/settle", data=said)
    assert (missing.status_code, "đã xem kỹ" in missing.text, "đính chính" in missing.text) == (
        422,
        True,
        True,
    )
    assert (
        lead.post(f"{page}/settle", data={**said, "outcome": "protected", "act": "question"}).status_code
        == 303
    )
    assert {side["name"] for side in lead.get(path).json()["sides"]} == {"Reviewer", "Minh"}
    assert "Reviewer" in get(lead, page)
    assert lead.post(f"{path}/settle", json={"outcome": "dismiss", "reason": "x"}).status_code == 409
    assert lead.post(f"{page}/golden", data=said).status_code == 303
    assert lead.get(path).json()["golden_id"] == 1
    outcomes = [made["outcome"] for made in lead.get(f"/api/v1/cases/{one['case']}").json()["decisions"]]
    assert outcomes == ["protected", "report"]
    require_known(open_house, one)


def require_known(house: House, one: dict[str, Any]) -> None:
    tam, lead = as_(house, "tam"), as_(house, "lead")
    decide(tam, "dismiss")
    draw(house, golden=1)
    assert [row["id"] for row in tam.get("/api/v1/second-reviews").json()] == [one["case"]]
    sent = {**OTHER, "seen": one["seen"]}
    assert tam.post(f"/api/v1/second-reviews/{one['case']}", json=sent).status_code == 204
    (known,) = lead.get("/api/v1/golden").json()
    assert (known["answered"], known["right"], known["retired_at"]) == (1, 1, None)
    house.clock.later(days=7)  # what a week brought shows when it is over
    mine = as_(house, "tam").get("/api/v1/quality").json()
    assert (mine["own"]["known"]["same"], mine["own"]["decisions"], mine["people"]) == (1, 1, None)
    lead = as_(house, "lead")
    people = {row["name"]: row for row in lead.get("/api/v1/quality").json()["people"]}
    assert (people["Minh"]["right"], people["Reviewer"]["right"], people["Reviewer"]["settled"]) == (1, 0, 1)
    shown = get(lead, "/quality")
    assert "Minh" in shown
    assert "Từng người duyệt" in shown
    retire = {"csrf": lead.headers["X-CSRF-Token"], "reason": "đã cũ"}
    assert lead.post("/quality/golden/1/retire", data=retire).status_code == 303
    assert lead.post("/api/v1/golden/1/retire", json={"reason": "x"}).status_code == 404
    assert "đã cũ" in get(lead, "/quality")
    require_private(house)


def require_private(open_house: House) -> None:
    reviewer = as_(open_house, "reviewer")
    assert "Minh" not in get(reviewer, "/quality")
    assert reviewer.get("/api/v1/quality").json()["own"]["name"] == "Reviewer"
    for role in (Role.AUDITOR, Role.LIAISON):
        answer = as_(open_house, role).get("/api/v1/quality").json()
        assert (answer["own"], answer["people"], answer["desk"]["all"]["pairs"]) == (None, None, 1)
        assert "Reviewer" not in get(as_(open_house, role), "/quality")
    for path in ("/api/v1/adjudications", "/api/v1/adjudications/1", "/api/v1/golden"):
        assert reviewer.get(path).status_code == 403
        assert as_(open_house, "auditor").get(path).status_code == 403
    get(reviewer, "/adjudication", 403)
    get(as_(open_house, "lead"), "/adjudication/99", 404)


def test_a_letter_is_typed_in_given_to_somebody_else_read_and_answered(open_house: House) -> None:
    require_words_where_nothing_is(as_(open_house, "lead"))
    one = decide(as_(open_house, "reviewer"))
    tam, lead, minh = (as_(open_house, login) for login in ("tam", "lead", "minh"))
    assert f"/complaints/new?case={one['case']}" in get(tam, f"/cases/{one['case']}")
    form = {"csrf": tam.headers["X-CSRF-Token"], "case": str(one["case"]), **LETTER}
    for wrong in ({"case": "99"}, {"received_on": ""}, {"said": " "}):
        answer = tam.post("/complaints/new", data={**form, **wrong})
        assert (answer.status_code in {404, 422}, "142/ĐT" in answer.text) == (True, True), wrong
    assert tam.post("/complaints/new", data=form).headers["Location"] == "/complaints/1"
    assert tam.post("/api/v1/complaints", json={**LETTER, "case_id": one["case"]}).status_code == 409
    shown = lead.get("/api/v1/complaints/1").json()
    assert "Reviewer" not in {row["name"] for row in shown["candidates"]}
    to = {row["name"]: row["id"] for row in shown["candidates"]}["Minh"]
    assert tam.post("/api/v1/complaints/1/assign", json={"to": to}).status_code == 403
    csrf = {"csrf": lead.headers["X-CSRF-Token"]}
    assert lead.post("/complaints/1/assign", data={**csrf, "to": to}).status_code == 303
    require_blind(minh, one["case"])
    require_answer(open_house, minh, one)
    require_late(open_house)


def require_blind(minh: TestClient, case: int) -> None:
    page = get(minh, "/complaints/1")
    assert "Bài tôi &lt;b&gt;hỏi&lt;/b&gt;." in page
    assert "Quyết định bị khiếu nại" not in page
    assert minh.get("/api/v1/complaints/1").json()["decided"] is None
    assert minh.get(f"/api/v1/cases/{case}").json()["decisions"] == []
    assert minh.get("/api/v1/second-reviews").json() == []


def require_answer(house: House, minh: TestClient, one: dict[str, Any]) -> None:
    said = {"csrf": minh.headers["X-CSRF-Token"], **OTHER, "seen": one["seen"]}
    assert minh.post("/complaints/1/answer", data={**said, "act": ""}).status_code == 422
    assert minh.post("/complaints/1/answer", data={**said, "reason": ""}).status_code == 422
    assert as_(house, "tam").post("/complaints/1/answer", data=said).status_code == 403
    assert minh.post("/complaints/1/answer", data=said).status_code == 303
    lead = as_(house, "lead")
    assert lead.get("/api/v1/complaints/1").json()["state"] == "disputed"
    (row,) = lead.get("/api/v1/adjudications").json()
    assert "hỏi&lt;/b&gt;" in get(lead, f"/adjudication/{row['id']}")
    settled = {"outcome": "protected", "reason": "đúng là câu hỏi", "act": "question"}
    assert lead.post(f"/api/v1/adjudications/{row['id']}/settle", json=settled).status_code == 200
    auditor = as_(house, "auditor")
    (ended,) = auditor.get("/api/v1/complaints?closed=true").json()
    assert (ended["state"], ended["answer"]) == ("changed", "đúng là câu hỏi")
    assert "đúng là câu hỏi" in get(auditor, "/complaints/1")
    assert "142/ĐT" in get(auditor, "/complaints?closed=true")
    for path in (
        "/complaints",
        "/complaints/1",
        "/complaints/new",
        "/api/v1/complaints",
        "/api/v1/complaints/1",
    ):
        get(as_(house, "liaison"), path, 403)


def require_late(open_house: House) -> None:
    one = decide(as_(open_house, "tam"))
    old = {
        **LETTER,
        "case_id": one["case"],
        "received_on": str((NOW - timedelta(days=31)).date()),
        "reference": "7",
    }
    lead = as_(open_house, "lead")
    assert lead.post("/api/v1/complaints", json=old).status_code == 201
    assert "late" in get(lead, "/complaints")
    csrf = {"csrf": lead.headers["X-CSRF-Token"], "reason": "đã rút"}
    assert lead.post("/complaints/2/withdraw", data=csrf).status_code == 303
    assert lead.post("/api/v1/complaints/2/withdraw", json={"reason": "x"}).status_code == 409
    assert lead.get("/api/v1/complaints").json() == []


def require_words_where_nothing_is(lead: TestClient) -> None:
    for path, words in (
        ("/quality", "Chưa có bài nào được đọc lại"),
        ("/adjudication", "Không có gì chờ phân xử"),
        ("/adjudication?settled=true", "Chưa phân xử việc nào"),
        ("/complaints", "Không có đơn nào đang chờ"),
        ("/complaints?closed=true", "Chưa trả lời đơn nào"),
    ):
        assert words in get(lead, path)
