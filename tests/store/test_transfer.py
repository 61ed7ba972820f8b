"""A department moves up, or down: every row arrives, or none does."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import func, select, text

from review import decision, queue
from review.decision import Verdict
from store import audit, workers
from store.base import Base
from store.claim_tables import Claim
from store.migrate import config, migrate, require_current
from store.records import Records, RecordsError
from store.tables import Event, Post, Source
from store.transfer import TransferError, transfer
from store.vocabulary import Outcome
from tests.factory import HARMFUL, HARMLESS, NOW, Place, person

pytestmark = pytest.mark.postgres


@pytest.fixture
def lived_in(sqlite: Records) -> Records:
    """Records with posts, cases, a decision and an audit chain."""
    fill(sqlite)
    return sqlite


def fill(records: Records) -> None:
    place = Place(records)
    place.take(*HARMFUL, HARMLESS)
    place.work()
    hoa = person(records, "hoa")
    with records.write() as session:
        lease = queue.lease_next(session, hoa, queue.ALL, NOW)
        assert lease is not None
        case = place.cases()[0]
        decision.decide(
            session,
            hoa,
            lease.case_id,
            lease.version,
            lease.token,
            case.content_hash,
            Verdict(Outcome.DISMISS, "không gây hại"),
            NOW,
        )


def everything(records: Records) -> dict[str, list[object]]:
    with records.engine.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in Base.metadata.sorted_tables
            if table.name not in {"worker", "leader"}
        }


def test_all_rows_arrive_and_go_on_from_there(lived_in: Records, postgres: Records, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    moved = transfer(lived_in, postgres, lambda done, total: told.append((done, total)))
    counts = moved.counts
    assert counts["post"] == len(HARMFUL) + 1
    assert counts["decision"] == 1
    assert told[-1][0] == told[-1][1] == sum(counts.values())
    assert everything(postgres) == everything(lived_in)
    with postgres.write() as session:
        session.add(Source(name="mới", kind="import", legal_basis="x", added_at=NOW))
        audit.append(session, audit.SYSTEM, "test", "x:1")
        session.flush()
        assert session.scalar(select(func.max(Source.id))) == 2
        assert audit.verify(session).ok
    back = Records(f"sqlite:///{tmp_path / 'back.db'}")
    transfer(postgres, back)
    assert everything(back) == everything(postgres)
    Place(back, name="sau khi về").take("một bài nữa đến sau khi về")
    back.close()


def test_what_holds_rows_already_is_refused(lived_in: Records, postgres: Records) -> None:
    with postgres.write() as session:
        session.add(Source(name="x", kind="import", legal_basis="x", added_at=NOW))
    with pytest.raises(TransferError, match="bảng source"):
        transfer(lived_in, postgres)
    with postgres.read() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 0


def test_a_broken_audit_chain_is_not_carried_on(lived_in: Records, postgres: Records) -> None:
    with lived_in.engine.execution_options(kiemtin_write=True).begin() as connection:
        connection.execute(text("DROP TRIGGER event_no_update"))
        connection.execute(text("UPDATE event SET actor = 'user:99' WHERE id = 2"))
    with pytest.raises(TransferError, match="sự kiện 2"):
        transfer(lived_in, postgres)
    with postgres.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0


def test_a_row_that_the_target_refuses_is_named_and_leaves_it_empty(
    lived_in: Records, postgres: Records
) -> None:
    with lived_in.write() as session:
        session.get_one(Post, 3).title = "a\x00b"
    with pytest.raises(TransferError, match="Bảng post, dòng 3:"):
        transfer(lived_in, postgres)
    assert all(rows == [] for rows in everything(postgres).values())


def test_an_old_source_is_a_clear_error(postgres: Records, tmp_path: Path) -> None:
    old = Records(f"sqlite:///{tmp_path / 'old.db'}")
    with pytest.raises(RecordsError, match="kiemtin migrate"):
        transfer(old, postgres)
    migrate(old)
    assert sum(transfer(old, postgres).counts.values()) == 0
    old.close()


def test_a_target_of_an_older_version_is_refused_and_not_brought_up(
    lived_in: Records, tmp_path: Path
) -> None:
    older = Records(f"sqlite:///{tmp_path / 'older.db'}")
    with older.engine.execution_options(kiemtin_write=True).begin() as connection:
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
    with older.engine.execution_options(kiemtin_write=True).begin() as connection:
        connection.execute(text("INSERT INTO claim VALUES ('a', 'b', 'c', 'd', 'e', 'f', NULL)"))
    with pytest.raises(TransferError, match="bảng claim"):
        transfer(lived_in, older)
    with pytest.raises(RecordsError, match="kiemtin migrate"):
        require_current(older)
    older.close()


def test_a_database_of_others_is_refused(lived_in: Records, tmp_path: Path) -> None:
    theirs = Records(f"sqlite:///{tmp_path / 'theirs.db'}")
    with theirs.engine.execution_options(kiemtin_write=True).begin() as connection:
        connection.execute(text("CREATE TABLE hóa_đơn (số INTEGER)"))
    with pytest.raises(TransferError, match="hóa_đơn"):
        transfer(lived_in, theirs)
    theirs.close()


def test_keys_of_text_are_compared_in_one_order_whatever_the_language(
    lived_in: Records, postgres: Records
) -> None:
    with lived_in.write() as session:
        for key in ("a-b", "ab", "A_c", "đ", "z", "a.b", "Ab"):
            session.add(Claim(id=key))
    assert transfer(lived_in, postgres).counts["claim"] >= 7


def test_a_source_at_work_is_refused_until_its_workers_end(lived_in: Records, postgres: Records) -> None:
    with lived_in.write() as session:
        worker_id = workers.join(session, ["score"])
    with pytest.raises(TransferError, match="Dừng chúng"):
        transfer(lived_in, postgres, alone=True)
    with lived_in.write() as session:
        workers.leave(session, worker_id)
    assert transfer(lived_in, postgres, alone=True).counts["post"] == len(HARMFUL) + 1
