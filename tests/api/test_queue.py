"""The queue over HTTP: its pages and their JSON, and what others do as it happens."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from api import live
from api.desk import Desk
from api.live import Live
from review import queue
from review_ui.app import create_app
from search.open import open_engine
from store.archive import Archive
from store.records import Records
from store.vocabulary import Role
from tests.api.conftest import PASSWORD, Clock, House
from tests.api.test_pages import fields
from tests.factory import HARMFUL, Place, person
from tests.joined import join


@pytest.fixture
def house(sqlite: Records, tmp_path: Path) -> Iterator[House]:
    """A small house: five posts, a lead and a reviewer."""
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    place, clock = Place(sqlite), Clock()
    place.take(*HARMFUL[:5])
    place.work(engine)
    with sqlite.write() as session:
        for role in (Role.LEAD, Role.REVIEWER):
            join(session, role.value, role, PASSWORD)
    yield House(Desk(sqlite, engine, Archive(tmp_path / "archive"), clock=clock), place, clock)
    engine.close()


def ids(client: TestClient) -> dict[str, int]:
    return {one["name"]: one["id"] for one in client.get("/api/v1/colleagues").json()}


def test_the_list_shows_the_parts_of_each_priority_and_when_it_is_due(house: House) -> None:
    house.clock.now = house.place.cases()[0].waits_from
    client = house.signed_in()
    rows = client.get("/api/v1/queue").json()
    assert [row["priority"] for row in rows] == sorted((row["priority"] for row in rows), reverse=True)
    parts = rows[0]["priority_parts"]
    product = 100.0
    for factor in ("harm", "severity", "raised", "spread", "fresh"):
        product *= parts[factor]
    assert product == pytest.approx(parts["total"])
    assert rows[0]["due_at"]
    shown = client.get("/queue").text
    assert "hại ." in shown
    assert "lan 1,0" in shown
    assert "còn 24 giờ" in shown
    assert "Ưu tiên" in client.get(f"/cases/{rows[0]['case_id']}").text


def test_late_cases_are_counted_on_the_screen_and_in_the_metrics(house: House) -> None:
    client = house.signed_in()
    assert client.get("/api/v1/clocks").json()["all"] == {"hours": 24.0, "overdue": 0}
    house.clock.now = house.place.cases()[0].waits_from
    house.clock.later(hours=25)
    client = house.signed_in()
    late = client.get("/api/v1/clocks").json()
    assert late["all"]["overdue"] == len(house.place.cases())
    assert "quá hạn" in client.get("/queue").text
    assert "quá hạn" in client.get("/").text
    assert 'kiemtin_cases_overdue{lane="scam"}' in house.client().get("/metrics").text


def test_a_lead_assigns_and_the_person_finds_it_in_a_lane_of_their_own(house: House) -> None:
    lead, reviewer = house.signed_in(Role.LEAD), house.signed_in()
    case = house.place.cases()[0].id
    to = ids(lead)["Reviewer"]
    csrf = lead.headers["X-CSRF-Token"]
    answer = lead.post(f"/cases/{case}/assign", data={"csrf": csrf, "to": to, "note": "rành"})
    assert answer.status_code == 303
    assert "giao cho Reviewer" in lead.get("/queue").text
    assert reviewer.get("/api/v1/lanes").json()["assigned"] == 1
    assert f'data-row="{case}"' in reviewer.get("/queue?lane=assigned").text
    refused = reviewer.post(f"/api/v1/cases/{case}/assign", json={"to": to})
    assert refused.status_code == 403
    assert reviewer.post("/api/v1/lanes/assigned/next").json()["case_id"] == case
    assert lead.post(f"/api/v1/cases/{case}/assign", json={"to": to}).status_code == 409


def test_a_case_is_handed_over_from_the_screen(house: House) -> None:
    reviewer, lead = house.signed_in(), house.signed_in(Role.LEAD)
    given = fields(reviewer)
    to = ids(reviewer)["Lead"]
    path = f"/cases/{given['case']}/hand-over"
    assert f'action="{path}"' in reviewer.get("/").text
    answer = reviewer.post(
        path, data={"csrf": given["csrf"], "token": given["token"], "to": to, "note": "nhờ xem"}
    )
    assert answer.status_code == 303
    assert fields(reviewer)["case"] != given["case"]
    assert f'data-row="{given["case"]}"' in lead.get("/queue?lane=assigned").text
    late = reviewer.post(f"/api/v1{path}", json={"token": given["token"], "to": to})
    assert late.status_code == 409


def test_filters_are_kept_from_the_queue_and_from_search(house: House) -> None:
    lead, reviewer = house.signed_in(Role.LEAD), house.signed_in()
    csrf = lead.headers["X-CSRF-Token"]
    form = re.search(r'name="query" value="([^"]*)"', lead.get("/queue?lane=scam").text)
    assert form is not None
    kept = {"csrf": csrf, "kind": "queue", "name": "Lừa đảo", "query": form.group(1), "shared": "true"}
    assert lead.post("/filters", data=kept).headers["Location"] == "/filters"
    assert 'name="kind" value="search"' in lead.get("/search?q=toi").text
    for page in ("/", "/queue", "/filters"):
        assert "Lừa đảo" in reviewer.get(page).text
    (mine,) = reviewer.get("/api/v1/filters").json()
    assert (mine["owner"], mine["query"], mine["shared"]) == ("Lead", "lane=scam", True)
    assert reviewer.delete(f"/api/v1/filters/{mine['id']}").status_code == 404
    wrong = lead.post("/filters", data={**kept, "channel": "email", "alert_to": "không phải thư"})
    assert wrong.status_code == 422
    assert "không phải thư" in wrong.text
    assert lead.post(f"/filters/{mine['id']}/remove", data={"csrf": csrf}).status_code == 303
    assert reviewer.get("/api/v1/filters").json() == []


def test_the_break_is_as_a_person_wants_it(house: House) -> None:
    client = house.signed_in()
    assert 'data-break="50"' in client.get("/").text
    csrf = client.headers["X-CSRF-Token"]
    assert "Đã lưu." in client.post("/breaks", data={"csrf": csrf, "minutes": "0"}).text
    assert "data-break=" not in client.get("/").text
    assert client.put("/api/v1/me/preferences", json={"break_minutes": 25}).json() == {"break_minutes": 25}
    assert 'data-break="25"' in client.get("/").text
    assert client.put("/api/v1/me/preferences", json={"break_minutes": 481}).status_code == 422


def test_a_program_asks_what_happened_since(house: House) -> None:
    reviewer, lead = house.signed_in(), house.signed_in(Role.LEAD)
    start = lead.get("/api/v1/live").json()
    assert start["changes"] == []
    case = reviewer.post("/api/v1/lanes/all/next").json()["case_id"]
    heard = lead.get("/api/v1/live", params={"after": start["last"]}).json()
    (change,) = heard["changes"]
    assert change == {
        "id": heard["last"],
        "case_id": case,
        "what": "leased",
        "who": "Reviewer",
        "mine": False,
    }
    assert reviewer.get("/api/v1/live", params={"after": start["last"]}).json()["changes"][0]["mine"]
    assert house.client().get("/api/v1/live").status_code == 401


@contextmanager
def served(house: House) -> Iterator[tuple[str, Live]]:
    app = create_app(house.desk)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", app.state.live
    finally:
        server.should_exit = True
        thread.join()


def test_pages_hear_what_another_process_does(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 0.02)
    with served(house) as (url, hub):
        session = house.signed_in().cookies["kiemtin_session"]
        client = httpx.Client(base_url=url, cookies={"kiemtin_session": session}, timeout=30)
        headers = {"Accept": "text/event-stream"}
        with (
            client.stream("GET", "/api/v1/live", headers=headers) as one,
            client.stream("GET", "/api/v1/live", headers=headers) as two,
        ):
            assert one.headers["Content-Type"].startswith("text/event-stream")
            streams = [stream.iter_lines() for stream in (one, two)]
            assert [next(lines) for lines in streams] == ["retry: 3000"] * 2
            # Not through the server: as another process would, in the same records.
            minh = person(house.desk.records, "minh")
            case = house.place.cases()[0].id
            with house.desk.records.write() as writing:
                held = queue.lease(writing, minh, case, house.clock())
                queue.release(writing, minh, case, held.token, house.clock())
            for lines in streams:
                said = [_data(lines) for _ in range(2)]
                assert [one["what"] for one in said] == ["leased", "released"]
                assert all((one["case_id"], one["who"], one["mine"]) == (case, "Minh", False) for one in said)
            hub.close()
            assert [list(lines)[-1] for lines in streams] == ["", ""]
        client.close()


def _data(lines: Iterator[str]) -> dict[str, object]:
    said = next(line for line in lines if line.startswith("data: "))
    found: dict[str, object] = json.loads(said.removeprefix("data: "))
    return found
