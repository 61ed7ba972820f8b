"""The JSON API over real records: what each role may do, what a late or doubled request meets."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from review_ui.app import create_app
from store import audit
from store.tables import Decision, Event, Post
from store.vocabulary import Role
from store.work_tables import Task
from tests.api.conftest import House
from tests.factory import NOW

Take = Callable[[], dict[str, Any]]


def test_a_case_is_decided_from_queue_to_audit_log(house: House, reviewer: TestClient, take: Take) -> None:
    given = take()
    answer = reviewer.post(
        f"/api/v1/cases/{given['case_id']}/decide",
        json={**given, "outcome": "dismiss", "reason": "không gây hại"},
    )
    assert answer.status_code == 200
    case = reviewer.get(f"/api/v1/cases/{given['case_id']}").json()
    assert case["state"] == "decided"
    assert case["decisions"][0]["snapshot_sha256"] == answer.json()["snapshot_sha256"]
    log = (
        house.signed_in(Role.AUDITOR)
        .get("/api/v1/audit", params={"subject": f"case:{given['case_id']}"})
        .json()
    )
    assert [e["action"] for e in log] == ["case.decided", "case.leased", "case.opened"]
    verdict = house.signed_in(Role.AUDITOR).get("/api/v1/audit/verify").json()
    assert verdict["ok"]


def test_a_late_or_doubled_decision_is_a_conflict_and_records_nothing(
    house: House, reviewer: TestClient, take: Take
) -> None:
    given = take()
    url = f"/api/v1/cases/{given['case_id']}/decide"
    house.clock.later(minutes=11)
    late = reviewer.post(url, json={**given, "outcome": "dismiss", "reason": "không gây hại"})
    assert late.status_code == 409
    assert late.headers["Content-Type"] == "application/problem+json"
    given = take()
    url = f"/api/v1/cases/{given['case_id']}/decide"
    twice = [
        reviewer.post(url, json={**given, "outcome": "dismiss", "reason": "không gây hại"}).status_code
        for _ in range(2)
    ]
    assert twice == [200, 409]
    with house.desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


def test_undo_works_for_thirty_seconds(house: House, reviewer: TestClient, take: Take) -> None:
    given = take()
    made = reviewer.post(
        f"/api/v1/cases/{given['case_id']}/decide",
        json={**given, "outcome": "dismiss", "reason": "không gây hại"},
    ).json()
    house.clock.later(seconds=31)
    assert reviewer.post(f"/api/v1/decisions/{made['id']}/undo").status_code == 409
    house.clock.later(seconds=-20)
    assert reviewer.post(f"/api/v1/decisions/{made['id']}/undo").json()["case_id"] == given["case_id"]


def test_escalate_skip_release_and_renew(house: House, reviewer: TestClient, take: Take) -> None:
    given = take()
    case = given["case_id"]
    assert reviewer.post(f"/api/v1/cases/{case}/renew", json=given).status_code == 200
    assert reviewer.post(f"/api/v1/cases/{case}/release", json=given).status_code == 204
    given = take()
    assert reviewer.post(f"/api/v1/cases/{case}/escalate", json={**given, "reason": "  "}).status_code == 422
    assert (
        reviewer.post(f"/api/v1/cases/{case}/escalate", json={**given, "reason": "xem giúp"}).status_code
        == 204
    )
    given = take()
    skip = reviewer.post(f"/api/v1/cases/{given['case_id']}/skip", json={**given, "reason": "để sau"})
    assert skip.status_code == 204
    assert house.signed_in(Role.LEAD).get("/api/v1/lanes").json()["escalated"] == 1


READ = {
    "/api/v1/me",
    "/api/v1/lanes",
    "/api/v1/queue",
    "/api/v1/cases/1",
    "/api/v1/search",
    "/api/v1/sources",
    "/api/v1/runs",
}
REVIEW = {"/api/v1/lanes/all/next": {}, "/api/v1/cases/3/lease": {}}
AUDIT = {"/api/v1/audit", "/api/v1/audit/verify", "/api/v1/captures/1?reason=x"}
REVIEWERS = {Role.REVIEWER, Role.LEAD, Role.ADMIN}
AUDITORS = {Role.LEAD, Role.AUDITOR, Role.ADMIN}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_reaches_what_its_line_says_and_nothing_else(house: House, role: Role) -> None:
    client = house.signed_in(role)
    for path in READ:
        assert client.get(path).status_code == 200, path
    for path in REVIEW:
        assert (client.post(path, json={}).status_code == 200) == (role in REVIEWERS), path
    for path in AUDIT:
        assert client.get(path).status_code == (200 if role in AUDITORS else 403), path
    assert client.get("/people").status_code == (200 if role == Role.ADMIN else 403)
    assert client.get("/audit").status_code == (200 if role in AUDITORS else 403)
    reopen = client.post("/api/v1/cases/1/reopen", json={"reason": "x"})
    assert (reopen.status_code == 403) == (role not in {Role.LEAD, Role.ADMIN})


def test_nobody_reads_anything_without_signing_in(house: House) -> None:
    client = house.client()
    for path in (*READ, *AUDIT, "/api/openapi.json"):
        assert client.get(path).status_code == 401, path
    for path in ("/", "/queue", "/search", "/sources", "/audit", "/people", "/settings", "/cases/1"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/sign-in"), path


def test_looking_at_a_capture_leaves_a_trace(house: House) -> None:
    auditor = house.signed_in(Role.AUDITOR)
    assert auditor.get("/api/v1/captures/1").status_code == 422  # no reason, no look
    auditor.get("/api/v1/captures/1?reason=kiểm tra tháng")
    with house.desk.records.read() as session:
        last = session.scalars(select(Event).order_by(Event.id.desc())).first()
        assert last is not None
        assert (last.action, last.subject) == ("capture.read", "capture:1")
        assert audit.verify(session).ok


def test_the_author_is_in_no_answer_and_no_schema(house: House) -> None:
    client = house.signed_in(Role.ADMIN)
    with house.desk.records.read() as session:
        post = session.scalars(select(Post)).first()
        assert post is not None
        assert post.author
        pseudonym = post.author
    cases = [f"/api/v1/cases/{n}" for n in range(1, 5)]
    pages = ["/", "/queue", "/search?q=toi", "/sources", "/audit", "/cases/1"]
    for path in [*READ, *AUDIT, *cases, *pages, "/api/openapi.json"]:
        text = client.get(path).text
        assert pseudonym not in text, path
        assert "tên_người_viết" not in text, path
    described = client.get("/api/openapi.json").text
    assert '"author"' not in described
    assert '"author_' not in described


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/cases/999", 404),
        ("POST", "/api/v1/cases/999/lease", 404),
        ("GET", "/api/v1/cases/x", 422),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/search?limit=9999", 422),
        ("GET", "/api/v1/search?order=author", 422),
        ("DELETE", "/api/v1/cases/1", 405),
        ("POST", "/api/v1/decisions/999/undo", 403),
    ],
)
def test_errors_are_problem_documents_in_vietnamese(
    reviewer: TestClient, method: str, path: str, status: int
) -> None:
    answer = reviewer.request(method, path)
    assert answer.status_code == status
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_is_too_large_is_refused(reviewer: TestClient) -> None:
    assert reviewer.post("/api/v1/cases/1/skip", content=b"x" * 1_100_000).status_code == 413


def test_a_length_in_digits_that_are_no_number_is_refused(reviewer: TestClient) -> None:
    headers = {"Content-Length": "²".encode("latin-1")}
    assert reviewer.post("/api/v1/cases/1/skip", content=b"x", headers=headers).status_code == 413


def test_a_body_of_unknown_length_is_refused(reviewer: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        yield b"x"

    assert reviewer.post("/api/v1/cases/1/skip", content=endless()).status_code == 411


def test_a_day_without_a_zone_is_a_day_in_vietnam(reviewer: TestClient) -> None:
    # All posts here are of 10:00 in Vietnam, which is 03:00 UTC.
    def total(**asked: str) -> int:
        return int(reviewer.get("/api/v1/search", params=asked).json()["total"])

    assert total(since="2026-11-20T10:00:00") == total() > 0
    assert total(since="2026-11-20T10:00:01") == 0
    assert total(until="2026-11-20T10:00:00") == 0


def test_every_answer_carries_the_security_headers(house: House) -> None:
    client = house.signed_in(Role.ADMIN)
    for path in (
        "/",
        "/sign-in",
        "/static/desk.css",
        "/vendor/htmx.min.js",
        "/healthz",
        "/api/v1/queue",
        "/nothing",
        "/api/v1/x",
    ):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert ("no-store" in headers["Cache-Control"]) != path.startswith(("/static", "/vendor"))


def test_search_answers_as_the_engine_does(reviewer: TestClient) -> None:
    found = reviewer.get("/api/v1/search", params={"q": "khoi han"}).json()
    assert found["total"] >= 1
    hit = found["hits"][0]
    start, end = hit["highlights"][0]
    assert hit["snippet"][start:end].lower() in {"khỏi", "hẳn", "khỏi hẳn"}
    flagged = reviewer.get("/api/v1/search", params={"flagged": "true", "limit": 1}).json()
    assert flagged["total"] == flagged["facets"]["flagged"]["true"]


def test_health_and_metrics_tell_the_machine(house: House, tmp_path: Any) -> None:
    client = house.client()
    assert client.get("/healthz").json() == {"ok": True, "records": "ok", "search": "ok"}
    metrics = client.get("/metrics").text
    assert f"kiemtin_posts {15}.0" in metrics
    assert 'kiemtin_cases{state="queued"}' in metrics
    assert 'kiemtin_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in metrics
    current = tmp_path / "search" / "current"
    current.write_text("index-gone")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["search"]) == (200, "no answer"), (
        "without search, reviewing goes on"
    )


def test_metrics_are_for_this_machine_only(house: House) -> None:
    from review_ui.app import create_app

    far = TestClient(create_app(house.desk), client=("203.0.113.9", 50000))
    assert far.get("/metrics").status_code == 403
    assert far.get("/healthz").status_code == 200
    near = house.client()
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert near.get("/metrics", headers={header: "203.0.113.9"}).status_code == 403, header


def test_who_holds_the_token_may_read_the_metrics_from_anywhere(house: House) -> None:
    from dataclasses import replace

    from review_ui.app import create_app

    app = create_app(replace(house.desk, metrics_token="secret"))
    far = TestClient(app, client=("203.0.113.9", 50000))
    assert far.get("/metrics").status_code == 403
    assert far.get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 403
    assert far.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_parked_work_is_shown_and_only_the_lead_retries_or_discards_it(house: House) -> None:
    with house.desk.records.write() as session:
        for i in (1, 2):
            session.add(
                Task(kind="score", subject_id=i, owed_at=NOW, due_at=NOW, attempts=5, error="hỏng hẳn")
            )
    reviewer, lead = house.signed_in(), house.signed_in(Role.LEAD)
    seen = reviewer.get("/api/v1/work").json()
    assert seen["queues"]["score"]["parked"] == 2
    first, second = [one["id"] for one in seen["parked"]]
    assert seen["parked"][0]["error"] == "hỏng hẳn"
    assert "hỏng hẳn" in reviewer.get("/work").text
    assert reviewer.post(f"/api/v1/work/{first}/retry").status_code == 403
    assert lead.post(f"/api/v1/work/{first}/retry").status_code == 200
    assert lead.post(f"/api/v1/work/{first}/retry").status_code == 404
    assert lead.post(f"/api/v1/work/{second}/discard").status_code == 200
    with house.desk.records.read() as session:
        (task,) = session.scalars(select(Task).where(Task.kind == "score"))
        assert (task.id, task.attempts) == (first, 0)
        actions = set(session.scalars(select(Event.action)))
        assert {"task.retried", "task.discarded"} <= actions


def test_posts_like_the_one_of_a_case_are_shown(house: House) -> None:
    client = house.signed_in()
    case_id = client.get("/api/v1/queue").json()[0]["case_id"]
    found = client.get(f"/api/v1/cases/{case_id}/similar")
    assert found.status_code == 200
    assert all(one["hit"]["post_id"] for one in found.json())
    assert client.get(f"/cases/{case_id}/similar").status_code == 200
    assert client.get("/api/v1/cases/999/similar").status_code == 404


def test_an_application_that_is_let_go_is_gone(house: House) -> None:
    app = create_app(house.desk)
    assert TestClient(app, base_url="http://desk.example").get("/api/openapi.json").status_code == 401
    left = weakref.ref(app)
    del app
    gc.collect()
    assert left() is None
