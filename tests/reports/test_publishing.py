"""A report from its draft to its withdrawal, a correction from its form to the public: by API, by page, by raw SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from api.desk import Desk
from kiemtin.static_site import write
from kiemtin.work.weekly import AT
from kiemtin.work.weekly_draft import WeeklyDraft
from reports import publishing
from reports.letterhead import Letterhead
from reports.publishing import MOVES, ReportError, move
from reports.telling import Telling, recipients_of
from review_ui.app import create_app
from search.open import open_engine
from store import audit
from store.archive import Archive
from store.delivery_tables import Delivery
from store.records import Records
from store.report_tables import Correction, Report
from store.tables import Event
from store.vocabulary import ReportState, Role
from tests.api.conftest import PASSWORD, Clock, sign_in
from tests.joined import join
from tests.reports.conftest import MONDAY, NOW, WEEK, World, fill

SPOKEN = "Bà con chú ý: ăn tỏi không chữa được bệnh."
TOLD = {
    "headline": "Ăn tỏi không phòng được COVID-19", "body": "Không có bằng chứng <b>tỏi</b> & gừng phòng bệnh.",
    "short": "Ăn tỏi không phòng được COVID-19. Nguồn: WHO.", "spoken": SPOKEN,
}  # fmt: skip


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    fill(world)
    telling = Telling(
        Letterhead(agency="Sở Mẫu"), "https://kiemtin.example.gov.vn",
        recipients_of("leadership: giam-doc@example.gov.vn; lead: a@example.gov.vn, b@example.gov.vn"),
    )  # fmt: skip
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    made = Desk(world.records, engine, Archive(tmp_path / "archive"), clock=Clock(NOW), telling=telling)
    with world.records.write() as session:
        for login, role in (("truong", Role.LEAD), ("doc", Role.REVIEWER)):
            join(session, login, role, PASSWORD)
    return made


@pytest.fixture
def client(desk: Desk) -> Callable[[str], TestClient]:
    app = create_app(desk)

    def signed_in(login: str) -> TestClient:
        made = TestClient(app, base_url="http://desk.example", follow_redirects=False)
        if login:
            assert sign_in(made, login, PASSWORD) == 200
        return made

    return signed_in


def test_every_move_of_a_report_is_legal_or_refused() -> None:
    for current in ReportState:
        for target in ReportState:
            if target in MOVES[current]:
                assert move(current, target) == target
            else:
                with pytest.raises(ReportError):
                    move(current, target)


def test_a_report_is_drafted_published_told_and_withdrawn(
    desk: Desk, client: Callable[[str], TestClient]
) -> None:
    lead, reader = client("truong"), client("doc")
    assert reader.get("/api/v1/reports/2026-W47").json()["report"] is None
    assert reader.post("/api/v1/reports/2026-W47").status_code == 403
    assert lead.post("/api/v1/reports/2026-W47").json() == {"version": 1}
    assert reader.post("/api/v1/reports/2026-W47/1/publish", json={}).status_code == 403
    assert lead.post("/api/v1/reports/2026-W47/1/publish", json={"note": "Chú ý"}).json() == {"told": 3}
    found = reader.get("/api/v1/reports/2026-W47").json()
    assert (found["report"]["state"], found["report"]["note"]) == ("published", "Chú ý")
    assert found["report"]["sha256"] == publishing.digest(found["data"])
    assert lead.post("/api/v1/reports/2026-W47/1/publish", json={}).status_code == 422
    assert lead.post("/api/v1/reports/2026-W47").json() == {"version": 2}
    assert lead.post("/api/v1/reports/2026-W47/1/withdraw", json={"reason": " "}).status_code == 422
    assert lead.post("/api/v1/reports/2026-W47/1/withdraw", json={"reason": "sai nguồn"}).status_code == 204
    states = [
        (one["version"], one["state"]) for one in reader.get("/api/v1/reports/2026-W47").json()["versions"]
    ]
    assert states == [(2, "draft"), (1, "withdrawn")]
    with desk.records.read() as session:
        mail = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        actions = session.scalars(select(Event.action).where(Event.subject.startswith("report:"))).all()
    assert [one.recipient for one in mail] == [
        "giam-doc@example.gov.vn",
        "a@example.gov.vn",
        "b@example.gov.vn",
    ]
    assert "https://kiemtin.example.gov.vn/reports/2026-W47" in mail[0].body_text
    assert "Phát ngôn được bảo vệ bị gắn cờ nhầm: 4,5" in mail[0].body_text
    assert "< 5 ca được quyết định" in mail[0].body_text
    assert mail[0].attachments[0]["name"] == "kiem-tin-2026-W47.pdf"
    assert actions == ["report.drafted", "report.published", "report.drafted", "report.withdrawn"]


def test_a_week_that_is_not_over_or_to_come_is_not_published(
    desk: Desk, client: Callable[[str], TestClient]
) -> None:
    lead = client("truong")
    assert lead.post("/api/v1/reports/2026-W48").json() == {"version": 1}
    refused = lead.post("/api/v1/reports/2026-W48/1/publish", json={})
    assert (refused.status_code, "chưa kết thúc" in refused.json()["detail"]) == (422, True)
    assert lead.post("/api/v1/reports/2026-W49").status_code == 422
    assert lead.get("/api/v1/reports/2026-W49").status_code == 404
    assert lead.get("/api/v1/reports/mai").status_code == 404


def test_what_was_told_cannot_be_changed_by_raw_sql(records: Records) -> None:
    from tests.reports.conftest import world_of

    world = world_of(records)
    with records.write() as session:
        data = publishing.gather(session, WEEK, NOW)
        row = publishing.keep(session, WEEK, data, "system", NOW)
        publishing.publish(session, row.id, "", "user:1", NOW)
        publishing.keep(session, WEEK, data, "system", NOW)
        from store import corrections
        from store.corrections import Told

        corrections.publish(session, "garlic-prevents", Told(**TOLD), world.lead.actor, "", NOW)
    for statement in (
        "UPDATE report SET sha256 = '' WHERE version = 1",
        "UPDATE report SET note = 'khác' WHERE version = 1",
        "UPDATE report SET state = 'draft', published_at = NULL, published_by = NULL WHERE version = 1",
        "UPDATE report SET version = 7 WHERE version = 2",
        "UPDATE report SET state = 'withdrawn' WHERE version = 2",
        "DELETE FROM report WHERE version = 1",
        "UPDATE correction SET body = 'khác nhiều lắm'",
        "DELETE FROM correction",
    ):
        with pytest.raises(DBAPIError), records.write() as session:
            session.execute(text(statement))
    with records.read() as session:
        assert session.scalar(select(func.count()).select_from(Report)) == 2
        assert session.scalar(select(func.count()).select_from(Correction)) == 1


def test_the_draft_is_made_once_on_monday_morning(desk: Desk) -> None:
    due = WEEK.end + AT
    WeeklyDraft(desk.records, desk.telling)(due - timedelta(minutes=1))
    for _ in range(2):
        WeeklyDraft(desk.records, desk.telling)(due)
    with desk.records.read() as session:
        rows = session.scalars(select(Report)).all()
        mail = session.scalars(select(Delivery.recipient)).all()
    assert [(row.period, row.state, row.made_by) for row in rows] == [("2026-W47", "draft", audit.SYSTEM)]
    assert mail == ["a@example.gov.vn", "b@example.gov.vn"]


def test_pages_show_the_report_itself_and_give_its_files(client: Callable[[str], TestClient]) -> None:
    lead = client("truong")
    shown = lead.get("/reports/2026-W47").text
    assert "Đây là bản xem trước" in shown
    assert "Ăn tỏi mỗi ngày" in shown
    token = re.search(r'name="csrf" value="([^"]+)"', shown)
    assert token is not None
    answer = lead.post("/reports/2026-W47/draft", data={"csrf": token.group(1)})
    assert answer.headers["Location"] == "/reports/2026-W47?version=1"
    page = lead.get(answer.headers["Location"]).text
    assert 'action="/reports/2026-W47/1/publish"' in page
    assert 'action="/reports/2026-W47/1/publish"' not in client("doc").get("/reports/2026-W47").text
    for form, start in (("docx", b"PK"), ("html", b"<!doctype html>")):
        assert lead.get(f"/reports/2026-W47/file.{form}?version=1").content.startswith(start)
    assert "&lt; 5" in lead.get("/reports/2026-W47?audience=outside").text
    assert "2026-W47" in lead.get("/reports").text
    assert "Ăn tỏi mỗi ngày" in lead.get("/trends").text
    assert "Lan truyền theo tuần" in lead.get("/trends/garlic-prevents").text
    assert "Phát ngôn được bảo vệ bị gắn cờ nhầm" in lead.get("/dashboard").text
    assert lead.get("/trends/khong-co").status_code == 404


def test_the_json_of_trends_and_dashboard_says_what_is_in_the_records(
    client: Callable[[str], TestClient],
) -> None:
    reader = client("doc")
    found = reader.get("/api/v1/dashboard").json()
    assert [week["opened"] for week in found["weeks"][-2:]] == [5, 0]
    lanes = {lane["lane"]: (lane["waiting"], lane["decided"], lane["hours"]) for lane in found["lanes"]}
    assert lanes == {
        "cure": (1, 1, 4.0),
        "scam": (0, 1, 2.0),
        "situation": (1, 1, 6.0),
        "uncertain": (1, 0, None),
    }
    assert found["hours"] == 4.0
    trends = reader.get("/api/v1/trends").json()
    assert trends["claims"][0]["weeks"][-3:] == [2, 7, 0]
    assert sum(one["harms"].get("cure", 0) for one in trends["sources"]) == 8
    assert reader.get("/api/v1/trends/claims.csv").text.splitlines()[1].endswith(",2,7,0")
    spread = reader.get("/api/v1/trends/spread/garlic-prevents").json()
    assert [week["asking"] for week in spread["weeks"][-3:]] == [0, 1, 0]
    assert reader.get("/api/v1/trends/spread/garlic-prevents/csv").text.count("\n") == 27


def test_a_correction_reaches_the_public_in_every_form(
    desk: Desk, client: Callable[[str], TestClient], tmp_path: Path
) -> None:
    lead, anybody = client("truong"), client("")
    form = lead.get("/corrections/garlic-prevents").text
    assert "Thông báo đính chính" in form
    token = re.search(r'name="csrf" value="([^"]+)"', form)
    assert token is not None
    assert anybody.get("/public/corrections/garlic-prevents").status_code == 404
    preview = lead.post(
        "/corrections/garlic-prevents", data={**TOLD, "csrf": token.group(1), "do": "preview"}
    )
    assert "Xem trước, chưa công bố." in preview.text
    assert anybody.get("/public/corrections/garlic-prevents").status_code == 404
    sent = lead.post("/corrections/garlic-prevents", data={**TOLD, "csrf": token.group(1), "do": "publish"})
    assert sent.status_code == 303
    page = anybody.get("/public/corrections/garlic-prevents")
    assert "set-cookie" not in page.headers
    assert page.headers["Cache-Control"] == "public, max-age=300"
    assert "Không có bằng chứng &lt;b&gt;tỏi&lt;/b&gt;" in page.text
    inside = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
    assert inside is not None
    review = json.loads(inside.group(1))["@graph"][0]
    assert review["@type"] == "ClaimReview"
    assert review["url"] == "https://kiemtin.example.gov.vn/public/corrections/garlic-prevents"
    assert review["author"]["name"] == "Sở Mẫu"
    assert "alternateName" not in review["itemReviewed"]
    assert anybody.get("/public/corrections/review.jsonld").json()["@graph"] == [review]
    feed = ElementTree.fromstring(anybody.get("/public/corrections/feed.xml").content)
    assert [item.findtext("title") for item in feed.iter("item")] == [TOLD["headline"]]
    assert anybody.get("/public/corrections/garlic-prevents/card.png").content.startswith(b"\x89PNG")
    assert anybody.get("/public/corrections/garlic-prevents/message.txt").text == TOLD["short"] + "\n"
    assert anybody.get("/public/corrections/garlic-prevents/spoken.txt").text == SPOKEN + "\n"
    assert write(desk, tmp_path / "site") == 1
    assert (tmp_path / "site/public/corrections/garlic-prevents/index.html").read_text() == page.text
    assert (tmp_path / "site/static/report.css").exists()


def test_a_correction_is_changed_with_a_reason_and_withdrawn_in_sight(
    client: Callable[[str], TestClient],
) -> None:
    lead, anybody = client("truong"), client("")
    address = "/api/v1/corrections/garlic-prevents"
    assert client("doc").post(address, json=TOLD).status_code == 403
    assert lead.post(address, json={**TOLD, "short": "x" * 301}).status_code == 422
    assert lead.post(address, json=TOLD).json() == {"version": 1}
    assert "Hãy ghi lý do" in lead.post(address, json=TOLD).json()["detail"]
    assert lead.post(address, json={**TOLD, "reason": "rõ hơn"}).json() == {"version": 2}
    assert "rõ hơn" in anybody.get("/public/corrections/garlic-prevents").text
    assert lead.post(f"{address}/withdraw", json={"reason": "nguồn đã rút"}).status_code == 204
    assert lead.post(f"{address}/withdraw", json={"reason": "lần nữa"}).status_code == 422
    page = anybody.get("/public/corrections/garlic-prevents").text
    assert "Đính chính này đã rút." in page
    assert "nguồn đã rút" in page
    assert "garlic-prevents" not in anybody.get("/public/corrections").text
    assert "Đã rút" in anybody.get("/public/corrections/feed.xml").text
    found = lead.get("/api/v1/corrections").json()
    assert [(one["version"], one["state"], one["seen_before"]) for one in found] == [(3, "withdrawn", 0)]
    assert "đã rút" in lead.get("/corrections").text


def test_a_transparency_report_is_public_once_a_lead_publishes_it(
    desk: Desk, client: Callable[[str], TestClient]
) -> None:
    lead, anybody = client("truong"), client("")
    desk.clock.now = NOW + timedelta(days=60)  # type: ignore[attr-defined]
    assert sign_in(lead, "truong", PASSWORD) == 200
    assert lead.post("/api/v1/reports/2026-Q4").json() == {"version": 1}
    assert anybody.get("/public/transparency/2026-Q4").status_code == 404
    assert lead.post("/api/v1/reports/2026-Q4/1/publish", json={}).json() == {"told": 0}
    page = anybody.get("/public/transparency/2026-Q4").text
    assert "BÁO CÁO MINH BẠCH" not in page
    assert "Phát ngôn được bảo vệ bị gắn cờ nhầm" in page
    rows = anybody.get("/public/transparency/2026-Q4/figures.csv").text.splitlines()
    assert "total,posts,48" in rows
    assert "total,decided,<5" in rows
    assert "false_flags,value," in "\n".join(rows)
    assert "2026-Q4" in anybody.get("/public/transparency").text


def test_nothing_is_told_of_a_time_when_nothing_was_there(client: Callable[[str], TestClient]) -> None:
    lead = client("truong")
    assert MONDAY < NOW
    for address in (
        "/reports/2020-W10",
        "/trends?weeks=4",
        "/corrections",
        "/public/corrections",
        "/public/transparency",
    ):
        assert lead.get(address).status_code == 200, address
