"""Referrals over the API: by whom, of what, and every way around that a client may try."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from store.tables import Assessment, Case, Event, Post, Referral
from store.vocabulary import Role
from tests.api.conftest import House
from tests.factory import HARMFUL
from tests.referable import BASIS, allow


@pytest.fixture
def case_id(house: House) -> int:
    """A case that may be referred for fraud."""
    with house.desk.records.read():
        found = next(c for c in house.place.cases())
    allow(house.desk.records, found.id)
    return found.id


@pytest.fixture
def other_id(house: House, case_id: int) -> int:
    """A case in which the policy names no grounds for a referral."""
    found = (
        select(Case.id)
        .join(Post, Post.id == Case.post_id)
        .join(Assessment, Post.assessment_id == Assessment.id)
    )
    with house.desk.records.read() as session:
        return session.scalars(found.where(~Assessment.referable, Case.id != case_id).limit(1)).one()


def proposal(client: TestClient, case_id: int, **changes: Any) -> dict[str, Any]:
    possible = client.get(f"/api/v1/cases/{case_id}/referral").json()
    given = {"version": possible["version"], "seen": possible["seen"], "rule": "fraud", "legal_basis": BASIS}
    return given | {"necessity": "tài khoản vẫn nhận tiền", "milder": ["correction"]} | changes


def propose(client: TestClient, case_id: int, **changes: Any) -> Any:
    return client.post(f"/api/v1/cases/{case_id}/referral", json=proposal(client, case_id, **changes))


def answer(client: TestClient, **changes: Any) -> int:
    (text,) = client.get("/api/v1/second-reviews").json()
    given = {
        "outcome": "report",
        "act": "ad",
        "harms": ["scam"],
        "reason": "đọc thấy đòi tiền",
        "seen": text["seen"],
    }
    return client.post(f"/api/v1/second-reviews/{text['id']}", json=given | changes).status_code


def approve(client: TestClient, number: int, shown: dict[str, Any]) -> Any:
    bound = {"evidence_sha256": shown["evidence_sha256"], "policy": shown["policy"]}
    return client.post(f"/api/v1/referrals/{number}/approve", json=bound)


def kind(answered: Any) -> str:
    """Return the kind of problem that an answer names."""
    return str(answered.json()["type"]).rpartition(":")[2]


def test_two_persons_refer_a_case_and_the_liaison_sees_it_only_then(house: House, case_id: int) -> None:
    reviewer, lead, liaison = (house.signed_in(role) for role in (Role.REVIEWER, Role.LEAD, Role.LIAISON))
    rules = reviewer.get(f"/api/v1/cases/{case_id}/referral").json()["rules"]
    assert [rule["rule"] for rule in rules] == ["fraud"]
    assert BASIS in rules[0]["bases"]
    made = propose(reviewer, case_id)
    assert (made.status_code, made.json()["state"]) == (201, "proposed")
    number = made.json()["id"]

    # The liaison sees nothing of it, neither on the board nor by its address nor in the log of the case.
    assert set(liaison.get("/api/v1/referrals").json()["states"]) == {
        "approved", "exported", "acknowledged", "recalled",
    }  # fmt: skip
    assert liaison.get(f"/api/v1/referrals/{number}").status_code == 404
    activity = [line["what"] for line in liaison.get(f"/api/v1/cases/{case_id}").json()["activity"]]
    assert "referral_proposed" not in activity
    assert liaison.get("/api/v1/second-reviews").status_code == 403

    # The lead reviews the post blind before anything of the proposal is shown.
    board = lead.get("/api/v1/referrals").json()
    assert (board["blind"], board["states"]["proposed"]) == (1, [])
    assert lead.get(f"/api/v1/referrals/{number}").status_code == 409
    (text,) = lead.get("/api/v1/second-reviews").json()
    assert set(text) == {"id", "title", "text", "quotes", "kind", "language", "seen"}
    assert reviewer.get("/api/v1/second-reviews").json() == []
    assert reviewer.get(f"/api/v1/second-reviews/{text['id']}").status_code == 403
    assert answer(lead, act="dance") == 422
    assert answer(lead, reason=" ") == 422
    assert answer(lead) == 204

    shown = lead.get(f"/api/v1/referrals/{number}").json()
    assert (shown["next"], shown["lapsed"], shown["text"]) == ("approve", "", text["text"])
    assert shown["evidence_sha256"] == shown["evidence_now"]
    assert approve(lead, number, shown | {"evidence_sha256": "0" * 64}).status_code == 409
    assert approve(liaison, number, shown).status_code == 403
    assert approve(lead, number, shown).json()["state"] == "approved"
    assert approve(lead, number, shown).status_code == 409
    seen = liaison.get(f"/api/v1/referrals/{number}").json()
    assert (seen["approver"], seen["moves"]) == ("Lead", ["exported"])
    assert liaison.get("/api/v1/referrals").json()["yours"] == [number]

    assert lead.post(f"/api/v1/referrals/{number}/withdraw", json={"reason": ""}).status_code == 422
    assert (
        lead.post(f"/api/v1/referrals/{number}/withdraw", json={"reason": "sai"}).json()["state"]
        == "withdrawn"
    )
    assert liaison.get(f"/api/v1/referrals/{number}").status_code == 404


def test_no_client_gets_around_the_second_person(house: House, case_id: int) -> None:
    # The same person under two sessions is one person.
    first, second = house.signed_in(Role.ADMIN), house.signed_in(Role.ADMIN)
    number = propose(first, case_id).json()["id"]
    shown = first.get(f"/api/v1/referrals/{number}").json()
    for client in (first, second):
        assert client.get("/api/v1/second-reviews").json() == []
        refused = approve(client, number, shown)
        assert (refused.status_code, kind(refused)) == (403, "same-person")
        assert client.post(f"/api/v1/referrals/{number}/reject", json={"reason": "x"}).status_code == 403
    reviewer, lead = house.signed_in(Role.REVIEWER), house.signed_in(Role.LEAD)
    assert kind(approve(lead, number, shown)) == "not-yet-reviewed"
    # Naming another person, or a state, is no field of any request.
    for extra in ({"approver_id": 2}, {"state": "approved"}):
        body = {"evidence_sha256": shown["evidence_sha256"], "policy": shown["policy"]} | extra
        assert lead.post(f"/api/v1/referrals/{number}/approve", json=body).status_code == 422
        assert (
            reviewer.post(
                f"/api/v1/cases/{case_id}/referral", json=proposal(reviewer, case_id, **extra)
            ).status_code
            == 422
        )
    assert answer(reviewer) == 204
    assert approve(lead, number, shown).json()["state"] == "approved"


def test_nothing_is_referred_in_bulk_by_decision_or_without_its_words(
    house: House, case_id: int, other_id: int
) -> None:
    reviewer = house.signed_in()
    others = [case.id for case in house.place.cases() if case.id != case_id]
    given = proposal(reviewer, case_id)
    assert reviewer.post("/api/v1/cases/1,2/referral", json=given).status_code == 422
    assert reviewer.post(f"/api/v1/cases/{case_id}/referral", json=[given, given]).status_code == 422
    assert reviewer.post("/api/v1/referrals", json={"cases": [case_id, *others]}).status_code == 405
    lease = reviewer.post(f"/api/v1/cases/{case_id}/lease").json()
    for outcome in ("referral", "refer", "proposed"):
        decided = {
            "version": lease["version"],
            "token": lease["token"],
            "seen": given["seen"],
            "outcome": outcome,
        }
        assert reviewer.post(f"/api/v1/cases/{case_id}/decide", json=decided).status_code == 422
    for changes in ({"necessity": ""}, {"milder": []}, {"milder": ["nothing"]}, {"legal_basis": "Điều 331"}):
        assert propose(reviewer, case_id, **changes).status_code == 422
    for changes in ({"rule": "falsehood"}, {"seen": "0" * 64}, {"version": 99}):
        assert propose(reviewer, case_id, **changes).status_code == 409
    assert propose(reviewer, other_id).status_code == 409
    assert (
        house.signed_in(Role.AUDITOR).post(f"/api/v1/cases/{case_id}/referral", json=given).status_code == 403
    )
    with house.desk.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Referral)) == 0
        assert (
            session.scalar(select(func.count()).select_from(Event).where(Event.action.startswith("referral")))
            == 0
        )


def test_the_form_says_what_is_missing_and_keeps_what_was_written(
    house: House, case_id: int, other_id: int
) -> None:
    reviewer = house.signed_in()
    csrf = {"csrf": reviewer.headers["X-CSRF-Token"]}
    page = reviewer.get(f"/cases/{case_id}/referral").text
    assert BASIS in page
    given = proposal(reviewer, case_id)
    filled = csrf | {
        "version": given["version"],
        "seen": given["seen"],
        "basis": f"fraud|{BASIS}",
        "necessity": "vì tiền",
    }
    refused = reviewer.post(f"/cases/{case_id}/referral", data=filled)
    assert refused.status_code == 422
    assert "ít nhất một biện pháp nhẹ hơn" in refused.text
    assert "vì tiền" in refused.text
    done = reviewer.post(
        f"/cases/{case_id}/referral", data=filled | {"milder": ["correction", "platform_report"]}
    )
    assert (done.status_code, done.headers["location"]) == (303, "/referrals/1")
    again = reviewer.get(f"/cases/{case_id}/referral").text
    assert "đã có đề nghị 1" in again
    assert "không thuộc tác hại" in reviewer.get(f"/cases/{other_id}/referral").text
    lead = house.signed_in(Role.LEAD)
    assert "chờ xem lại độc lập" in lead.get("/referrals").text
    blind = lead.get(f"/second-reviews/{case_id}").text
    assert HARMFUL[0] in blind or "words reading" in blind
    for told in ("vì tiền", "Điều 174", "/cases/", "/referrals/1"):
        assert told not in blind
