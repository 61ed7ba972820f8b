"""What holds for every request: pages of lists, problems in two languages, repetitions, rates, tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from api import accounts, idempotency, tokens
from api.desk import Desk
from api.paging import BadCursor, _decoded, _encoded
from api.rates import WINDOW, Rates
from api.scopes import Scope
from api.words import _preferred
from review.permissions import Person
from review_ui.app import create_app
from search.open import open_engine
from store import audit
from store.archive import Archive
from store.claim_tables import ClaimVersion
from store.records import Records
from store.tables import Decision, Event
from store.token_tables import AccessToken, KeptAnswer
from store.vocabulary import Role
from tests.api.conftest import Clock
from tests.api.signed import people, sessions
from tests.factory import HARMFUL, NOW, Place

CLAIM = {
    "id": "thu", "claim": "Uống nước nóng là khỏi", "harm": "cure", "verdict": "false",
    "correction": "Không có bằng chứng.", "source": {"name": "Bộ Y tế", "url": "https://yte.example/x"},
}  # fmt: skip


class Program:
    """A client of the API, signed in or with a token."""

    def __init__(self, desk: Desk, headers: dict[str, str]) -> None:
        self.app = create_app(desk)
        self.client = TestClient(self.app, base_url="http://desk.example", follow_redirects=False)
        self.client.headers.update(headers)

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self.client.post(path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(sqlite: Records, tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    made = Desk(sqlite, engine, Archive(tmp_path / "archive"), clock=clock)
    people(made, [("lead", Role.LEAD), ("hoa", Role.REVIEWER)])
    yield made
    engine.close()


@pytest.fixture
def posts(desk: Desk) -> None:
    """Six posts that were flagged, and their cases."""
    place = Place(desk.records)
    place.take(*HARMFUL[:6])
    place.work(desk.engine)


@pytest.fixture
def lead(desk: Desk) -> Program:
    return Program(desk, sessions(desk, ["lead"])["lead"])


def with_token(desk: Desk, *scopes: Scope) -> Program:
    with desk.records.write() as session:
        _, token = tokens.create(session, Person(1, Role.LEAD), "thử", scopes, 30, desk.clock())
    return Program(desk, {"Authorization": f"Bearer {token}"})


def walk(program: Program, path: str) -> list[Any]:
    """Return the rows of a whole list, page after page."""
    rows: list[Any] = []
    pages = 0
    while path:
        answer = program.get(path)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        rows += found if isinstance(found, list) else found.get("claims", found.get("hits"))
        path = answer.links.get("next", {}).get("url", "")
        pages += 1
        assert pages < 50
    assert pages > 1, "more than a page"
    return rows


@pytest.mark.usefixtures("posts")
def test_every_list_is_walked_by_the_same_link_and_loses_no_row(lead: Program) -> None:
    for number in range(3):
        row = {**CLAIM, "id": f"thu-{number}", "claim": f"Câu số {number} nói rằng khỏi"}
        assert lead.post("/api/v1/claims", row).status_code == 201
    for path, key in (
        ("/api/v1/queue?", "case_id"),
        ("/api/v1/audit?", "id"),
        ("/api/v1/claims?", "id"),
        ("/api/v1/search?flagged=true&", "post_id"),
    ):
        whole = lead.get(f"{path}limit=100").json()
        rows = whole if isinstance(whole, list) else whole.get("claims", whole.get("hits"))
        assert [one[key] for one in walk(lead, f"{path}limit=2")] == [one[key] for one in rows], path


@given(st.integers(0, 2**63 - 1))
@settings(max_examples=20)
def test_a_cursor_comes_back_as_it_went(number: int) -> None:
    assert _decoded(_encoded(number)) == number


@given(st.text(max_size=30))
@settings(max_examples=30)
def test_no_cursor_does_harm(cursor: str) -> None:
    try:
        assert _decoded(cursor) >= 0
    except BadCursor:
        pass


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "vi"),
        ("en", "en"),
        ("en-US,en;q=0.9,vi;q=0.8", "en"),
        ("vi,en;q=0.9", "vi"),
        ("fr", "vi"),
        ("*", "vi"),
        ("en;q=x", "vi"),
        ("EN", "en"),
    ],
)
def test_the_language_is_the_one_that_is_liked_best(accepted: str, language: str) -> None:
    assert _preferred(accepted) == language


def test_a_problem_is_told_in_the_language_that_is_asked_for(lead: Program) -> None:
    for language, title, detail in (
        ("vi", "Không tìm thấy", "Không có ca 999."),
        ("en", "Not found", "There is no case 999."),
    ):
        answer = lead.get("/api/v1/cases/999", **{"Accept-Language": language})
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Content-Language"] == language
        assert answer.json() == {
            "type": "urn:kiemtin:problem:no-such-case", "title": title, "status": 404, "detail": detail,
        }  # fmt: skip


def test_a_wrong_field_is_named_in_both_languages(lead: Program) -> None:
    wrong = {"token": "x", "version": "một", "seen": "x"}
    vietnamese = lead.post("/api/v1/cases/1/decide", wrong).json()
    assert vietnamese["errors"] == [
        {"at": "body.version", "why": "phải là số nguyên"}, {"at": "body.outcome", "why": "còn thiếu"},
    ]  # fmt: skip
    english = lead.post("/api/v1/cases/1/decide", wrong, Accept_Language="en").json()
    assert english["detail"].startswith("The request is wrong: version: ")
    assert [error["at"] for error in english["errors"]] == ["body.version", "body.outcome"]


@pytest.mark.usefixtures("posts")
def test_the_same_request_again_is_done_once_and_answered_the_same(desk: Desk, lead: Program) -> None:
    lease = lead.post("/api/v1/lanes/all/next", Idempotency_Key="a-1")
    case = lead.get(f"/api/v1/cases/{lease.json()['case_id']}").json()
    given = {
        "version": lease.json()["version"], "token": lease.json()["token"], "seen": case["content_hash"],
        "outcome": "dismiss", "reason": "không gây hại",
    }  # fmt: skip
    path = f"/api/v1/cases/{case['case_id']}/decide"
    first = lead.post(path, given, Idempotency_Key="a-2")
    again = lead.post(path, given, Idempotency_Key="a-2")
    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    with desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1
        kept = session.scalars(select(KeptAnswer)).all()
        assert lease.json()["token"].encode() not in b"".join(one.body for one in kept), (
            "nothing in the clear"
        )
    assert lead.post(path, given).status_code == 409, "without a key it is a new request"


def test_a_key_stands_for_one_request_of_one_person(desk: Desk, lead: Program) -> None:
    assert lead.post("/api/v1/claims", CLAIM, Idempotency_Key="k").status_code == 201
    other = lead.post("/api/v1/claims", {**CLAIM, "id": "khac"}, Idempotency_Key="k")
    assert (other.status_code, other.json()["type"]) == (409, "urn:kiemtin:problem:key-reused")
    elsewhere = lead.post("/api/v1/claims/thu/retire", {"reason": "x"}, Idempotency_Key="k")
    assert elsewhere.json()["type"] == "urn:kiemtin:problem:key-reused"
    hoa = Program(desk, sessions(desk, ["hoa"])["hoa"])
    assert hoa.post("/api/v1/claims", CLAIM, Idempotency_Key="k").status_code == 403, "not another's answer"
    with desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(ClaimVersion)) == 1


def test_what_was_refused_may_be_tried_again_under_its_key(lead: Program) -> None:
    assert (
        lead.post("/api/v1/claims/thu", {"note": "x", "reason": "x"}, Idempotency_Key="k").status_code == 404
    )
    assert lead.post("/api/v1/claims", CLAIM).status_code == 201
    assert (
        lead.post("/api/v1/claims/thu", {"note": "x", "reason": "x"}, Idempotency_Key="k").status_code == 200
    )


def test_a_key_whose_request_broke_off_is_not_done_again(
    desk: Desk, lead: Program, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise OSError("no disk")

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "_keep", broken)
        assert lead.post("/api/v1/claims", CLAIM, Idempotency_Key="k").status_code == 500
    again = lead.post("/api/v1/claims", CLAIM, Idempotency_Key="k")
    assert (again.status_code, again.json()["type"]) == (409, "urn:kiemtin:problem:unfinished")
    clock.later(hours=25)
    lead = Program(desk, sessions(desk, ["lead"])["lead"])
    assert lead.post("/api/v1/claims", CLAIM, Idempotency_Key="k").status_code == 409, "there already"
    with desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(KeptAnswer)) == 0, (
            "a day later it is forgotten"
        )


@pytest.mark.parametrize("key", ["", "x" * 201, "a b"])
def test_a_key_that_is_none_is_refused(lead: Program, key: str) -> None:
    assert lead.post("/api/v1/claims", CLAIM, Idempotency_Key=key).status_code == 422


def test_whoever_asks_too_often_is_told_when_to_come_back(desk: Desk) -> None:
    headers = sessions(desk, ["lead", "hoa"])
    program = Program(replace(desk, a_minute=3), headers["lead"])
    told = [program.get("/api/v1/lanes") for _ in range(4)]
    assert [answer.status_code for answer in told] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit"].split(";")[1] for answer in told] == ["r=2", "r=1", "r=0", "r=0"]
    assert told[0].headers["RateLimit-Policy"] == '"minute";q=3;w=60'
    assert 1 <= int(told[3].headers["Retry-After"]) <= WINDOW
    assert told[3].json()["type"] == "urn:kiemtin:problem:too-many"
    assert "Retry-After" not in told[2].headers
    assert program.client.get("/queue").status_code == 429, "pages count too"
    answer = program.client.get("/api/v1/lanes", headers=headers["hoa"])
    assert answer.status_code == 200, "another session has its own"


def test_a_minute_later_all_is_forgiven() -> None:
    now = 0.0
    rates = Rates(2, lambda: now)
    assert [rates.take("a").left for _ in range(3)] == [1, 0, -1]
    now = 59.5
    assert rates.take("a").wait == 1
    now = 60.0
    assert rates.take("a").left == 1


def test_a_token_reads_in_its_owners_name_and_says_so(desk: Desk, clock: Clock) -> None:
    program = with_token(desk, Scope.READ)
    assert program.get("/api/v1/me").json()["login"] == "lead"
    assert program.get("/api/v1/queue").status_code == 200
    with desk.records.read() as session:
        kept = session.scalars(select(AccessToken)).one()
    assert kept.used_at == clock.now
    token = program.client.headers["Authorization"].removeprefix("Bearer ")
    assert kept.sha256 == hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.parametrize("end", ["revoked", "expired", "locked", "must change"])
def test_a_token_ends_when_it_should(desk: Desk, clock: Clock, end: str) -> None:
    program = with_token(desk, Scope.READ)
    assert program.get("/api/v1/queue").status_code == 200
    with desk.records.write() as session:
        if end == "revoked":
            tokens.revoke(session, Person(1, Role.LEAD), 1, clock.now)
        if end == "locked":
            accounts.set_active(session, Person(99, Role.ADMIN), "lead", False)
        if end == "must change":
            accounts.reset(session, "lead", "system")
    if end == "expired":
        clock.later(days=31)
    answer = program.get("/api/v1/queue")
    assert answer.status_code == (403 if end == "must change" else 401)
    assert end == "must change" or answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_scope_opens_its_routes_and_a_change_by_a_program_shows_in_the_log(desk: Desk) -> None:
    reading, keeping = with_token(desk, Scope.READ), with_token(desk, Scope.READ, Scope.CLAIMS)
    refused = reading.post("/api/v1/claims", CLAIM)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:kiemtin:problem:beyond-token")
    assert keeping.post("/api/v1/claims", CLAIM, Idempotency_Key="k").status_code == 201
    assert keeping.post("/api/v1/claims", CLAIM, Idempotency_Key="k").status_code == 201
    with desk.records.read() as session:
        used = session.scalars(select(Event).where(Event.action == "token.used")).all()
        assert [event.subject for event in used] == ["token:2", "token:2"]
        assert audit.verify(session).ok


def test_a_token_is_for_the_api_and_no_cookie_helps_it(desk: Desk) -> None:
    program = with_token(desk, Scope.READ)
    assert program.client.get("/queue").status_code == 303
    both = {**sessions(desk, ["lead"])["lead"], "Authorization": "Bearer kt_wrong"}
    assert program.client.get("/api/v1/queue", headers=both).status_code == 401
    assert program.client.get("/api/v1/queue", headers={"Authorization": "Basic eDp5"}).status_code == 401


def test_who_makes_a_token_gets_it_once_and_no_more_than_their_role(desk: Desk) -> None:
    hoa = Program(desk, sessions(desk, ["hoa"])["hoa"])
    made = hoa.post("/api/v1/tokens", {"name": "bảng theo dõi", "scopes": ["read"], "days": 7})
    assert made.status_code == 201
    assert made.json()["token"].startswith("kt_")
    (listed,) = hoa.get("/api/v1/tokens").json()
    assert "token" not in listed
    assert (listed["name"], listed["scopes"]) == ("bảng theo dõi", ["read"])
    for refused in (
        {"scopes": ["audit"]},
        {"scopes": []},
        {"name": " "},
        {"days": 0},
        {"scopes": ["decide"]},
    ):
        body = {"name": "x", "scopes": ["read"], "days": 7, **refused}
        assert hoa.post("/api/v1/tokens", body).status_code == 422, refused
    lead = Program(desk, sessions(desk, ["lead"])["lead"])
    assert lead.post(f"/api/v1/tokens/{listed['id']}/revoke").status_code == 404, "of another"
    assert hoa.post(f"/api/v1/tokens/{listed['id']}/revoke").status_code == 204
    assert hoa.get("/api/v1/tokens").json() == []
    with desk.records.read() as session:
        actions = session.scalars(select(Event.action).where(Event.subject == f"token:{listed['id']}")).all()
    assert actions == ["token.created", "token.revoked"]


def test_a_person_has_so_many_tokens_and_no_more(desk: Desk) -> None:
    with desk.records.write() as session:
        for _ in range(tokens.MOST):
            tokens.create(session, Person(2, Role.REVIEWER), "x", [Scope.READ], 1, NOW)
        with pytest.raises(tokens.TooManyTokens):
            tokens.create(session, Person(2, Role.REVIEWER), "x", [Scope.READ], 1, NOW)
        session.execute(update(AccessToken).where(AccessToken.id == 1).values(revoked_at=NOW))
        tokens.create(session, Person(2, Role.REVIEWER), "x", [Scope.READ], 1, NOW)


def test_tokens_are_made_and_revoked_on_their_page(desk: Desk) -> None:
    headers = sessions(desk, ["hoa"])["hoa"]
    page = Program(desk, headers).client
    assert "Chưa có mã truy cập nào" in page.get("/tokens").text
    made = page.post("/tokens", data={"name": "<b>bảng</b>", "scopes": ["read"], "days": "7"})
    token = made.text.split('<code class="secret">')[1].split("<")[0]
    assert made.status_code == 200
    assert "<b>" not in made.text
    asked = TestClient(create_app(desk)).get("/api/v1/lanes", headers={"Authorization": f"Bearer {token}"})
    assert asked.status_code == 200
    assert token not in page.get("/tokens").text
    assert "đọc nhật ký" not in page.get("/tokens").text, "not what the role lacks"
    refused = page.post("/tokens", data={"name": "", "days": "7"})
    assert (refused.status_code, "cần một tên" in refused.text) == (422, True)
    assert page.post("/tokens/1/revoke").headers["Location"] == "/tokens"
    gone = TestClient(create_app(desk)).get("/api/v1/lanes", headers={"Authorization": f"Bearer {token}"})
    assert gone.status_code == 401
