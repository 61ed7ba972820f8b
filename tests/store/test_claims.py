"""Claims are kept in versions that nobody can change, and each day has one that counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

import models
from store import audit, claims
from store.claim_facts import BadClaim, Facts, facts_of
from store.claim_tables import ClaimVersion
from store.claims import NoSuchClaim, Taken, Wanted
from store.migrate import config, migrate
from store.records import Records
from store.tables import Event

FACTS = Facts(
    id="la-oi", wording="Lá ổi chữa khỏi COVID.", harm="cure", verdict="false", correction="Không chữa được.",
    source_name="Sở Y tế", paraphrases=("uống nước lá ổi là hết",),
)  # fmt: skip


def save(records: Records, facts: Facts, reason: str = "") -> Taken:
    with records.write() as session:
        return claims.save(session, facts, "user:1", reason)


def in_force(records: Records, day: date) -> dict[str, int]:
    """Return the version of each claim that counts on a day."""
    with records.read() as session:
        found = list(claims.in_force(session))
    counting = [one for one in found if (one.since or date.min) <= day <= (one.until or date.max)]
    assert len(counting) == len({one.row.claim_id for one in counting}), "two versions on one day"
    return {one.row.claim_id: one.row.version for one in counting}


def test_an_edit_makes_a_version_and_the_old_one_stays(records: Records) -> None:
    assert save(records, FACTS) == Taken.NEW
    assert save(records, FACTS) == Taken.UNCHANGED
    changed = replace(FACTS, correction="Chưa có bằng chứng.", verdict="unproven")
    assert save(records, changed, "theo nghiên cứu mới") == Taken.UPDATED
    with records.read() as session:
        newest, first = claims.versions(session, "la-oi")
        assert (facts_of(newest), facts_of(first)) == (
            replace(changed, retired=False), replace(FACTS, retired=False),
        )  # fmt: skip
        assert (newest.version, newest.by, newest.reason) == (2, "user:1", "theo nghiên cứu mới")
        events = session.scalars(select(Event).where(Event.subject == "claim:la-oi").order_by(Event.id)).all()
        assert [event.action for event in events] == ["claim.added", "claim.changed"]
        assert '"fields":["verdict","correction"]' in events[1].detail
        assert audit.verify(session).ok


def test_the_counter_rises_with_every_change_and_with_nothing_else(records: Records) -> None:
    with records.read() as session:
        assert claims.counter(session) == 0
    seen = [0]
    for step in (FACTS, replace(FACTS, note="đã đọc"), FACTS):
        save(records, step)
        save(records, step)
        with records.read() as session:
            seen.append(claims.counter(session))
    for retired in (True, False):
        with records.write() as session:
            claims.retire(session, "la-oi", "user:1", "thử", retired=retired)
            seen.append(claims.counter(session))
            assert claims.retire(session, "la-oi", "user:1", "thử", retired=retired) == Taken.UNCHANGED
    assert seen == sorted(set(seen))


def test_a_newer_version_replaces_the_older_from_its_first_day_on(records: Records) -> None:
    save(records, FACTS)
    save(records, replace(FACTS, correction="Từ tháng bảy: khác.", valid_from=date(2021, 7, 1)))
    assert in_force(records, date(2021, 6, 30)) == {"la-oi": 1}
    assert in_force(records, date(2021, 7, 1)) == {"la-oi": 2}
    save(records, replace(FACTS, correction="Sửa lỗi chính tả."))  # without a first day: for all days
    assert in_force(records, date(2020, 1, 1)) == in_force(records, date(2030, 1, 1)) == {"la-oi": 3}
    # An end put to it does not bring what it replaced back.
    save(records, replace(FACTS, correction="Sửa lỗi chính tả.", valid_until=date(2022, 12, 31)))
    assert in_force(records, date(2022, 12, 31)) == {"la-oi": 4}
    assert in_force(records, date(2023, 1, 1)) == {}


def test_a_retired_claim_counts_on_no_day_until_it_is_used_again(records: Records) -> None:
    save(records, FACTS)
    save(records, replace(FACTS, note="bản hai", valid_from=date(2021, 1, 1)))
    with records.write() as session:
        claims.retire(session, "la-oi", "user:1", "nguồn đã rút bài")
    assert in_force(records, date(2020, 1, 1)) == in_force(records, date(2022, 1, 1)) == {}
    # Brought again without a word of it, it stays retired.
    save(records, replace(FACTS, note="bản ba"))
    assert in_force(records, date(2022, 1, 1)) == {}
    save(records, replace(FACTS, note="bản ba", retired=False))
    assert in_force(records, date(2022, 1, 1)) == {"la-oi": 5}
    with records.write() as session, pytest.raises(NoSuchClaim):
        claims.retire(session, "không có", "user:1", "x")


SPANS = st.lists(
    st.tuples(st.none() | st.integers(0, 20), st.none() | st.integers(0, 20)).filter(
        lambda span: None in span or span[0] <= span[1]  # type: ignore[operator]
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25)
@given(SPANS)
def test_each_day_has_the_newest_version_that_began_if_it_has_not_ended(
    spans: list[tuple[int | None, int | None]],
) -> None:
    first = date(2021, 1, 1)
    records = Records("sqlite://")
    migrate_quickly(records)
    for number, (since, until) in enumerate(spans):
        day = [None if n is None else first + timedelta(days=n) for n in (since, until)]
        save(records, replace(FACTS, note=str(number), valid_from=day[0], valid_until=day[1]))
    for n in range(-2, 24):
        begun = [i for i, (since, _) in enumerate(spans) if since is None or since <= n]
        counts = begun and (spans[begun[-1]][1] is None or n <= spans[begun[-1]][1])  # type: ignore[operator]
        expected = {"la-oi": begun[-1] + 1} if counts else {}
        assert in_force(records, first + timedelta(days=n)) == expected
    records.close()


def migrate_quickly(records: Records) -> None:
    from store.base import Base

    Base.metadata.create_all(records.engine)


def test_the_shipped_claims_come_once_and_never_over_what_was_changed_here(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = models.claims()
    with records.write() as session:
        assert claims.take_shipped(session) == {Taken.NEW: len(shipped), Taken.UPDATED: 0, Taken.UNCHANGED: 0}
    with records.write() as session:
        before = claims.counter(session)
        assert claims.take_shipped(session)[Taken.UNCHANGED] == len(shipped)
        assert claims.counter(session) == before
        events = session.scalars(select(Event.action)).all()
        assert events == ["claims.shipped"]
        ours = replace(
            facts_of(claims.versions(session, shipped[0]["id"])[0]), correction="Bản của chúng tôi."
        )
        claims.save(session, ours, "user:1")
        claims.retire(session, shipped[1]["id"], "user:1", "không dùng ở tỉnh ta")
    # The next release says something else of four claims.
    released = [
        dict(row, correction=row["correction"] + " Thêm.") if i < 3 else row for i, row in enumerate(shipped)
    ]
    monkeypatch.setattr(models, "claims", lambda: [*released, dict(released[5], id="moi-them")])
    with records.write() as session:
        taken = claims.take_shipped(session)
        assert (taken[Taken.NEW], taken[Taken.UPDATED]) == (1, 1)
        assert claims.versions(session, shipped[0]["id"])[0].correction == "Bản của chúng tôi."
        assert claims.versions(session, shipped[1]["id"])[0].retired
        assert claims.versions(session, shipped[2]["id"])[0].correction.endswith("Thêm.")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE claim_version SET correction = 'khác'",
        "DELETE FROM claim_version",
        "INSERT INTO claim_version SELECT 99, claim_id, 9, '', paraphrases, language, english, harm, verdict,"
        " correction, source_name, source_url, source_date, note, valid_from, valid_until, retired, origin,"
        ' reason, "by", at, folded FROM claim_version',
        "INSERT INTO claim_version SELECT 99, claim_id, 9, wording, paraphrases, language, english, harm, 'true',"
        " correction, source_name, source_url, source_date, note, valid_from, valid_until, retired, origin,"
        ' reason, "by", at, folded FROM claim_version',
        "INSERT INTO claim_version SELECT 99, claim_id, 9, wording, paraphrases, language, english, harm, verdict,"
        " correction, source_name, source_url, source_date, note, '2021-02-01', '2021-01-01', retired, origin,"
        ' reason, "by", at, folded FROM claim_version',
    ],
)
def test_the_database_itself_keeps_versions_as_they_were(records: Records, statement: str) -> None:
    save(records, FACTS)
    with pytest.raises(DBAPIError), records.write() as session:
        session.execute(text(statement))
    with records.read() as session:
        assert facts_of(claims.versions(session, "la-oi")[0]).correction == FACTS.correction


def test_claims_of_the_version_before_become_first_versions(records: Records) -> None:
    settings = config()

    def move(way: str, to: str) -> None:
        with records.engine.execution_options(kiemtin_write=True).begin() as connection:
            settings.attributes["connection"] = connection
            getattr(command, way)(settings, to)

    with records.write() as session:
        claims.take_shipped(session)
    move("downgrade", "0004")
    with records.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, wording, source_name FROM claim ORDER BY id")).all()
    row = models.claims()[0]
    assert (row["id"], row["claim"], row["source"]["name"]) in [tuple(one) for one in rows]
    move("upgrade", "0005")
    migrate(records)
    with records.write() as session:
        assert session.scalar(select(func.count()).select_from(ClaimVersion)) == len(rows)
        assert claims.take_shipped(session)[Taken.UPDATED] == len(rows)  # paraphrases, dates, notes
        newest, first = claims.versions(session, row["id"])
        assert (first.wording, list(first.paraphrases)) == (row["claim"], [])
        assert facts_of(newest) == replace(Facts.from_row(row), retired=False)
        save_works = claims.save(session, FACTS, "user:1")
    assert save_works == Taken.NEW


def test_claims_are_found_by_words_with_marks_or_without(records: Records) -> None:
    with records.write() as session:
        claims.take_shipped(session)
        claims.save(session, FACTS, "user:1")
        claims.retire(session, "la-oi", "user:1", "x")

    def found(*asked: object, **more: object) -> list[str]:
        with records.read() as session:
            rows, total = claims.find(session, Wanted(*asked), **more)  # type: ignore[arg-type]
            assert total >= len(rows)
            return [row.claim_id for row in rows]

    assert "garlic-water-cure" in found("nước tỏi")
    assert found("nước tỏi") == found("NUOC TOI")
    assert "la-oi" in found("la oi chua")
    assert found("lá ổi", "cure", "false", True) == ["la-oi"]
    assert "la-oi" not in found("lá ổi", "", "", False)
    assert found("la oi", "hate", "outdated") == found("100%_\\ zz") == []
    assert found("", limit=3) == found("", limit=None)[:3]
    assert found("", offset=3, limit=2) == found("", limit=None)[3:5]


BAD = {
    "id": ("Lá Ổi", "id 'Lá Ổi'"), "claim": (" ", "thiếu claim"), "harm": ("thu", "harm 'thu' không có"),
    "verdict": ("true", "verdict 'true' không có"), "correction": (None, "thiếu correction"),
    "source": ({"name": "x", "url": "javascript:alert(1)"}, "source.url"), "language": ("tiếng Việt", "language"),
    "valid_from": ("hôm qua", "không phải một ngày"), "paraphrases": ("một", "danh sách"),
    "retired": ("có", "retired"), "tên": ("x", "không có trường tên"), "note": (3, "note phải là chữ"),
}  # fmt: skip


@pytest.mark.parametrize("field", BAD)
def test_what_is_wrong_with_a_row_is_said(field: str) -> None:
    value, said = BAD[field]
    with pytest.raises(BadClaim, match=said):
        Facts.from_row({**FACTS.to_row(), field: value})
    for whole in (None, [], "x", {}, {"id": "a"}, {**FACTS.to_row(), "source": "x"}):
        with pytest.raises(BadClaim):
            Facts.from_row(whole)
    with pytest.raises(BadClaim, match="valid_from sau valid_until"):
        Facts.from_row({**FACTS.to_row(), "valid_from": "2021-02-01", "valid_until": "2021-01-01"})
