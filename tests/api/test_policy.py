"""The page of the policy and its JSON: who sees it, what a trial says, and that only a decision switches."""

from __future__ import annotations

import hashlib
import html
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

import models
from api import policy as room
from api.auth import COOKIE
from api.desk import Desk
from classifier.policy import parse
from kiemtin import given_policy
from search.open import open_engine
from store import policies
from store.archive import Archive
from store.policy_tables import PolicySwitch
from store.records import Records
from store.tables import Assessment, Case, Event, Post, User, UserSession
from store.vocabulary import CaseState, Role, TaskKind
from store.work_tables import Task
from tests.api.conftest import Clock, House
from tests.factory import HARMFUL, HARMLESS, Place

SHIPPED = models.read_text("policy.yaml")
LOOSE = re.sub(r"(?m)^  flag: [\d.]+", "  flag: 0.9", SHIPPED).replace(parse(SHIPPED).version, "thử-2")


@dataclass
class Desked(House):
    """The application with people who are signed in by a session in the records: no password takes its time."""

    def signed_in(self, role: Role = Role.REVIEWER) -> TestClient:
        at, token = self.clock(), secrets.token_hex(8)
        with self.desk.records.write() as session:
            user = session.scalar(select(User).where(User.login == role.value))
            if user is None:
                user = User(
                    login=role.value, name=role.value.title(), role=role, password_hash="x", created_at=at
                )
                session.add(user)
                session.flush()
            digest = hashlib.sha256(token.encode()).hexdigest()
            session.add(
                UserSession(
                    token_sha256=digest, user_id=user.id, csrf="of the session", created_at=at, seen_at=at,
                    expires_at=at + timedelta(hours=1),
                )
            )  # fmt: skip
        client = self.client()
        client.cookies.set(COOKIE, token)
        client.headers["X-CSRF-Token"] = client.get("/api/v1/me").json()["csrf"]
        return client


@pytest.fixture
def house(sqlite: Records, tmp_path: Path) -> Iterator[Desked]:
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    place = Place(sqlite)
    place.take(*HARMFUL, HARMLESS)
    place.work()
    clock = Clock()
    yield Desked(Desk(sqlite, engine, Archive(tmp_path / "archive"), clock=clock), place, clock)
    engine.close()


@pytest.fixture
def recorded(house: Desked) -> Desked:
    """The desk with the shipped policy as the first in force."""
    given_policy.begin(house.desk.records, None)
    return house


def decided(house: Desked, reviewer: TestClient, outcome: str) -> int:
    """Decide the next case, and return it."""
    lease = reviewer.post("/api/v1/lanes/all/next").json()
    seen = reviewer.get(f"/api/v1/cases/{lease['case_id']}").json()["content_hash"]
    given = {
        **lease,
        "seen": seen,
        "outcome": outcome,
        "reason": "vì thế",
        "correction": "không đúng",
        "act": "opinion",
    }
    assert reviewer.post(f"/api/v1/cases/{lease['case_id']}/decide", json=given).status_code == 200
    return int(lease["case_id"])


def count(house: Desked, table: type, *where: object) -> int:
    with house.desk.records.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0  # type: ignore[arg-type]


def test_lead_auditor_and_admin_see_it_and_nobody_else(recorded: Desked) -> None:
    for role in Role:
        client = recorded.signed_in(role)
        sees = role in {Role.LEAD, Role.AUDITOR, Role.ADMIN}
        for path in ("/policy", "/policy/1", "/api/v1/policy", "/api/v1/policy/1"):
            assert client.get(path).status_code == (200 if sees else 403), (role, path)
        assert ('href="/policy"' in client.get("/queue").text) == sees
        changes = role in {Role.LEAD, Role.ADMIN}
        assert ("Thử một chính sách khác" in client.get("/policy").text) == changes
        tried = client.post("/api/v1/policy/backtest", json={"text": LOOSE})
        assert tried.status_code == (200 if changes else 403), role
        if not changes:
            given = {"text": LOOSE, "reason": "x", "seen": policies.digest(SHIPPED)}
            assert client.post("/api/v1/policy/switch", json=given).status_code == 403
            form = {"csrf": client.headers["X-CSRF-Token"], **given}
            assert client.post("/policy/switch", data=form).status_code == 403
    assert count(recorded, PolicySwitch) == 1


def test_the_page_says_the_policy_in_words_and_gives_its_text(recorded: Desked) -> None:
    lead = recorded.signed_in(Role.LEAD)
    shown = lead.get("/policy").text
    limits = parse(SHIPPED).thresholds
    for value in (limits.flag, limits.uncertain, limits.protected.any, limits.harm):
        assert f">{value:g}<".replace(".", ",") in shown
    for act in limits.protected.acts:
        assert models.labels().name(act) in shown
    assert "chính sách đầu tiên của hệ thống" in shown
    text = re.search(r'<pre class="text"[^>]*>(.*?)</pre>', lead.get("/policy/1").text, re.DOTALL)
    assert text is not None
    assert html.unescape(text.group(1)) == SHIPPED
    answer = lead.get("/api/v1/policy").json()
    assert answer["active"]["text"] == SHIPPED
    assert answer["active"]["sha256"] == policies.digest(SHIPPED)
    assert lead.get("/api/v1/policy/9").status_code == 404
    lead.cookies.set("kiemtin_language", "en")
    assert "Never flagged and never referable" in lead.get("/policy").text


def test_a_trial_changes_nothing_and_says_what_it_would_do(recorded: Desked) -> None:
    reviewer, lead = recorded.signed_in(), recorded.signed_in(Role.LEAD)
    decided(recorded, reviewer, "correct")
    decided(recorded, reviewer, "protected")
    before = count(recorded, Event), count(recorded, Assessment), count(recorded, Task)
    answer = lead.post("/api/v1/policy/backtest", json={"text": LOOSE}).json()
    assert (count(recorded, Event), count(recorded, Assessment), count(recorded, Task)) == before
    report = answer["report"]
    assert report["posts"] == answer["all_posts"] == len(HARMFUL) + 1
    assert report["flagged"]["before"]["number"] > report["flagged"]["after"]["number"]
    assert report["false_flags"]["before"] | {"low": 0, "high": 0} == {
        "number": 1, "total": 1, "share": 1.0, "low": 0, "high": 0,
    }  # fmt: skip
    assert report["false_flags"]["after"]["total"] == report["found"]["after"]["total"] == 1
    assert {one["term"]: (one["before"], one["after"]) for one in answer["differences"]} == {
        "thresholds.flag": (f"{parse(SHIPPED).thresholds.flag:g}", "0.9")
    }
    moved = {case for move in report["moves"] for case in [e["case_id"] for e in move["examples"]]}
    assert moved <= {case.id for case in recorded.place.cases()}
    csrf = {"csrf": lead.headers["X-CSRF-Token"]}
    by_text = lead.post("/policy/backtest", data={**csrf, "text": LOOSE.replace("\n", "\r\n")}).text
    by_file = lead.post("/policy/backtest", data=csrf, files={"file": ("p.yaml", LOOSE.encode())}).text
    assert by_text == by_file
    for words in (
        "Chưa có gì thay đổi",
        "Thử trên tất cả 15 bài",
        "đã quyết",
        f'href="/cases/{max(moved)}"',
        "→",
    ):
        assert words in by_text


def test_a_trial_of_many_posts_is_of_the_newest_and_says_of_how_many(
    recorded: Desked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_POSTS", 4)
    lead = recorded.signed_in(Role.LEAD)
    answer = lead.post("/api/v1/policy/backtest", json={"text": LOOSE}).json()
    assert (answer["report"]["posts"], answer["all_posts"]) == (4, 15)
    form = {"csrf": lead.headers["X-CSRF-Token"], "text": LOOSE}
    assert "4 bài gần nhất trong 15" in lead.post("/policy/backtest", data=form).text


def hidden(page: str) -> dict[str, Any]:
    """Return what the form that switches carries."""
    form = re.search(r'<form method="post" action="/policy/switch".*?</form>', page, re.DOTALL)
    assert form is not None
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.group()))
    text = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', form.group(), re.DOTALL)
    assert text is not None
    return {**fields, "text": html.unescape(text.group(1))}


def test_a_decision_with_a_reason_switches_and_owes_the_undecided_a_new_judgement(recorded: Desked) -> None:
    reviewer, lead = recorded.signed_in(), recorded.signed_in(Role.LEAD)
    case = decided(recorded, reviewer, "correct")
    given = hidden(
        lead.post("/policy/backtest", data={"csrf": lead.headers["X-CSRF-Token"], "text": LOOSE}).text
    )
    assert lead.post("/policy/switch", data={**given, "reason": " "}).status_code == 422
    assert count(recorded, PolicySwitch) == 1
    assert lead.post("/policy/switch", data={**given, "reason": "ít gắn cờ nhầm hơn"}).status_code == 303
    with recorded.desk.records.read() as session:
        row = policies.active(session)
        assert row is not None
        assert (row.version, row.text, row.sha256) == ("thử-2", LOOSE, policies.digest(LOOSE))
        event = session.scalars(select(Event).order_by(Event.id.desc())).first()
        assert event is not None
        assert (event.action, event.actor) == ("policy.switched", row.actor)
        assert policies.digest(SHIPPED) in event.detail
        assert policies.digest(LOOSE) in event.detail
        owed = set(session.scalars(select(Task.subject_id).where(Task.kind == TaskKind.SCORE)))
        done = set(
            session.scalars(
                select(Post.id).join(Case, Case.cluster_id == Post.cluster_id).where(Case.id == case)
            )
        )
        assert owed == set(session.scalars(select(Post.id))) - done
    assert "ít gắn cờ nhầm hơn" in lead.get("/policy").text
    recorded.place.work()
    with recorded.desk.records.read() as session:
        judged = session.execute(
            select(Assessment.policy, Case.state)
            .join(Post, Post.assessment_id == Assessment.id)
            .outerjoin(Case, Case.cluster_id == Post.cluster_id)
        ).all()
    assert {policy for policy, state in judged if state == CaseState.DECIDED} == {parse(SHIPPED).version}
    assert {policy for policy, state in judged if state != CaseState.DECIDED} == {"thử-2"}


def test_what_changed_meanwhile_or_was_in_force_before_is_not_switched_to(recorded: Desked) -> None:
    lead = recorded.signed_in(Role.LEAD)
    seen = policies.digest(SHIPPED)
    path = "/api/v1/policy/switch"

    def switch(text: str, seen: str) -> tuple[int, str]:
        answer = lead.post(path, json={"text": text, "reason": "thử", "seen": seen})
        return answer.status_code, answer.json().get("detail", "")

    assert switch(SHIPPED, seen) == (
        409,
        f"Không chuyển chính sách: Chính sách {parse(SHIPPED).version} đang được dùng rồi.",
    )
    status, said = switch(SHIPPED.replace("flag: 0.", "flag: 0.9"), seen)
    assert status == 409
    assert "đặt một version mới" in said
    assert switch(LOOSE, seen)[0] == 200
    status, said = switch(LOOSE.replace("thử-2", "thử-3"), seen)
    assert status == 409
    assert "vừa được chuyển sang thử-2" in said
    assert switch(SHIPPED, policies.digest(LOOSE))[0] == 409
    status, said = switch(
        LOOSE.replace("flag: 0.9", "flag: 9").replace("thử-2", "thử-4"), policies.digest(LOOSE)
    )
    assert status == 422
    assert "thresholds.flag: phải từ" in said
    assert count(recorded, PolicySwitch) == 2


def test_what_is_no_policy_is_said_on_the_page(recorded: Desked) -> None:
    lead = recorded.signed_in(Role.LEAD)
    for said in ("", "a: [", "version: 1", "x" * 90_000):
        answer = lead.post("/policy/backtest", data={"csrf": lead.headers["X-CSRF-Token"], "text": said})
        assert answer.status_code == 422
        assert "Chính sách này không dùng được" in answer.text


def test_a_form_from_elsewhere_is_refused(recorded: Desked) -> None:
    lead = recorded.signed_in(Role.LEAD)
    del lead.headers["X-CSRF-Token"]
    form = {"text": LOOSE, "reason": "x", "seen": policies.digest(SHIPPED)}
    for path in ("/policy/backtest", "/policy/switch"):
        assert lead.post(path, data=form).status_code == 403
    assert count(recorded, PolicySwitch) == 1


def test_a_hostile_policy_is_shown_as_text(recorded: Desked) -> None:
    lead = recorded.signed_in(Role.LEAD)
    hostile = "# </textarea><script>alert(1)</script>\n" + LOOSE.replace("thử-2", "<script>x</script>")
    shown = lead.post("/policy/backtest", data={"csrf": lead.headers["X-CSRF-Token"], "text": hostile}).text
    assert "<script>" not in shown.replace("<script src", "")
    assert hidden(shown)["text"] == hostile


def test_where_no_policy_was_recorded_it_is_said(house: Desked) -> None:
    lead = house.signed_in(Role.LEAD)
    assert lead.get("/api/v1/policy").status_code == 404
    assert "kiemtin migrate" in lead.get("/policy").text


def test_a_policy_that_this_version_cannot_read_is_said_and_not_guessed(recorded: Desked) -> None:
    with recorded.desk.records.write() as session:
        policies.switch(
            session, "cũ-1", "version: cũ-1\nold: true\n", actor="system", reason="thử", at=recorded.clock()
        )
    lead = recorded.signed_in(Role.LEAD)
    assert "không đọc được chính sách đang dùng" in lead.get("/policy").text
    assert lead.post("/api/v1/policy/backtest", json={"text": LOOSE}).status_code == 422
