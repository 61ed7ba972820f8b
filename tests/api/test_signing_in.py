"""Signing in: right and wrong passwords, locks, sessions that end, and tokens that a foreign page cannot know."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api import accounts
from api.sign_in_rules import Rules
from store.records import Records
from store.tables import Event, User, UserSession
from store.vocabulary import Role
from tests.api.conftest import PASSWORD, House, sign_in


def actions(records: Records) -> list[str]:
    with records.read() as session:
        return list(session.scalars(select(Event.action).order_by(Event.id)))


def test_the_first_administrator_is_made_once(sqlite: Records) -> None:
    password = accounts.ensure_admin(sqlite)
    assert password is not None
    assert len(password) == 23
    assert accounts.ensure_admin(sqlite) is None
    with sqlite.read() as session:
        user = session.scalars(select(User)).one()
        assert user.must_change
        assert password not in user.password_hash
        assert user.password_hash.startswith("$argon2id$")


def test_a_one_time_password_opens_nothing_but_its_own_change(house: House) -> None:
    with house.desk.records.write() as session:
        password = accounts.invite(session, "moi", "Mới", Role.REVIEWER, "system")
    client = house.client()
    assert sign_in(client, "moi", password) == 200
    assert client.get("/api/v1/queue").status_code == 403
    assert client.get("/").headers["Location"] == "/password"
    change = {"current": password, "new": "câu mới dài và dễ nhớ"}
    assert client.post("/api/v1/me/password", json=change).status_code == 204
    assert client.get("/api/v1/queue").status_code == 200


@pytest.mark.parametrize(
    "weak", ["ngắn quá", "aaaaaaaaaaaaaaa", "reviewer-reviewer-12", "matkhaumatkhau", PASSWORD]
)
def test_a_weak_password_is_refused(house: House, weak: str) -> None:
    client = house.signed_in()
    answer = client.post("/api/v1/me/password", json={"current": PASSWORD, "new": weak})
    assert answer.status_code == 422
    assert "12" in answer.json()["detail"]


def test_changing_a_password_signs_other_browsers_out(house: House) -> None:
    one, other = house.signed_in(), house.signed_in()
    assert (
        one.post("/api/v1/me/password", json={"current": PASSWORD, "new": "một câu khác hẳn"}).status_code
        == 204
    )
    assert one.get("/api/v1/me").status_code == 200
    assert other.get("/api/v1/me").status_code == 401


def test_an_unknown_login_and_a_wrong_password_look_the_same(house: House) -> None:
    client = house.client()
    token = {"X-CSRF-Token": client.get("/api/v1/first").json()["csrf"]}
    answers = [
        client.post("/api/v1/sign-in", json={"login": login, "password": "sai"}, headers=token)
        for login in ("reviewer", "không có")
    ]
    assert answers[0].json() == answers[1].json()
    assert {a.status_code for a in answers} == {401}


def test_a_deactivated_person_is_out_at_once(house: House) -> None:
    client = house.signed_in()
    with house.desk.records.write() as session:
        accounts.set_active(session, accounts.person_of(session, "admin"), "reviewer", False)
    assert client.get("/api/v1/me").status_code == 401
    assert sign_in(house.client(), "reviewer", PASSWORD) == 401


def test_a_session_ends_when_idle_and_after_a_week(house: House) -> None:
    client = house.signed_in()
    house.clock.later(seconds=Rules.idle.total_seconds() - 60)
    assert client.get("/api/v1/me").status_code == 200
    house.clock.later(seconds=Rules.idle.total_seconds() - 60)
    assert client.get("/api/v1/me").status_code == 200
    house.clock.later(seconds=Rules.idle.total_seconds() + 60)
    assert client.get("/api/v1/me").status_code == 401
    client = house.signed_in()
    for _ in range(int(Rules.longest / Rules.idle) + 1):
        house.clock.later(seconds=Rules.idle.total_seconds() - 60)
        last = client.get("/api/v1/me").status_code
    assert last == 401


def test_only_the_hash_of_a_session_token_is_kept(house: House) -> None:
    client = house.signed_in()
    token = client.cookies["kiemtin_session"]
    with house.desk.records.read() as session:
        assert token not in str([s.token_sha256 for s in session.scalars(select(UserSession))])


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(house: House) -> None:
    client, thief = house.signed_in(), house.client()
    thief.cookies.set("kiemtin_session", client.cookies["kiemtin_session"])
    assert thief.get("/api/v1/me").status_code == 200
    assert client.post("/api/v1/sign-out").status_code == 204
    assert thief.get("/api/v1/me").status_code == 401


def test_signing_in_gives_a_new_token(house: House) -> None:
    client = house.client()
    client.cookies.set("kiemtin_session", "planted", domain="desk.example", path="/")
    sign_in(client, "reviewer", PASSWORD)
    assert client.cookies["kiemtin_session"] != "planted"


def test_signing_in_ends_the_session_that_the_browser_had_before(house: House) -> None:
    thief, client = house.signed_in(), house.client()
    client.cookies.set("kiemtin_session", thief.cookies["kiemtin_session"], domain="desk.example", path="/")
    assert thief.get("/api/v1/me").status_code == 200
    sign_in(client, "reviewer", PASSWORD)
    assert client.get("/api/v1/me").status_code == 200
    assert thief.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
    ],
)
def test_a_foreign_request_changes_nothing(house: House, headers: dict[str, str]) -> None:
    client = house.signed_in()
    before = actions(house.desk.records)
    assert client.post("/api/v1/lanes/all/next", headers=headers).status_code == 403
    assert client.post("/sign-out", headers=headers, data={}).status_code == 403
    assert actions(house.desk.records) == before


def test_signing_in_needs_the_token_of_its_own_form(house: House) -> None:
    client = house.client()
    credentials = {"login": "reviewer", "password": PASSWORD}
    assert client.post("/sign-in", data=credentials).status_code == 403
    client.get("/sign-in")
    csrf = client.cookies["kiemtin_first"]
    answer = client.post("/sign-in", data={**credentials, "csrf": csrf, "next": "//evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("secure", [True, False])
def test_cookies_are_closed_to_scripts_and_secure_behind_tls(house: House, secure: bool) -> None:
    import dataclasses

    house.desk = dataclasses.replace(house.desk, secure_cookies=secure)
    client = house.client()
    first = client.get("/api/v1/first")
    answer = client.post(
        "/api/v1/sign-in", json={"login": "reviewer", "password": PASSWORD},
        headers={"X-CSRF-Token": first.json()["csrf"], "Cookie": f"kiemtin_first={first.json()['csrf']}"},
    )  # fmt: skip
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert ("Secure" in cookie) == secure


def test_logins_that_are_taken_or_odd_are_refused(house: House) -> None:
    admin: TestClient = house.signed_in(Role.ADMIN)
    csrf = admin.headers["X-CSRF-Token"]
    for login, status in (("reviewer", 409), ("x", 422), ("có dấu", 422), ("a/b", 422)):
        answer = admin.post("/people", data={"csrf": csrf, "login": login, "name": "A", "role": "reviewer"})
        assert answer.status_code == status
