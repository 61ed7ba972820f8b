"""Reports that a hotline's system posts: what is taken, what is refused, and that nothing is lost or doubled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.app import create_api
from api.desk import Desk, Hotline
from api.hotline import A_MINUTE, LARGEST
from crawlers.imports.mapping import FIELDS
from search.open import open_engine
from store import audit
from store.archive import Archive
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Event, Post, Run, Source
from store.vocabulary import PostKind, SourceKind
from store.work_tables import Task
from tests.api.conftest import Clock

BEARER = {"Authorization": "Bearer ma-thu-0123456789"}
URL = "/api/v1/reports"


@pytest.fixture
def desk(records: Records, keys: Keys, tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    hotline = Hotline("ma-thu-0123456789", keys, lambda: Archive(tmp_path / "archive"))
    yield Desk(records, engine, Archive(tmp_path / "archive"), hotline=hotline, clock=Clock())
    engine.close()


@pytest.fixture
def caller(desk: Desk) -> TestClient:
    return TestClient(create_api(desk), base_url="http://desk.example", headers=BEARER)


def report(number: int, **fields: object) -> dict[str, object]:
    return {"id": number, "text": f"Phản ánh số {number}: có người bán thuốc lạ ở đầu hẻm", **fields}


def count(records: Records, table: type) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_reports_become_posts_of_the_hotline(desk: Desk, caller: TestClient, keys: Keys) -> None:
    told = report(
        1, title="Thuốc lạ", url="https://A.example/ban?utm_source=x", published="20/11/2026 08:30",
        author="Người gọi 0900 000 000",
    )  # fmt: skip
    answer = caller.post(URL, json={"reports": [told, report(2)]})
    assert answer.status_code == 200
    assert answer.json() == {"run": 1, "accepted": 2, "seen": 0, "refused": [], "repeated": False}
    with desk.records.read() as session:
        one, other = session.scalars(select(Post).order_by(Post.row))
        source, run = session.scalars(select(Source)).one(), session.scalars(select(Run)).one()
        capture = session.scalars(select(Capture)).one()
        events = list(session.scalars(select(Event.action).order_by(Event.id)))
        assert audit.verify(session).ok
    assert (source.name, source.kind) == ("Đường dây nóng", SourceKind.HOTLINE)
    assert (one.key, one.url) == ("import:Đường dây nóng:1", "https://a.example/ban")
    assert one.kind == other.kind == PostKind.HOTLINE
    assert one.text.startswith("Thuốc lạ\n\nPhản ánh số 1")
    assert one.published_at == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
    assert "0900" not in f"{one.text}{one.title}{one.author}{one.facts}"
    assert keys.unseal(one.author_sealed or b"") == "Người gọi 0900 000 000"
    assert run.capture_id == one.capture_id == capture.id
    assert events == ["source.added", "import.started", "import.finished"]
    assert count(desk.records, Task) == 2
    kept = desk.archive.read(capture.warc, capture.offset).body.decode()
    assert [json.loads(line)["id"] for line in kept.splitlines()] == [1, 2]


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/json", ""])
def test_a_line_that_cannot_be_read_is_refused_alone(caller: TestClient, media_type: str) -> None:
    lines = [
        json.dumps(report(1)), "{hỏng", "", json.dumps({"id": 3, "text": " "}), json.dumps({"text": "vô danh"}),
        json.dumps(report(5, url="javascript:alert(1)")), "[1]", json.dumps(report(7, published="hôm kia")),
        json.dumps(report(8)),
    ]  # fmt: skip
    answer = caller.post(URL, content="\n".join(lines).encode(), headers={"Content-Type": media_type})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["accepted"], found["seen"]) == (2, 0)
    assert [one["row"] for one in found["refused"]] == [2, 3, 4, 5, 6, 7]
    assert [one["reason"].split(":")[0] for one in found["refused"]] == [
        "không phải JSON", "cột 'text' trống", "thiếu id", "đường dẫn 'javascript", "không phải một đối tượng JSON",
        "không đọc được thời gian 'hôm kia'",
    ]  # fmt: skip


def test_the_same_body_again_changes_nothing_and_is_answered_the_same(desk: Desk, caller: TestClient) -> None:
    body = {"reports": [report(1), {"id": 2, "text": ""}, report(1)]}
    first, again = (caller.post(URL, json=body).json() for _ in range(2))
    assert first == {**again, "repeated": False}
    assert again["repeated"]
    assert (again["accepted"], again["seen"], again["refused"][0]["row"]) == (1, 1, 2)
    assert (count(desk.records, Post), count(desk.records, Run), count(desk.records, Capture)) == (1, 1, 1)
    assert count(desk.records, Event) == 3


def test_a_known_report_is_seen_and_a_changed_one_is_a_new_version(desk: Desk, caller: TestClient) -> None:
    caller.post(URL, json={"reports": [report(1), report(2)]})
    changed = {**report(2), "text": "Gọi lại: người bán đã bỏ đi"}
    found = caller.post(URL, json={"reports": [report(1), changed, report(3)]}).json()
    assert (found["accepted"], found["seen"]) == (2, 1)
    with desk.records.read() as session:
        assert list(session.scalars(select(Post.version).order_by(Post.key))) == [1, 2, 1]


def test_a_report_about_a_page_leaves_the_post_of_that_page_alone(desk: Desk, caller: TestClient) -> None:
    with desk.records.write() as session:
        session.add(Source(name="Báo", kind="feed", legal_basis="thử", added_at=datetime.now(UTC)))
    about = {"url": "https://bao.example/bai-1.html"}
    found = caller.post(URL, json={"reports": [report(1, **about), report(2, **about)]}).json()
    assert found["accepted"] == 2
    with desk.records.read() as session:
        assert "https://bao.example/bai-1.html" not in session.scalars(select(Post.key)).all()
    into = caller.post(f"{URL}?source=Báo", json={"reports": [report(3)]})
    assert into.status_code == 409
    assert "không phải đường dây nóng" in into.json()["detail"]


def test_another_hotline_has_a_source_of_its_own(desk: Desk, caller: TestClient) -> None:
    for name in ("Đường dây nóng", "Tổng đài huyện"):
        found = caller.post(f"{URL}?source={name}", json={"reports": [report(1)]}).json()
        assert (found["accepted"], found["repeated"]) == (1, False)
    with desk.records.read() as session:
        assert set(session.scalars(select(Post.key))) == {
            "import:Đường dây nóng:1", "import:Tổng đài huyện:1"
        }  # fmt: skip
    for wrong in ("%20", "a" * 201, "a%00b", "a%0Ab"):
        assert caller.post(f"{URL}?source={wrong}", json={"reports": [report(1)]}).status_code == 422


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer sai", "bearer ma-thu-0123456789", "Basic ma-thu-0123456789"]
)
def test_without_the_token_nothing_is_read(desk: Desk, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = TestClient(create_api(desk)).post(URL, json={"reports": [report(1)]}, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert count(desk.records, Run) == 0


def test_a_desk_without_a_token_takes_no_reports(desk: Desk) -> None:
    closed = TestClient(create_api(replace(desk, hotline=None)), headers={"Authorization": "Bearer "})
    answer = closed.post(URL, json={"reports": [report(1)]})
    assert answer.status_code == 404
    assert "KIEMTIN_HOTLINE_TOKEN" in answer.json()["detail"]


def test_no_other_site_may_set_the_header(desk: Desk) -> None:
    answer = TestClient(create_api(desk)).options(
        URL,
        headers={
            "Origin": "https://la.example", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        },
    )  # fmt: skip
    assert answer.status_code == 405
    assert not any(name.lower().startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"   \n ", 422),
        (b'{"reports": []}', 422),
        (b'{"reports": {"id": 1}}', 422),
        (b"[]", 422),
        (b'{"reports": [{"id": 1, "te', 422),
        (b"id=1&text=abc", 422),
        (b"\xff\xfe\x00", 422),
        (b'{"a":' * 5000, 422),
        (b'{"id": 1, "text": "b\xc3\xa0i"}\n' * 1001, 422),
        (b" " * (LARGEST + 1), 413),
    ],
)
def test_what_is_no_list_of_reports_is_a_clear_error(
    desk: Desk, caller: TestClient, body: bytes, status: int
) -> None:
    answer = caller.post(URL, content=body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert count(desk.records, Run) == 0


def test_five_megabytes_and_a_thousand_reports_are_taken(desk: Desk, caller: TestClient) -> None:
    many = [{"id": n, "text": f"phản ánh {n}"} for n in range(999)] + [{"id": "dài", "text": "x " * 90_000}]
    body = json.dumps({"reports": many}).encode()
    found = caller.post(URL, content=body + b" " * (LARGEST - len(body))).json()
    assert (found["accepted"], found["refused"]) == (1000, [])
    assert count(desk.records, Post) == 1000


def test_too_many_calls_a_minute_are_told_when_to_come_again(desk: Desk, caller: TestClient) -> None:
    clock = desk.clock
    assert isinstance(clock, Clock)
    body = {"reports": [report(1)]}
    for _ in range(A_MINUTE - 1):
        assert caller.post(URL, content=b"").status_code == 422
    clock.later(seconds=20)
    assert caller.post(URL, json=body).status_code == 200
    late = caller.post(URL, json=body)
    assert (late.status_code, late.headers["Retry-After"]) == (429, "40")
    assert "40 giây" in late.json()["detail"]
    clock.later(seconds=40)
    assert caller.post(URL, json=body).json()["repeated"]


def test_many_at_once_lose_and_double_nothing(desk: Desk, tmp_path: Path) -> None:
    app = create_api(desk)
    # Each batch is sent by two, and shares a report with the batch after it.
    batches = [[report(n) for n in range(10 * b, 10 * b + 11)] for b in range(16)]

    def send(batch: list[dict[str, object]]) -> dict[str, Any]:
        answer = TestClient(app, headers=BEARER).post(URL, json={"reports": batch})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(send, [batch for batch in batches for _ in range(2)]))
    assert sum(not one["repeated"] for one in found) == len(batches)
    assert sum(one["accepted"] for one in found if not one["repeated"]) == 161
    assert (count(desk.records, Post), count(desk.records, Run), count(desk.records, Task)) == (161, 16, 161)
    with desk.records.read() as session:
        assert audit.verify(session).ok
        captures = session.scalars(select(Capture)).all()
    for capture in captures:
        assert desk.archive.read(capture.warc, capture.offset).body.count(b"\n") == 11


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.text("0123456789-/:. ")
    | st.just(10**400) | st.sampled_from(["0001-01-01", "9999-12-31T23:59:59-14:00", "a\0b", "\ud800", "http://[", "http://a\0b/"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5,
)  # fmt: skip
ROWS = st.lists(
    st.dictionaries(st.sampled_from([*FIELDS, "khác"]), VALUES)
    | st.fixed_dictionaries({"id": VALUES, "text": st.just("một bài")}, optional=dict.fromkeys(FIELDS[2:], VALUES))
    | VALUES, min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_whatever_is_reported_is_taken_or_refused_with_a_reason(
    desk: Desk, caller: TestClient, rows: list[Any]
) -> None:
    assert isinstance(desk.clock, Clock)
    desk.clock.later(seconds=60)
    found = caller.post(URL, content=json.dumps({"reports": rows})).json()
    assert found["accepted"] + found["seen"] + len(found["refused"]) == len(rows)
    assert all(one["reason"] for one in found["refused"])
