"""The knowledge base on the desk and through the API: all may read it, a lead changes it, each change is an event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

import models
from store import claims
from store.vocabulary import Role
from tests.api.conftest import House

ROW = {
    "id": "la-oi", "claim": "Uống nước lá ổi chữa khỏi COVID <script>", "harm": "cure", "verdict": "false",
    "correction": "Không chữa được.", "source": {"name": "Sở Y tế", "url": "https://yte.example/la-oi"},
}  # fmt: skip


@pytest.fixture
def stocked(house: House) -> House:
    with house.desk.records.write() as session:
        claims.take_shipped(session)
    return house


def actions(house: House) -> list[str]:
    events = house.signed_in(Role.AUDITOR).get("/api/v1/audit?subject=claim:la-oi").json()
    return [event["action"] for event in events][::-1]


def test_others_read_and_a_lead_adds_edits_and_retires_and_each_is_an_event(stocked: House) -> None:
    for role in (Role.REVIEWER, Role.LIAISON, Role.AUDITOR):
        require_reading_alone(stocked.signed_in(role))
    assert stocked.client().get("/api/v1/claims").status_code == 401
    require_finding(stocked.signed_in())
    lead, path = stocked.signed_in(Role.LEAD), "/api/v1/claims/la-oi"
    assert lead.post("/api/v1/claims", json=ROW).status_code == 201
    assert lead.post("/api/v1/claims", json=ROW).status_code == 409
    refused = lead.post("/api/v1/claims", json={**ROW, "id": "hai", "harm": "lạ"})
    assert (refused.status_code, "harm 'lạ' không có" in refused.json()["detail"]) == (422, True)
    assert lead.post(path, json={"verdict": "unproven"}).status_code == 422  # why?
    changed = {
        "verdict": "unproven",
        "valid_from": "2021-07-01",
        "source": {"date": "2021-07"},
        "reason": "mới",
    }
    assert lead.post(path, json=changed).json() == {"taken": "updated"}
    assert lead.post(path, json=changed).json() == {"taken": "unchanged"}
    assert lead.post(f"{path}/retire", json={"reason": ""}).status_code == 422
    assert lead.post(f"{path}/retire", json={"reason": "trùng"}).status_code == 200
    answer = stocked.signed_in().get(path).json()
    assert [one["version"] for one in answer["versions"]] == [3, 2, 1]
    newest = answer["claim"]
    assert (newest["verdict"], newest["valid_from"], newest["retired"]) == ("unproven", "2021-07-01", True)
    assert newest["source"] == {"name": "Sở Y tế", "url": "https://yte.example/la-oi", "date": "2021-07"}
    assert (newest["by"], newest["reason"]) == ("Lead", "trùng")
    assert lead.post(f"{path}/restore", json={"reason": "nhầm"}).status_code == 200
    assert actions(stocked) == ["claim.added", "claim.changed", "claim.retired", "claim.restored"]
    require_exchange(lead)


def require_exchange(lead: TestClient) -> None:
    exported = lead.get("/api/v1/claims/export")
    assert exported.headers["Content-Type"] == "application/ld+json"
    graph: list[dict[str, Any]] = exported.json()["@graph"]
    assert len(graph) == len(models.claims()) + 1
    ours = next(one for one in graph if one["@id"].endswith(":la-oi"))
    assert ours["itemReviewed"]["text"] == ROW["claim"]
    few = json.dumps(
        {"@graph": [*graph[:3], {"@type": "ClaimReview"}, {**ours, "@id": "urn:kiemtin:claim:moi"}]}
    )
    answer = lead.post("/api/v1/claims/import", json={"text": few}).json()
    assert (answer["new"], answer["updated"], answer["unchanged"]) == (1, 0, 3)
    assert [one["line"] for one in answer["refused"]] == [4]
    nothing = lead.post("/api/v1/claims/import", json={"text": "xin chào"})
    assert nothing.status_code == 422


def require_reading_alone(client: TestClient) -> None:
    first = models.claims()[0]["id"]
    assert client.get("/api/v1/claims").json()["total"] == len(models.claims())
    assert client.get(f"/api/v1/claims/{first}").status_code == 200
    for path, body in (
        ("", ROW), (f"/{first}", {"note": "x", "reason": "x"}), (f"/{first}/retire", {"reason": "x"}),
        (f"/{first}/restore", {"reason": "x"}), ("/import", {"text": json.dumps(ROW)}),
    ):  # fmt: skip
        assert client.post(f"/api/v1/claims{path}", json=body).status_code == 403
    assert client.get("/claims/new").status_code == client.get(f"/claims/{first}/edit").status_code == 403
    assert "Thêm tuyên bố" not in client.get("/claims").text
    assert f"/claims/{first}/retire" not in client.get(f"/claims/{first}").text


def require_finding(client: TestClient) -> None:
    def ids(query: str) -> list[str]:
        return [one["id"] for one in client.get(f"/api/v1/claims?{query}").json()["claims"]]

    assert "garlic-water-cure" in ids("q=nước tỏi")
    assert {*ids("harm=scam&limit=200")} == {row["id"] for row in models.claims() if row["harm"] == "scam"}
    following = client.get("/api/v1/claims?limit=2").links["next"]["url"]
    assert [one["id"] for one in client.get(following).json()["claims"]] == ids("limit=200")[2:4]
    assert ids("state=retired") == []
    for wrong in ("limit=0", "limit=500", "after=-1", "state=x"):
        assert client.get(f"/api/v1/claims?{wrong}").status_code == 422
    assert client.get("/api/v1/claims/khong-co").status_code == 404


def fields(**changed: str) -> dict[str, str]:
    source = {f"source_{name}": value for name, value in ROW["source"].items()}  # type: ignore[attr-defined]
    plain = {name: value for name, value in ROW.items() if isinstance(value, str)}
    return {**plain, **source, "paraphrases": "cách một\n\ncách hai", **changed}


def test_the_pages_show_claims_and_let_a_lead_change_them(stocked: House) -> None:
    lead = stocked.signed_in(Role.LEAD)
    csrf = {"csrf": lead.headers["X-CSRF-Token"]}
    shown = lead.get("/claims?q=nuoc+toi").text
    assert 'href="/claims/garlic-water-cure"' in shown
    assert 'href="/claims/garlic-prevents"' not in lead.get("/claims?harm=scam").text
    assert "Không có tuyên bố nào khớp" in lead.get("/claims?q=zzzz").text
    wrong = lead.post(
        "/claims/new", data={**csrf, **fields(valid_from="2021-02-01", valid_until="2021-01-01")}
    )
    assert wrong.status_code == 422
    assert "valid_from sau valid_until" in wrong.text
    assert "cách hai" in wrong.text  # what was typed is still there
    added = lead.post("/claims/new", data={**csrf, **fields()})
    assert (added.status_code, added.headers["Location"]) == (303, "/claims/la-oi")
    assert lead.post("/claims/new", data={**csrf, **fields()}).status_code == 409
    page = lead.get("/claims/la-oi").text
    assert "COVID &lt;script&gt;" in page
    assert "cách hai" in page
    assert 'value="https://yte.example/la-oi"' in lead.get("/claims/la-oi/edit").text
    assert lead.post("/claims/la-oi/edit", data={**csrf, **fields(correction="Lời mới.")}).status_code == 422
    edit = lead.post("/claims/la-oi/edit", data={**csrf, **fields(correction="Lời mới.", reason="nguồn mới")})
    assert edit.status_code == 303
    lead.post("/claims/la-oi/retire", data={**csrf, "reason": "trùng"})
    page = stocked.signed_in().get("/claims/la-oi").text
    for words in ("Lời mới.", "Không chữa được.", "nguồn mới", "đã rút", "trùng"):
        assert words in page
    lead.post("/claims/la-oi/restore", data={**csrf, "reason": "nhầm"})
    assert actions(stocked) == ["claim.added", "claim.changed", "claim.retired", "claim.restored"]
    lead.cookies.set("kiemtin_language", "en")
    for path, words in (
        ("/claims", "Fact-checked claims"),
        ("/claims/la-oi", "Versions"),
        ("/claims/new", "Add a claim"),
    ):
        assert words in lead.get(path).text


def test_a_case_shows_its_claim_with_verdict_source_and_the_words_that_match(house: House) -> None:
    assert "kiemtin claims import" in house.signed_in().get("/claims").text  # nothing there yet
    with house.desk.records.write() as session:
        claims.take_shipped(session)
    row = models.claims()[0]
    filler = "Sáng nay tôi ra chợ mua rau rồi ghé nhà chị Sáu uống trà. "
    house.place.take(
        filler + row["claim"] + " Nhà tôi uống nước tỏi khỏi hẳn, khỏi cần thuốc tây. Share gấp!"
    )
    house.place.work()
    client = house.signed_in()
    cases = [client.get(f"/api/v1/cases/{case.id}").json() for case in house.place.cases()]
    case = next(one for one in cases if filler in one["text"])
    (found, *_) = case["assessment"]["claims"]
    assert (found["claim_id"], found["version"], found["confirmed"]) == (row["id"], 1, True)
    assert row["claim"] in case["text"][found["start"] : found["end"]]
    page = client.get(f"/cases/{case['case_id']}").text
    for words in (
        f'href="/claims/{row["id"]}"',
        row["correction"],
        row["source"]["name"],
        "Chỗ khớp:",
        "khớp",
    ):
        assert words in page
