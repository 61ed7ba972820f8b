"""What its term is over of is purged from records, index and archive; what is held stays; nothing half-done counts."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DatabaseError

import store.cutting as cutting
from kiemtin.retention import NightlyPurge, PurgeBusy
from review import decision, legal_hold, redress
from review.errors import NotAllowed, TextGone
from search.engine import Query
from store import audit, workers
from store.archive import Archive
from store.records import Records
from store.retention_tables import Purge, Rewrite
from store.tables import Capture, Case, Decision, Event, Post, Revision
from store.vocabulary import Outcome, Role
from tests.factory import person
from tests.kept import OTHER, SCAM, SECRET, Kept
from tests.referable import judge, look_blind, propose


def events(records: Records, action: str) -> list[dict[str, Any]]:
    with records.read() as session:
        return [
            json.loads(one) for one in session.scalars(select(Event.detail).where(Event.action == action))
        ]


def test_a_post_that_was_never_flagged_is_gone_from_records_index_and_archive(kept: Kept) -> None:
    (gone,) = kept.page("http://a.example/bich", SECRET)
    (stays,) = kept.page("http://a.example/scam", SCAM, flagged=True)
    kept.now += timedelta(days=20)
    (young,) = kept.page("http://a.example/tam", OTHER, handle="ong_tam")
    assert kept.engine.search(Query(text="Bích")).total == 1
    kept.seal()
    kept.now += timedelta(days=11)
    assert kept.retention.would()["unflagged"] == 1
    purge = kept.retention.purge()
    assert (purge.counts["unflagged"], purge.counts["captures"]) == (1, 1), purge.counts
    assert kept.retention.verify()[0].verified_at is None  # the index is still owed it
    kept.index()
    (looked,) = kept.retention.verify()
    assert (looked.left, looked.verified_at is not None) == ({}, True)
    assert kept.engine.search(Query(text="Bích")).total == 0
    assert kept.engine.search(Query(text="Tám")).total == 1
    for said in (b"bich", "Bích".encode()):
        assert said not in kept.bytes()
    for word in ("Bích", "a.example/bich"):
        assert word not in kept.dump()
    with kept.records.read() as session:
        assert audit.verify(session).ok
        post = session.get_one(Post, gone)
        assert (post.text, post.url, post.author_sealed, post.purged_at is not None) == ("", None, None, True)
        for number in (stays, young):  # what is kept reads back from where it lies now
            capture = session.get_one(Capture, session.get_one(Post, number).capture_id)
            assert kept.archive().read(capture.warc, capture.offset).body
            assert kept.archive().raw(capture.warc, capture.offset, capture.length)
            assert capture.detail["lay"][0] != capture.warc
    (said,) = events(kept.records, "retention.purged")
    assert said == {"rule": "unflagged", "number": 1, "posts": str(gone)}
    assert kept.retention.would() == {"unflagged": 0, "dismissed": 0, "evidence": 0, "captures": 0}


def test_what_was_purged_is_not_taken_in_again_and_figures_stay(kept: Kept) -> None:
    from reports import circulation
    from reports.periods import week_of

    kept.page("http://a.example/bich", SECRET)
    week = week_of(kept.now)
    with kept.records.read() as session:
        before = circulation.judged(session, [week])
    kept.seal()
    kept.now += timedelta(days=31)
    kept.retention.purge()
    kept.page("http://a.example/bich", SECRET)
    with kept.records.read() as session:
        assert session.scalars(select(Post.text)).all() == [""]
        assert circulation.judged(session, [week]) == before
        assert before[0].protected == 1


@pytest.mark.parametrize(("outcome", "days"), [(Outcome.DISMISS, 90), (Outcome.CORRECT, 1825)])
def test_the_term_of_a_case_runs_from_its_end_and_takes_all_that_it_says(
    kept: Kept, outcome: Outcome, days: int
) -> None:
    kept.page("http://a.example/scam", SCAM, flagged=True)
    hoa = person(kept.records, "hoa")
    kept.now += timedelta(days=400)
    assert kept.retention.purge().counts["cases"] == 0  # open, however old
    case = kept.decide(hoa, outcome)
    with kept.records.write() as session:
        from review import notes

        notes.add(session, hoa, case.id, f"xem lại câu {SCAM}", kept.now)
    kept.seal()
    kept.now += timedelta(days=days - 1)
    assert kept.retention.purge().counts["cases"] == 0
    kept.now += timedelta(days=2)
    counts = kept.retention.purge().counts
    assert (counts["cases"], counts["captures"]) == (1, 1)
    kept.index()
    (looked,) = [one for one in kept.retention.verify() if one.counts["cases"]]
    assert looked.left == {}
    assert "trợ cấp F0" not in kept.dump()
    lead = person(kept.records, "tâm", Role.LEAD)
    with kept.records.read() as session:
        made = session.scalars(select(Decision)).one()
        assert (made.outcome, made.snapshot["purged"], len(made.snapshot_sha256)) == (outcome, True, 64)
    with kept.records.write() as session, pytest.raises(TextGone):
        decision.reopen(session, lead, case.id, "xem lại", kept.now)
    with kept.records.write() as session, pytest.raises(TextGone):
        from store.vocabulary import ComplaintKind

        letter = redress.Letter(ComplaintKind.COMPLAINT, "12/KN", kept.now.date(), "oan")
        redress.receive(session, hoa, case.id, letter, kept.now)


def test_a_referral_keeps_its_case_until_it_is_over(kept: Kept) -> None:
    kept.page("http://a.example/scam", SCAM, flagged=True)
    hoa, minh = person(kept.records, "hoa"), person(kept.records, "minh")
    tam = person(kept.records, "tâm", Role.LEAD)
    with kept.records.read() as session:
        case = session.scalars(select(Case)).one()
    made = propose(kept.records, hoa, case, at=kept.now)
    look_blind(kept.records, minh, at=kept.now)
    kept.decide(hoa, Outcome.REPORT)
    kept.now += timedelta(days=4000)
    assert kept.retention.purge().counts["evidence"] == 0
    with kept.records.write() as session:
        from review import referral

        referral.withdraw(session, hoa, made.id, "đã gỡ", kept.now)
    kept.now += timedelta(days=1824)
    assert kept.retention.purge().counts["evidence"] == 0
    kept.now += timedelta(days=2)
    assert kept.retention.purge().counts["evidence"] == 1
    assert tam


def test_cutting_its_neighbours_out_changes_nothing_of_the_evidence_two_persons_agreed_on(kept: Kept) -> None:
    from store.referred import evidence_of, evidence_sha256

    kept.page("http://a.example/bich", SECRET)
    kept.page("http://a.example/scam", SCAM, flagged=True)
    with kept.records.read() as session:
        case = session.scalars(select(Case)).one()
        before = evidence_sha256(evidence_of(session, case.id))
    kept.seal()
    kept.now += timedelta(days=31)
    assert kept.retention.purge().counts["captures"] == 1
    with kept.records.read() as session:
        assert evidence_sha256(evidence_of(session, case.id)) == before


def test_a_hold_keeps_a_post_with_its_copies_and_the_database_refuses_too(kept: Kept) -> None:
    (held,) = kept.page("http://a.example/bich", SECRET)
    (copy,) = kept.page("http://b.example/chep", SECRET)
    lead, hoa = person(kept.records, "tâm", Role.LEAD), person(kept.records, "hoa")
    with kept.records.write() as session, pytest.raises(NotAllowed):
        legal_hold.place(session, hoa, "post", held, "tòa hỏi", kept.now)
    with kept.records.write() as session:
        made = legal_hold.place(session, lead, "post", held, "công văn 12/TA", kept.now)
        assert legal_hold.place(session, lead, "post", held, "lần nữa", kept.now).id == made.id
    kept.seal()
    kept.now += timedelta(days=400)
    assert kept.retention.purge().counts["unflagged"] == 0
    with pytest.raises(DatabaseError, match="legal hold"), kept.records.write() as session:
        session.execute(
            text("UPDATE post SET text = '', title = '', url = NULL, author = NULL, author_sealed = NULL,"
                 " content_hash = '', purged_at = first_seen_at WHERE id = :id"), {"id": copy},
        )  # fmt: skip
    with kept.records.write() as session:
        legal_hold.lift(session, lead, made.id, "tòa đã xong", kept.now)
    assert kept.retention.purge().counts["unflagged"] == 2
    assert len(events(kept.records, "hold.placed")) == len(events(kept.records, "hold.lifted")) == 1
    for statement in ("UPDATE post SET text = 'lại'", "UPDATE post SET purged_at = NULL"):
        with pytest.raises(DatabaseError, match="never comes back"), kept.records.write() as session:
            session.execute(text(statement))


def test_a_page_stays_while_one_of_its_posts_does(kept: Kept) -> None:
    kept.page("http://a.example/thread", SECRET, OTHER)
    with kept.records.write() as session:
        ids = session.scalars(select(Post.id).order_by(Post.id)).all()
    judge(kept.records, ids[1])
    kept.seal()
    kept.now += timedelta(days=31)
    counts = kept.retention.purge().counts
    assert (counts["unflagged"], counts["captures"]) == (1, 0)
    assert "Bích".encode() in kept.bytes()  # said in docs/privacy.md: a page is one capture


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("where", ["take_in", "_switch", "remove"])
@pytest.mark.parametrize("far", [False, True])
def test_a_process_killed_while_it_cuts_leaves_an_archive_that_reads_and_the_next_run_finishes(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, where: str, far: bool
) -> None:
    kept.page("http://a.example/bich", SECRET)
    (stays,) = kept.page("http://a.example/scam", SCAM, flagged=True)
    kept.seal()
    if far:
        (kept.folder / "far").mkdir()
        kept.remote = (kept.folder / "far").as_uri()
    with kept.archive():
        pass  # with a remote, sealed files move there
    kept.now += timedelta(days=31)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*((cutting, where, die) if where == "_switch" else (Archive, where, die)))
        with pytest.raises(Killed):
            kept.retention.purge()

    def reads() -> bytes:
        with kept.records.read() as session:
            capture = session.get_one(Capture, session.get_one(Post, stays).capture_id)
        return kept.archive().read(capture.warc, capture.offset).body

    assert SCAM.encode() in reads()
    kept.retention.purge()
    assert SCAM.encode() in reads()
    kept.index()
    assert all(one.verified_at for one in kept.retention.verify())
    assert "Bích".encode() not in kept.bytes()
    with kept.records.read() as session:
        assert session.scalars(select(Rewrite).where(Rewrite.done_at.is_(None))).all() == []
    left = [one.name for one in (kept.folder / ("far" if far else "archive")).iterdir()]
    assert len(left) == 1, left


def test_a_file_that_is_written_or_cannot_be_written_anew_waits_and_says_so(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.page("http://a.example/bich", SECRET)
    kept.now += timedelta(days=31)
    with kept.archive() as writer:  # a crawl holds it
        writer.resource("http://a.example/x", kept.now, "text/plain", io.BytesIO(b"x"))
        purge = kept.retention.purge()
    assert list(purge.counts["waiting"].values()) == ["còn đang được ghi, hoặc vừa đóng"]
    kept.index()
    (looked,) = kept.retention.verify()
    assert (looked.left, looked.verified_at) == ({"archive_captures": 1}, None)
    kept.seal()
    kept.retention.purge()
    assert all(one.verified_at for one in kept.retention.verify())


def test_a_capture_that_is_needed_again_while_its_file_is_written_anew_stays(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    (young,) = kept.page("http://a.example/scam", SCAM, flagged=True)
    kept.page("http://a.example/bich", SECRET)
    kept.seal()
    kept.now += timedelta(days=31)
    copy = cutting._copy

    def meanwhile(*given: Any) -> Any:
        with kept.records.write() as session:  # a crawl finds the same bytes again
            first = session.scalars(select(Capture).where(Capture.url == "http://a.example/bich")).one()
            session.execute(update(Post).where(Post.id == young).values(capture_id=first.id))
        return copy(*given)

    monkeypatch.setattr(cutting, "_copy", meanwhile)
    purge = kept.retention.purge()
    assert purge.counts["captures"] == 0
    assert purge.counts["waiting"]
    with kept.records.read() as session:
        capture = session.get_one(Capture, session.get_one(Post, young).capture_id)
    assert "Bích".encode() in kept.archive().read(capture.warc, capture.offset).body


def test_the_second_look_finds_what_is_left(kept: Kept) -> None:
    (gone,) = kept.page("http://a.example/bich", SECRET)
    kept.seal()
    kept.now += timedelta(days=31)
    document = kept.engine.fetch([gone])[gone]
    kept.retention.purge()
    kept.index()
    kept.engine.put([replace(document, version=99)])  # an index that did not do as it was told
    with kept.records.write() as session:
        post = session.get_one(Post, gone)
        session.add(
            Revision(
                post_id=gone, version=1, title="", text=SECRET, content_hash="x", capture_id=post.capture_id,
                seen_at=kept.now,
            )
        )  # fmt: skip
    (looked,) = kept.retention.verify()
    assert (looked.left, looked.verified_at) == ({"index": 1, "revisions": 1}, None)
    assert events(kept.records, "retention.left") == [{"index": 1, "revisions": 1}]


def test_it_is_done_once_a_night_by_one_process(kept: Kept) -> None:
    kept.page("http://a.example/bich", SECRET)
    kept.seal()
    kept.now = (kept.now + timedelta(days=40)).replace(hour=17, minute=30)  # half past midnight in Vietnam
    for hours in (0, 1, 2, 10):
        kept.now += timedelta(hours=hours)
        NightlyPurge(kept.retention)(kept.now)
    with kept.records.read() as session:
        runs = session.scalars(select(Purge)).all()
    assert [one.counts["unflagged"] for one in runs] == [1]
    with kept.records.write() as session:
        workers.lead(session, "retention", "another", timedelta(minutes=9))
    with pytest.raises(PurgeBusy):
        kept.retention.purge()
