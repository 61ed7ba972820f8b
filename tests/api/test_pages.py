"""The pages without a browser: what each person is led to, and that forms alone are enough."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from store.tables import Assessment
from store.vocabulary import Role
from tests.api.conftest import PASSWORD, House, sign_in
from tests.factory import assess_anew


def fields(client: TestClient, path: str = "/") -> dict[str, str]:
    """Return the hidden fields of the page's first form that carries a lease, and the case it is for."""
    text = client.get(path).text
    form = next(f for f in re.findall(r"<form[^>]*>.*?</form>", text, re.DOTALL) if 'name="seen"' in f)
    found = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    case = re.search(r'action="/cases/(\d+)/', form)
    assert case is not None
    return {**found, "case": case.group(1)}


def test_who_may_not_review_is_led_to_the_queue(house: House) -> None:
    client = house.signed_in(Role.AUDITOR)
    assert client.get("/").headers["Location"] == "/queue"
    assert 'href="/audit"' in client.get("/queue").text
    assert 'href="/people"' not in client.get("/queue").text


def test_a_form_without_scripts_decides_and_undoes(house: House) -> None:
    client = house.signed_in()
    given = fields(client)
    answer = client.post(
        f"/cases/{given['case']}/decide", data={**given, "outcome": "dismiss", "reason": "không gây hại"}
    )
    assert answer.status_code == 303
    shown = client.get(answer.headers["Location"]).text
    undo = re.search(r'action="(/decisions/\d+/undo)"', shown)
    assert undo is not None
    after = fields(client, answer.headers["Location"])
    house.clock.later(seconds=20)
    answer = client.post(undo.group(1), data={**after, "held": after["case"]})
    assert answer.status_code == 303
    assert fields(client)["case"] == given["case"]


def test_an_undo_works_although_the_next_case_was_lost(house: House) -> None:
    client = house.signed_in()
    given = fields(client)
    answer = client.post(
        f"/cases/{given['case']}/decide", data={**given, "outcome": "dismiss", "reason": "không gây hại"}
    )
    done = re.search(r"done=(\d+)", answer.headers["Location"])
    assert done is not None
    lost = {"csrf": given["csrf"], "lane": "all", "held": "3", "token": "x"}
    assert client.post(f"/decisions/{done.group(1)}/undo", data=lost).status_code == 303


def test_a_refusal_says_why_and_shows_a_case(house: House) -> None:
    client = house.signed_in()
    given = fields(client)
    wrong = {**given, "outcome": "report", "reason": " "}
    shown = client.post(f"/cases/{given['case']}/decide", data=wrong).text
    assert "Hãy ghi lý do." in shown
    assert 'id="triage"' in shown
    house.clock.later(minutes=11)
    late = client.post(
        f"/cases/{given['case']}/decide", data={**given, "outcome": "dismiss", "reason": "không gây hại"}
    )
    assert "Chưa có gì được ghi" in late.text


def test_htmx_gets_the_screen_alone(house: House) -> None:
    client = house.signed_in()
    given = fields(client)
    answer = client.post(
        f"/cases/{given['case']}/decide",
        data={**given, "outcome": "protected", "pick": "opinion"},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="triage"')
    client.cookies.clear()
    assert client.get("/", headers={"HX-Request": "true"}).headers["HX-Redirect"].startswith("/sign-in")


def test_the_lead_decides_what_was_escalated_and_reopens_it(house: House) -> None:
    reviewer, lead = house.signed_in(), house.signed_in(Role.LEAD)
    given = fields(reviewer)
    path = f"/cases/{given['case']}"
    reviewer.post(f"{path}/escalate", data={**given, "reason": "cần bác sĩ xem"})
    assert given["case"] in lead.get("/queue?lane=escalated").text
    shown = fields(lead, path)
    answer = lead.post(
        f"{path}/decide",
        data={**shown, "outcome": "correct", "pick": "cure", "correction": "Không đúng như vậy."},
    )
    assert answer.status_code == 303
    page = lead.get(path).text
    assert "Không đúng như vậy." in page
    csrf = shown["csrf"]
    assert lead.post(f"{path}/reopen", data={"csrf": csrf, "reason": "có nguồn mới"}).status_code == 303
    assert "có nguồn mới" in lead.get(path).text
    assert reviewer.post(f"{path}/take", data={"csrf": given["csrf"]}).status_code == 303


def test_an_administrator_adds_resets_and_deactivates(house: House) -> None:
    admin = house.signed_in(Role.ADMIN)
    csrf = admin.headers["X-CSRF-Token"]
    shown = admin.post("/people", data={"csrf": csrf, "login": "moi", "name": "Mới", "role": "reviewer"}).text
    secret = re.search(r'class="secret">([^<]+)<', shown)
    assert secret is not None
    assert sign_in(house.client(), "moi", secret.group(1)) == 200
    assert "secret" in admin.post("/people/moi/reset", data={"csrf": csrf}).text
    assert admin.post("/people/moi/active", data={"csrf": csrf, "active": "false"}).status_code == 303
    assert sign_in(house.client(), "reviewer", PASSWORD) == 200
    assert admin.post("/people/admin/active", data={"csrf": csrf, "active": "false"}).status_code == 409


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/cases/999", 404), ("/cases/x", 422), ("/people", 403)]
)
def test_an_error_is_a_page_of_the_desk(house: House, path: str, status: int) -> None:
    answer = house.signed_in().get(path)
    assert answer.status_code == status
    assert 'href="/static/desk.css"' in answer.text


def test_the_language_is_kept_in_a_cookie(house: House) -> None:
    client = house.signed_in()
    client.post(
        "/settings", data={"csrf": client.headers["X-CSRF-Token"], "language": "en", "back": "//evil.example"}
    )
    assert "Protected speech" in client.get("/").text
    assert "Phát ngôn" not in re.sub(r'<div class="words.*?</div>', "", client.get("/").text, flags=re.DOTALL)


def test_a_hostile_post_stays_text_on_every_page(house: House) -> None:
    hostile = "<script>alert(1)</script> Uống nước tỏi là khỏi hẳn COVID, khỏi cần thuốc, chia sẻ gấp <img src=x onerror=a>"
    house.place.take(hostile, keys=["https://a.example/?<script>"])
    house.place.work(house.desk.engine)
    client = house.signed_in(Role.LEAD)
    case = next(
        c.id for c in house.place.cases() if "script" in client.get(f"/api/v1/cases/{c.id}").json()["text"]
    )
    for path in (
        f"/cases/{case}",
        "/queue",
        "/search?q=toi",
        "/search?q=<script>",
        "/audit?actor=<script>",
        "/?lane=<script>",
    ):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text


def test_a_rule_tree_kept_with_all_its_defaults_is_still_shown(house: House, reviewer: TestClient) -> None:
    def whole(rule: dict[str, Any]) -> dict[str, Any]:
        children = [whole(child) for child in rule.get("children", ())]
        return {"inputs": {}, "threshold": None, "combine": "leaf", **rule, "children": children}

    def tree() -> str:
        (found,) = re.findall(r'<ul class="rules">.*?</details>', reviewer.get(path).text, re.DOTALL)
        found = found[: found.rindex("</ul>")]
        return " ".join(found.split())

    path = f"/cases/{house.place.cases()[0].id}"
    now = tree()
    with house.desk.records.write() as session:
        for assessment in session.scalars(select(Assessment)).all():
            detail = {**assessment.detail, "why": whole(assessment.detail["why"])}
            assess_anew(session, assessment, detail=detail)
    assert tree() == now
    assert now.count("rule rule-") > 10
