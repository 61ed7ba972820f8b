"""The page of sources: how each stands, and what a lead may do with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from crawlers.probe import Probe
from crawlers.sources import parse, sync
from store import tasks
from store.tables import Post, Source
from store.vocabulary import Role, SourceKind, TaskKind
from store.work_tables import Page, Task
from tests.api.conftest import House


def test_a_source_that_fails_says_so_and_why(house: House) -> None:
    with house.desk.records.write() as session:
        source = session.scalars(select(Source)).first()
        assert source is not None
        due = house.clock() + timedelta(hours=1)
        for url, role, attempts in (
            ("https://x.example/rss", "root", 3),
            ("https://x.example/1", "article", 0),
        ):
            session.add(
                Page(
                    source_id=source.id, url=url, role=role, attempts=attempts, due_at=due, found_at=due,
                    error="http/500" if attempts else None, every=1800 if attempts else None,
                )
            )  # fmt: skip
    client = house.signed_in()
    (answer,) = [one for one in client.get("/api/v1/sources").json() if one["id"] == source.id]
    assert (answer["failures"], answer["error"], answer["pages_waiting"]) == (3, "http/500", 2)
    shown = client.get("/sources").text
    for words in ("lỗi liên tiếp 3", "http/500", "trang đang chờ: 2"):
        assert words in shown


def test_a_lead_pauses_a_source_lets_it_go_on_and_tries_it_out(house: House) -> None:
    tried: list[str] = []

    def try_source(name: str) -> dict[str, object]:
        tried.append(name)
        if name == "Hỏng":
            raise ValueError("máy chủ không trả lời")
        found: dict[str, object] = Probe("https://a.example/", SourceKind.FEED, reason="http/404").to_dict()
        return found

    house = replace(house, desk=replace(house.desk, try_source=try_source))
    entries = [
        {"name": name, "kind": "feed", "url": f"https://{host}.example/", "legal_basis": "thử"}
        for name, host in (("Báo", "a"), ("Hỏng", "b"))
    ]
    with house.desk.records.write() as session:
        sync(session, parse(entries), whole=False)
        ids = {one.name: one.id for one in session.scalars(select(Source))}
    reviewer, lead = house.signed_in(), house.signed_in(Role.LEAD)
    path = f"/api/v1/sources/{ids['Báo']}"
    for action in ("pause", "resume", "test"):
        assert reviewer.post(f"{path}/{action}").status_code == 403
        assert lead.post(f"/api/v1/sources/999/{action}").status_code == 404

    def paused() -> bool:
        (one,) = [one for one in lead.get("/api/v1/sources").json() if one["name"] == "Báo"]
        return one["paused_at"] is not None

    lead.post(f"{path}/pause")
    assert paused()
    assert "Cho chạy" in lead.get("/sources").text
    assert "Cho chạy" not in reviewer.get("/sources").text
    with house.desk.records.write() as session:
        tasks.plan_crawls(session)
        assert set(session.scalars(select(Task.subject_id).where(Task.kind == TaskKind.CRAWL))) == {
            ids["Hỏng"]
        }
    lead.post(f"{path}/resume")
    assert not paused()
    answer = lead.post(f"{path}/test").json()
    assert (answer["ok"], answer["reason"], tried) == (False, "http/404", ["Báo"])
    refused = lead.post(f"/api/v1/sources/{ids['Hỏng']}/test")
    assert refused.status_code == 409
    assert "máy chủ không trả lời" in refused.json()["detail"]
    shown = lead.post(f"/sources/{ids['Báo']}/test", data={"csrf": lead.headers["X-CSRF-Token"]}).text
    assert 'id="tried"' in shown
    assert "http/404" in shown
    actions = [event["action"] for event in lead.get("/api/v1/audit").json()]
    assert {"source.paused", "source.resumed", "source.tried"} <= set(actions)


def test_new_posts_are_counted_by_the_day_in_vietnam(house: House) -> None:
    midnight = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    house.clock.now = midnight + timedelta(hours=1)
    with house.desk.records.write() as session:
        posts = session.scalars(select(Post)).all()
        for post, at in zip(posts, (midnight, midnight - timedelta(seconds=1)), strict=False):
            post.first_seen_at = at
        for post in posts[2:]:
            post.first_seen_at = midnight - timedelta(days=20)
        source_id = posts[0].source_id
    (answer,) = [one for one in house.signed_in().get("/api/v1/sources").json() if one["id"] == source_id]
    assert answer["days"] == [0] * 12 + [1, 1]
