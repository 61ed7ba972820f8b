"""Sessions: seen and ended by their owner and the administrator, given new tokens, and ended by the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from store.people_tables import KnownDevice
from store.tables import UserSession
from store.vocabulary import Role
from tests.api.conftest import PASSWORD
from tests.api.people import Front


def test_a_person_sees_their_browsers_and_ends_a_strange_one(front: Front) -> None:
    mine = front.signed_in()
    front.clock.later(minutes=1)
    strange = front.signed_in(address="203.0.113.9")
    listed = mine.get("/api/v1/me/sessions").json()
    assert [(one["address"], one["current"]) for one in listed] == [
        ("203.0.113.9", False),
        ("192.0.2.1", True),
    ]
    assert mine.post(f"/api/v1/me/sessions/{listed[0]['handle']}/end").status_code == 204
    assert (mine.status(), strange.status()) == (200, 401)
    assert mine.post(f"/api/v1/me/sessions/{listed[0]['handle']}/end").status_code == 404
    assert "session.ended" in front.events()


def test_ending_all_others_keeps_the_one_that_asks(front: Front) -> None:
    mine, others = front.signed_in(), [front.signed_in() for _ in range(2)]
    assert mine.form("/sessions/end").status_code == 303
    assert [browser.status() for browser in (mine, *others)] == [200, 401, 401]


def test_nobody_but_the_administrator_sees_or_ends_the_sessions_of_others(front: Front) -> None:
    victim, reviewer, lead, admin = (
        front.signed_in(Role.AUDITOR),
        *map(front.signed_in, (Role.REVIEWER, Role.LEAD, Role.ADMIN)),
    )
    handle = victim.get("/api/v1/me/sessions").json()[0]["handle"]
    for other in (reviewer, lead):
        assert other.status("/api/v1/people/auditor/sessions") == 403
        assert other.post(f"/api/v1/people/auditor/sessions/{handle}/end").status_code == 403
        assert other.post("/api/v1/people/auditor/sessions/end").status_code == 403
        assert other.post(f"/api/v1/me/sessions/{handle}/end").status_code == 404
    assert victim.status() == 200
    assert handle in admin.get("/people/auditor").text
    assert admin.form(f"/people/auditor/sessions/{handle}/end").status_code == 303
    assert victim.status() == 401
    again = front.signed_in(Role.AUDITOR)
    assert admin.post("/api/v1/people/auditor/sessions/end").status_code == 204
    assert again.status() == 401


@pytest.mark.parametrize("handle", ["", "%", "_", "0", "' OR 1=1 --"])
def test_a_handle_that_is_none_ends_nothing(front: Front, handle: str) -> None:
    browser = front.signed_in()
    assert browser.post(f"/api/v1/me/sessions/{handle}/end").status_code in {404, 307}
    assert browser.status() == 200


def test_the_limits_of_the_settings_end_sessions_also_those_opened_before(front: Front) -> None:
    old = front.signed_in()
    token = old.client.cookies["kiemtin_session"]
    front.rules(idle=timedelta(minutes=30), longest=timedelta(hours=2))
    browser = front.browser()
    browser.client.cookies.set("kiemtin_session", token)
    front.clock.later(minutes=29)
    assert browser.status() == 200
    front.clock.later(minutes=31)
    assert browser.status() == 401
    fresh = front.signed_in()
    for _ in range(5):
        assert fresh.status() == 200
        front.clock.later(minutes=25)
    assert fresh.status() == 401


def test_another_role_means_signing_in_anew(front: Front) -> None:
    admin, reviewer = front.signed_in(Role.ADMIN), front.signed_in()
    assert admin.post("/api/v1/people/reviewer/role", {"role": "lead"}).status_code == 204
    assert reviewer.status() == 401
    assert reviewer.sign_in("reviewer").status_code == 200
    assert reviewer.get("/api/v1/me").json()["role"] == "lead"
    assert "user.role" in front.events()


def test_a_new_password_changes_the_token_and_forgets_other_browsers(front: Front) -> None:
    mine, other = front.signed_in(), front.signed_in()
    before = mine.client.cookies["kiemtin_session"]
    change = {"current": PASSWORD, "new": "một câu khác hẳn"}
    assert mine.post("/api/v1/me/password", change).status_code == 204
    assert mine.client.cookies["kiemtin_session"] != before
    assert (mine.status(), other.status()) == (200, 401)
    with front.desk.records.read() as session:
        assert len(session.scalars(select(KnownDevice)).all()) == 1


def test_only_hashes_of_tokens_are_kept(front: Front) -> None:
    browser = front.signed_in()
    tokens = [browser.client.cookies[name] for name in ("kiemtin_session", "kiemtin_device")]
    with front.desk.records.engine.connect() as connection:
        kept = "".join(
            str(row)
            for table in (UserSession, KnownDevice)
            for row in connection.execute(select(table.__table__))
        )
    assert not any(token in kept for token in tokens)


def test_there_is_always_an_administrator_and_nobody_changes_their_own_role(front: Front) -> None:
    admin = front.signed_in(Role.ADMIN)
    assert admin.post("/api/v1/people/admin/role", {"role": "lead"}).status_code == 409
    assert admin.post("/api/v1/people/admin/active", {"active": False}).status_code == 409
    assert admin.post("/api/v1/people/lead/role", {"role": "admin"}).status_code == 204
    second = front.browser()
    second.sign_in("lead")
    assert second.post("/api/v1/people/admin/active", {"active": False}).status_code == 204
    assert second.post("/api/v1/people/lead/role", {"role": "lead"}).status_code == 409
    assert second.status() == 200
