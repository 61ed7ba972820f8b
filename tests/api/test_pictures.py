"""A picture of a page is asked for by a reviewer, once, and each look at it leaves an event."""

from __future__ import annotations

from io import BytesIO

import pytest
from sqlalchemy import select

from store.tables import Capture, Case, Event, Post, Rendering
from store.vocabulary import Role, TaskKind
from store.work_tables import Task
from tests.api.conftest import House
from tests.factory import NOW, assess_anew

PNG = b"\x89PNG\r\n\x1a\n picture"


@pytest.fixture
def case(house: House) -> Case:
    """A case whose post is flagged and has a page."""
    with house.desk.records.write() as session:
        found = session.scalars(select(Case).where(~Case.uncertain)).first()
        assert found is not None
        session.get_one(Post, found.post_id).url = "https://bao.example/1"
        return found


def owed(house: House) -> list[int]:
    with house.desk.records.read() as session:
        return list(session.scalars(select(Task.subject_id).where(Task.kind == TaskKind.RENDER)))


def test_a_picture_is_asked_for_once_by_who_may_review(house: House, case: Case) -> None:
    path = f"/api/v1/cases/{case.id}/picture"
    assert house.signed_in(Role.AUDITOR).post(path).status_code == 403
    reviewer = house.signed_in()
    assert "Chụp trang" in reviewer.get(f"/cases/{case.id}").text
    for _ in range(2):
        assert reviewer.post(path).status_code == 202
    assert owed(house) == [case.post_id]
    assert "đang chờ tới lượt" in reviewer.get(f"/cases/{case.id}").text
    assert reviewer.post("/api/v1/cases/999/picture").status_code == 404
    csrf = {"csrf": reviewer.headers["X-CSRF-Token"]}
    assert reviewer.post(f"/cases/{case.id}/picture", data=csrf).status_code == 303


def test_what_is_not_flagged_or_has_no_page_is_not_pictured(house: House, case: Case) -> None:
    reviewer = house.signed_in()
    with house.desk.records.write() as session:
        post = session.get_one(Post, case.post_id)
        post.url = None
    refused = reviewer.post(f"/api/v1/cases/{case.id}/picture")
    assert refused.status_code == 409
    with house.desk.records.write() as session:
        post = session.get_one(Post, case.post_id)
        post.url = "https://bao.example/1"
        assert post.assessment is not None
        assess_anew(session, post.assessment, flagged=False)
    assert reviewer.post(f"/api/v1/cases/{case.id}/picture").status_code == 409
    assert owed(house) == []


def test_each_look_at_a_picture_leaves_an_event(house: House, case: Case) -> None:
    reviewer = house.signed_in()
    path = f"/api/v1/cases/{case.id}/picture"
    assert reviewer.get(path).status_code == 404
    with house.desk.archive as archive:
        stored = archive.resource("urn:fullPage:https://bao.example/1", NOW, "image/png", BytesIO(PNG))
    with house.desk.records.write() as session:
        post = session.get_one(Post, case.post_id)
        capture = Capture(
            source_id=post.source_id, url="urn:fullPage:https://bao.example/1", at=NOW, media_type="image/png",
            sha256=stored.sha256, warc=stored.warc, offset=stored.offset, length=stored.length,
        )  # fmt: skip
        session.add(capture)
        session.flush()
        session.add(Rendering(post_id=post.id, at=NOW, picture_id=capture.id, document_id=capture.id))
    shut = reviewer.get(path)
    assert (shut.status_code, "lý do" in shut.json()["detail"]) == (409, True)
    assert reviewer.post(f"/api/v1/cases/{case.id}/open", json={"reason": " "}).status_code == 422
    assert reviewer.post(f"/api/v1/cases/{case.id}/open", json={"reason": "nghi ảnh ghép"}).status_code == 204
    answer = reviewer.get(path)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert house.signed_in(Role.LIAISON).get(path).status_code == 403
    assert path in reviewer.get(f"/cases/{case.id}/kept").text
    with house.desk.records.read() as session:
        events = session.scalars(select(Event).where(Event.action == "picture.read")).all()
    assert [event.subject for event in events] == [f"case:{case.id}"]
