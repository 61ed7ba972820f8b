"""The second factor: added, asked for, used once, lost, given up, and required of roles."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from api import second_factor
from store.keys import Keys
from store.people_tables import RecoveryCode, SecondFactor, SignInStep
from store.vocabulary import Role
from tests.api.people import Front


def test_after_the_password_a_code_is_asked_for(front: Front) -> None:
    app, _ = front.signed_in().enrol(front.clock)
    browser = front.browser()
    assert browser.sign_in("reviewer").json() == {"must_change": False, "needs_code": True}
    assert browser.status() == 401
    assert browser.enter("000000").status_code == 422
    assert browser.enter(app.at(front.clock.now)).status_code == 200
    assert browser.status("/api/v1/lanes") == 200
    assert browser.get("/api/v1/me/sessions").json()[0]["how"] == "code"


def test_a_code_is_taken_once_and_so_is_an_older_one(front: Front) -> None:
    app, _ = front.signed_in().enrol(front.clock)
    code, older = app.at(front.clock.now), app.at(front.clock.now - timedelta(seconds=30))
    for tried, expected in ((code, 200), (code, 422), (older, 422)):
        browser = front.browser()
        browser.sign_in("reviewer")
        assert browser.enter(tried).status_code == expected


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "9" * 5000])
def test_what_is_no_code_is_refused_without_ado(front: Front, code: str) -> None:
    front.signed_in().enrol(front.clock)
    browser = front.browser()
    browser.sign_in("reviewer")
    assert browser.enter(code).status_code == 422


def test_codes_are_throttled_and_the_wait_ends(front: Front) -> None:
    app, _ = front.signed_in().enrol(front.clock)
    browser = front.browser()
    browser.sign_in("reviewer")
    assert [browser.enter("000000").status_code for _ in range(6)] == [422] * 5 + [429]
    assert browser.enter(app.at(front.clock.now)).status_code == 429
    assert front.events().count("factor.failed") == 5
    front.clock.later(minutes=16)
    assert browser.enter(app.at(front.clock.now)).status_code == 401  # the step has run out meanwhile
    browser.sign_in("reviewer")
    assert browser.enter(app.at(front.clock.now)).status_code == 200


def test_a_recovery_code_stands_for_the_app_once(front: Front) -> None:
    _, codes = front.signed_in().enrol(front.clock)
    assert len(set(codes)) == 10
    for spelled, expected in ((codes[0].upper().replace("-", " "), 200), (codes[0], 422)):
        browser = front.browser()
        browser.sign_in("reviewer")
        assert browser.enter(spelled).status_code == expected
    assert "factor.recovered" in front.events()
    with front.desk.records.read() as session:
        kept = session.scalars(select(RecoveryCode)).all()
    assert sum(row.used_at is not None for row in kept) == 1
    assert not {code.replace("-", "") for code in codes} & {row.sha256 for row in kept}


def test_with_another_key_after_a_restore_recovery_codes_still_count(front: Front) -> None:
    app, codes = front.signed_in().enrol(front.clock)
    front.rules(keys=Keys(bytes(32)))
    browser = front.browser()
    browser.sign_in("reviewer")
    assert browser.enter(app.at(front.clock.now)).status_code == 422
    assert browser.enter(codes[3]).status_code == 200


def test_the_secret_is_sealed_and_what_nobody_confirmed_does_not_count(front: Front) -> None:
    browser = front.signed_in()
    secret = browser.post("/api/v1/me/second-factor").json()["secret"]
    with front.desk.records.read() as session:
        row = session.scalars(select(SecondFactor)).one()
    assert secret.encode() not in row.sealed
    assert row.confirmed_at is None
    assert front.browser().sign_in("reviewer").json()["needs_code"] is False
    again = browser.post("/api/v1/me/second-factor").json()["secret"]
    assert (
        browser.post(
            "/api/v1/me/second-factor/confirm", {"code": pyotp.TOTP(secret).at(front.clock.now)}
        ).status_code
        == 422
    )
    assert (
        browser.post(
            "/api/v1/me/second-factor/confirm", {"code": pyotp.TOTP(again).at(front.clock.now)}
        ).status_code
        == 200
    )


def test_adding_it_changes_the_token_and_ends_other_sessions(front: Front) -> None:
    mine, other = front.signed_in(), front.signed_in(address="192.0.2.2")
    before = mine.client.cookies["kiemtin_session"], mine.client.headers["X-CSRF-Token"]
    mine.enrol(front.clock)
    assert before[0] != mine.client.cookies["kiemtin_session"]
    assert before[1] != mine.client.headers["X-CSRF-Token"]
    assert (mine.status(), other.status()) == (200, 401)
    thief = front.browser()
    thief.client.cookies.set("kiemtin_session", before[0])
    assert thief.status() == 401


def test_new_codes_and_switching_off_need_a_code(front: Front) -> None:
    browser = front.signed_in()
    app, codes = browser.enrol(front.clock)
    path = "/api/v1/me/second-factor"
    assert browser.post(f"{path}/codes", {"code": "000000"}).status_code == 422
    assert browser.post(f"{path}/off", {"code": "000000"}).status_code == 422
    renewed = browser.post(f"{path}/codes", {"code": app.at(front.clock.now)}).json()["codes"]
    assert not set(renewed) & set(codes)
    assert browser.post(f"{path}/off", {"code": codes[0]}).status_code == 422
    assert browser.post(f"{path}/off", {"code": renewed[0]}).status_code == 204
    assert front.browser().sign_in("reviewer").json()["needs_code"] is False
    with front.desk.records.read() as session:
        assert session.scalars(select(RecoveryCode)).all() == []


def test_a_role_that_needs_it_gets_nowhere_without(front: Front) -> None:
    front.rules(need_code=frozenset({Role.LEAD}))
    lead, reviewer = front.signed_in(Role.LEAD), front.signed_in()
    assert reviewer.status("/api/v1/lanes") == 200
    assert lead.status("/api/v1/lanes") == 403
    assert "hai bước" in lead.get("/api/v1/lanes").json()["detail"]
    assert lead.get("/queue").headers["Location"] == "/second-factor"
    app, _ = lead.enrol(front.clock)
    assert lead.status("/api/v1/lanes") == 200
    refused = lead.post("/api/v1/me/second-factor/off", {"code": app.at(front.clock.now)})
    assert refused.status_code == 409
    assert front.browser().sign_in("lead").json()["needs_code"] is True


def test_the_administrator_takes_it_from_who_lost_the_app(front: Front) -> None:
    front.signed_in().enrol(front.clock)
    admin, lead = front.signed_in(Role.ADMIN), front.signed_in(Role.LEAD)
    assert lead.post("/api/v1/people/reviewer/second-factor/off").status_code == 403
    assert admin.post("/api/v1/people/reviewer/second-factor/off").status_code == 204
    assert admin.post("/api/v1/people/reviewer/second-factor/off").status_code == 404
    assert front.browser().sign_in("reviewer").json()["needs_code"] is False
    assert front.events().count("factor.removed") == 1


def test_without_a_password_a_code_opens_nothing(front: Front) -> None:
    app, codes = front.signed_in().enrol(front.clock)
    stranger = front.browser()
    assert stranger.enter(app.at(front.clock.now)).status_code == 401
    with front.desk.records.write() as session:
        session.add(
            SignInStep(token_sha256="x" * 64, step="oidc", detail={"next": "/"}, expires_at=front.clock.now)
        )
    assert stranger.enter(codes[0]).status_code == 401


def test_a_person_deactivated_between_the_steps_stays_out(front: Front) -> None:
    app, _ = front.signed_in().enrol(front.clock)
    browser = front.browser()
    browser.sign_in("reviewer")
    front.signed_in(Role.ADMIN).post("/api/v1/people/reviewer/active", {"active": False})
    assert browser.enter(app.at(front.clock.now)).status_code == 401


def test_the_pages_lead_through_adding_and_using_it(front: Front) -> None:
    browser = front.signed_in()
    assert browser.form("/second-factor").status_code == 303
    page = browser.get("/second-factor").text
    assert "<svg" in page
    assert "<script" not in page[page.index("<svg") : page.index("</svg>")]
    assert "style=" not in page
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert secret is not None
    app = pyotp.TOTP(secret.group(1).replace(" ", ""))
    assert "Mã không đúng" in browser.form("/second-factor/confirm", code="000000").text
    shown = browser.form("/second-factor/confirm", code=app.at(front.clock.now)).text
    assert len(re.findall(r"<li><code>[a-z0-9-]{17}</code></li>", shown)) == 10
    front.clock.later(seconds=30)
    other = front.browser()
    other.get("/sign-in")
    csrf = {"csrf": other.client.cookies["kiemtin_first"], "next": "/queue?lane=mine"}
    answer = other.client.post(
        "/sign-in", data={**csrf, "login": "reviewer", "password": "một câu ngắn dễ nhớ"}
    )
    assert answer.headers["Location"] == "/sign-in/code?next=%2Fqueue%3Flane%3Dmine"
    assert 'name="code"' in other.get(answer.headers["Location"]).text
    assert "Mã không đúng" in other.client.post("/sign-in/code", data={**csrf, "code": "1"}).text
    answer = other.client.post("/sign-in/code", data={**csrf, "code": app.at(front.clock.now)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/queue?lane=mine")
    assert other.client.post("/sign-in/code", data={"code": "1"}).status_code == 403


def test_the_drawn_code_holds_the_address_an_app_reads() -> None:
    uri = second_factor.address_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "hoa")
    assert uri.startswith("otpauth://totp/")
    assert pyotp.parse_uri(uri).secret == "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    assert second_factor.drawn(uri).startswith("<svg ")
