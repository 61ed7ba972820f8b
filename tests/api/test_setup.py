"""The first administrator is led through setting up, once; what they say there is used."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from api import accounts, setup
from reports.letterhead import Letterhead
from reports.telling import Telling
from review_ui.app import create_app
from review_ui.tour import STOPS
from store import installation
from store.installation_tables import SetupState
from store.records import Records
from store.retention import Terms
from store.tables import Event
from store.vocabulary import Role
from tests.api.conftest import PASSWORD, House, sign_in


@pytest.fixture
def pending(house: House) -> House:
    with house.desk.records.write() as session:
        installation.begin(session, house.clock())
    return house


def csrf(client: TestClient) -> dict[str, str]:
    return {"csrf": client.headers["X-CSRF-Token"]}


def test_the_first_administrator_makes_setting_up_pending(sqlite: Records) -> None:
    accounts.ensure_admin(sqlite)
    with sqlite.read() as session:
        assert installation.setup(session) == SetupState.PENDING


def test_an_installation_of_an_older_version_is_not_led_there(house: House) -> None:
    assert house.signed_in(Role.ADMIN).get("/").status_code == 200


def test_the_first_page_is_setting_up_until_it_is_done_or_put_off(pending: House) -> None:
    admin = pending.signed_in(Role.ADMIN)
    assert pending.signed_in(Role.REVIEWER).get("/").status_code == 200
    for state in ("put_off", "done"):
        with pending.desk.records.write() as session:
            installation.set_setup(session, SetupState.PENDING, "system", pending.clock())
        assert admin.get("/").headers["Location"] == "/setup"
        assert admin.post("/setup/state", data={**csrf(admin), "state": state}).headers["Location"] == "/"
        assert admin.get("/").status_code == 200
    assert admin.get("/setup").status_code == 200


def test_the_agency_signs_where_the_settings_name_none(pending: House) -> None:
    admin = pending.signed_in(Role.ADMIN)
    admin.post("/setup/agency", data={**csrf(admin), "name": "  Sở Y tế \n An Giang "})
    assert admin.get("/api/v1/setup").json()["agency"] == "Sở Y tế An Giang"
    assert setup.telling(pending.desk).letterhead.agency == "Sở Y tế An Giang"
    assert "Sở Y tế An Giang" in admin.get("/public/corrections").text
    named = replace(pending.desk, telling=Telling(Letterhead(agency="Sở Thông tin")))
    assert setup.telling(named).letterhead.agency == "Sở Thông tin"
    with pending.desk.records.read() as session:
        assert session.scalars(select(Event.action).where(Event.action == "installation.agency")).all() == [
            "installation.agency"
        ]


def test_an_agency_too_long_is_refused_with_the_reason(pending: House) -> None:
    admin = pending.signed_in(Role.ADMIN)
    answer = admin.post("/setup/agency", data={**csrf(admin), "name": "x" * 201})
    assert answer.status_code == 409
    assert "quá 200" in answer.text
    assert admin.post("/api/v1/setup/agency", json={"name": "x" * 201}).status_code == 422


def test_a_person_is_invited_with_a_password_shown_once(pending: House) -> None:
    admin = pending.signed_in(Role.ADMIN)
    before = admin.get("/api/v1/setup").json()
    answer = admin.post(
        "/setup/people", data={**csrf(admin), "login": "lan", "name": "Lan", "role": "liaison"}
    )
    assert 'class="secret"' in answer.text
    assert 'class="secret"' not in admin.get("/setup").text
    assert admin.get("/api/v1/setup").json()["people"]["liaison"] == before["people"].get("liaison", 0) + 1


def test_page_and_api_show_sources_and_retention(pending: House) -> None:
    desk = replace(pending.desk, terms=Terms(dismissed=timedelta(days=77)))
    client = TestClient(create_app(desk), base_url="http://desk.example", follow_redirects=False)
    sign_in(client, Role.ADMIN.value, PASSWORD)
    shown, said = client.get("/setup").text, client.get("/api/v1/setup").json()
    assert said["days"] == {"unflagged": 30, "dismissed": 77, "evidence": 1825}
    for days in said["days"].values():
        assert f"{days} ngày" in shown
    for name in said["sources"]:
        assert name in shown
    assert said["steps"] == {"agency": False, "sources": True, "people": True}


def test_the_database_keeps_one_installation(sqlite: Records) -> None:
    wrong = "INSERT INTO installation (id, agency, setup, changed_at) VALUES (2, '', 'done', '2026-01-01')"
    with pytest.raises(DBAPIError), sqlite.write() as session:
        session.execute(text(wrong))


def test_the_tour_is_in_the_demo_alone_and_can_be_sent_away(house: House) -> None:
    assert 'class="tour' not in house.signed_in().get("/").text
    client = TestClient(
        create_app(replace(house.desk, demo=True)), base_url="http://desk.example", follow_redirects=False
    )
    sign_in(client, Role.ADMIN.value, PASSWORD)
    shown = client.get("/").text
    assert len(STOPS) == 7
    for stop in STOPS:
        assert stop.name in shown
        assert client.get(stop.address).status_code == 200, stop.address
    assert 'class="tour' not in client.get("/claims").text
    client.post("/settings", data={**csrf(client), "tour": "off", "back": "/"})
    assert 'class="tour' not in client.get("/").text
