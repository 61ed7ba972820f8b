"""What is held and the legal holds, on page and in the API; the weekly digest; the draft of the impact assessment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

from sqlalchemy import select

from kiemtin.work.weekly_digest import WeeklyDigest
from reports import docx_paper, impact, markdown, unusual
from reports.letterhead import Letterhead
from reports.periods import VIETNAM, week_of
from reports.telling import Telling
from store import audit
from store.delivery_tables import Delivery
from store.holdings import holdings
from store.records import Records
from store.retention import Terms
from store.tables import Event
from store.vocabulary import Role
from tests.api.conftest import House
from tests.factory import NOW


def test_a_lead_holds_and_lifts_and_an_auditor_sees_it(house: House) -> None:
    lead, auditor = house.signed_in(Role.LEAD), house.signed_in(Role.AUDITOR)
    hold = {"subject": "case", "number": 1, "reason": "công văn 12/TA"}
    assert auditor.post("/api/v1/holds", json=hold).status_code == 403
    assert lead.post("/api/v1/holds", json=hold | {"reason": " "}).status_code == 422
    assert lead.post("/api/v1/holds", json=hold | {"number": 999}).status_code == 404
    number = lead.post("/api/v1/holds", json=hold).json()["id"]
    assert [one["case_id"] for one in auditor.get("/api/v1/holds").json()] == [1]
    held = auditor.get("/api/v1/privacy").json()
    assert {line["why"]: line["cases"] for line in held["lines"]}["legal_hold"] == 1
    assert held["posts"] == sum(line["posts"] for line in held["lines"]) > 0
    shown = auditor.get("/privacy").text
    assert "công văn 12/TA" in shown
    assert "Bỏ lệnh giữ lại" not in shown
    form = {"csrf": lead.headers["X-CSRF-Token"], "reason": "tòa đã xong"}
    assert lead.post(f"/privacy/holds/{number}/lift", data=form).status_code in {200, 303}
    assert lead.post(f"/api/v1/holds/{number}/lift", json={"reason": "nữa"}).status_code == 404
    assert house.signed_in(Role.REVIEWER).get("/privacy").status_code == 403


def test_a_purged_case_is_shown_with_what_is_left_of_it(house: House) -> None:
    from store.purging import purge_due

    lead = house.signed_in(Role.LEAD)
    lease = lead.post("/api/v1/lanes/all/next").json()
    case = lead.get(f"/api/v1/cases/{lease['case_id']}").json()
    given = {k: lease[k] for k in ("version", "token")} | {
        "seen": case["content_hash"], "outcome": "dismiss", "reason": "không hại",
    }  # fmt: skip
    assert lead.post(f"/api/v1/cases/{lease['case_id']}/decide", json=given).status_code == 200
    counts = purge_due(
        house.desk.records, house.place.keys, Terms(), datetime.now(UTC) + timedelta(days=10_000)
    )
    assert counts["cases"] == 1
    for path in (
        "/cases/{}",
        "/api/v1/cases/{}",
        "/api/v1/cases/{}/similar",
        "/cases/{}/kept",
        "/queue",
        "/quality",
    ):
        assert lead.get(path.format(lease["case_id"])).status_code == 200, path
    page = lead.get(f"/cases/{lease['case_id']}").text
    assert "Nội dung đã xóa" in page
    assert "không hại" in page
    assert lead.get(f"/cases/{lease['case_id']}/explanation").status_code < 500
    again = lead.post(f"/api/v1/cases/{lease['case_id']}/reopen", json={"reason": "x"})
    assert (again.status_code, "hết hạn lưu" in again.json()["detail"]) == (409, True)


def event(records: Records, actor: str, action: str, at: datetime, number: int) -> None:
    """Put events into the log as they were then; this copy of the chain is nobody's."""
    with records.write() as session:
        last = session.scalar(select(Event.id).order_by(Event.id.desc()).limit(1)) or 0
        for i in range(1, number + 1):
            session.add(
                Event(
                    id=last + i, at=at.isoformat(timespec="microseconds"), actor=actor, action=action,
                    subject="case:1", detail="{}", previous=f"p{last + i}", hash=f"h{last + i}",
                )
            )  # fmt: skip


def test_the_digest_tells_what_is_unusual_for_each_person_and_at_odd_hours(sqlite: Records) -> None:
    monday = datetime(2026, 11, 16, 9, 0, tzinfo=VIETNAM)
    week = week_of(monday)
    for back in range(1, 5):
        event(sqlite, "user:1", "page.read", monday - timedelta(weeks=back), 20)
        event(sqlite, "user:2", "page.read", monday - timedelta(weeks=back), 2)
    event(sqlite, "user:1", "page.read", monday, 24)  # much, but as always
    event(sqlite, "user:2", "page.read", monday, 12)
    event(sqlite, "user:3", "bundle.downloaded", monday.replace(hour=23), 1)
    event(sqlite, "user:3", "decisions.exported", monday + timedelta(days=5), 1)
    event(sqlite, "user:1", "case.decided", monday.replace(hour=2), 9)
    with sqlite.read() as session:
        found = unusual.digest(session, week)
    assert [(one.actor, one.kind, one.number, one.usual) for one in found.unusual] == [
        ("user:2", "reads", 12, 2.0)
    ]
    assert [(one.actor, one.number) for one in found.off_hours] == [("user:3", 2)]
    assert (found.reads, found.exports, found.quiet) == (36, 2, False)
    assert not unusual.is_unusual(4, [0, 0])


def test_the_digest_is_told_once_on_monday(sqlite: Records) -> None:
    telling = Telling(recipients={"auditor": ("a@example.vn",), "leadership": ("b@example.vn",)})
    monday = week_of(NOW).end
    for hours in (1, 7, 8):
        WeeklyDigest(sqlite, telling)(monday + timedelta(hours=hours))
    with sqlite.read() as session:
        sent = session.scalars(select(Delivery)).all()
        assert [(one.recipient, "Không có gì khác thường" in one.body_text) for one in sent] == [
            ("a@example.vn", True)
        ]
        assert audit.verify(session).ok


def test_the_log_is_filtered_by_day_in_vietnam(house: House) -> None:
    auditor = house.signed_in(Role.AUDITOR)
    today = datetime.now(VIETNAM).date()
    assert auditor.get("/api/v1/audit", params={"since": str(today)}).json()
    assert auditor.get("/api/v1/audit", params={"until": str(today - timedelta(days=1))}).json() == []
    assert "Không có sự kiện nào khớp" in auditor.get("/audit?since=2001-01-01&until=2001-01-02&actor=").text
    assert auditor.get("/audit?since=&until=").status_code == 200
    assert auditor.get("/audit/digest?week=2026-W47").status_code == 200
    assert auditor.get("/api/v1/audit/digest?week=x").status_code == 422


def test_the_impact_assessment_is_filled_and_says_where_a_lawyer_must_look(sqlite: Records) -> None:
    import docx

    with sqlite.read() as session:
        held = holdings(session, Terms(), NOW)
    head = Letterhead(agency="Sở Khoa học và Công nghệ")
    here = impact.Installation(
        head, Terms(evidence=timedelta(days=700)), "lh@example.vn", "sqlite", "tantivy", "s3://kho", ("lead",), 0,
        mail=True, sources=[("Báo A", "feed", "trang công khai")],
    )  # fmt: skip
    made = impact.document(here, held, NOW)
    text = markdown.markdown(made)
    for said in (
        "91/2025/QH15",
        "13/2023/NĐ-CP",
        "Sở Khoa học và Công nghệ",
        "700 ngày",
        "Báo A",
        "s3://kho",
    ):
        assert said in text, said
    assert text.count(impact.LAWYER) >= 8
    paper = docx.Document(BytesIO(docx_paper.docx(made, head, NOW.date())))
    assert any(impact.LAWYER in one.text for one in paper.paragraphs)
