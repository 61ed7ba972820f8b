"""The catalogue names public sources, and none of them is crawled before a person resumes it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from crawlers.catalogue import listed
from crawlers.sources import named, resume, sync
from store import audit, tasks
from store.records import Records
from store.tables import Event, Source
from store.vocabulary import TaskKind
from store.work_tables import Task
from tests.conftest import ROOT

FILES = sorted((ROOT / "crawlers" / "catalogue").glob("*.yaml"))


def test_every_file_is_in_the_catalogue_and_no_row_is_lost() -> None:
    rows = sum(len(re.findall(r"^- id: ", file.read_text(encoding="utf-8"), re.MULTILINE)) for file in FILES)
    assert {one.topic for one in listed().values()} == {file.stem for file in FILES}
    # An id that stands twice would take the place of the first.
    assert len(listed()) == rows >= 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_says_that_nothing_in_it_was_fetched(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    head = text.partition("- id:")[0]
    assert "Chúng tôi chưa" in head
    assert "`kiemtin source test`" in head
    assert "verified:" not in text
    assert "enabled:" not in text


def test_a_source_stands_in_it_once() -> None:
    entries = [one.entry for one in listed().values()]
    assert len({entry.name for entry in entries}) == len(entries)
    assert len({entry.url for entry in entries}) == len(entries)


def test_every_source_has_a_legal_basis_a_slow_rate_and_where_its_address_was_found() -> None:
    for name, one in listed().items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name
        assert len(one.entry.legal_basis) > 20, name
        assert one.entry.rate <= 0.2, name
        assert one.note, name


def test_every_address_is_encrypted_and_holds_no_key() -> None:
    for name, one in listed().items():
        parts = urlsplit(one.entry.url)
        assert parts.scheme == "https", name
        assert not parts.query, name
        assert parts.username is None, name


def test_the_source_that_the_guide_takes_as_an_example_is_in_it() -> None:
    for page in ("operator.md", "operator/sources.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        examples = re.findall(r"^kiemtin source add ([a-z-]+)", text, re.MULTILINE)
        assert examples, page
        assert set(examples) <= listed().keys(), page


def test_none_of_it_is_crawled_before_it_is_resumed(records: Records) -> None:
    entries = [one.entry for one in listed().values()]
    assert not any(entry.verified for entry in entries)
    with records.write() as session:
        sync(session, entries)
        tasks.plan_crawls(session)
    with records.write() as session:
        sources = session.scalars(select(Source)).all()
        assert len(sources) == len(entries)
        assert all(source.paused_at is not None and source.verified_at is None for source in sources)
        assert session.scalars(select(Task)).all() == []
        ids = [source.id for source in sources]
        assert tasks.take_crawls(session) is None
        assert tasks.take_crawls(session, source_ids=ids) is None


def test_a_task_from_before_a_pause_is_not_taken(records: Records) -> None:
    entry = next(iter(listed().values())).entry
    with records.write() as session:
        sync(session, [entry])
        source = named(session, entry.name)
        resume(session, source, audit.SYSTEM)
        tasks.plan_crawls(session)
        source.paused_at = source.added_at
    with records.write() as session:
        assert tasks.take_crawls(session) is None


def test_one_that_is_resumed_is_crawled_alone(records: Records) -> None:
    first, *_ = entries = [one.entry for one in listed().values()]
    with records.write() as session:
        sync(session, entries)
        resume(session, named(session, first.name), audit.SYSTEM)
        tasks.plan_crawls(session)
    with records.write() as session:
        source = named(session, first.name)
        planned = session.scalars(select(Task.subject_id).where(Task.kind == TaskKind.CRAWL)).all()
        assert planned == [source.id]
        taken = tasks.take_crawls(session)
        assert taken is not None
        assert taken.subject_ids == (source.id,)
        assert session.scalars(select(Event.action)).all()[-1] == "source.resumed"


def test_what_was_resumed_stays_so_when_the_list_is_read_again(sqlite: Records) -> None:
    entry = next(iter(listed().values())).entry
    for _ in range(2):
        with sqlite.write() as session:
            sync(session, [entry])
            resume(session, named(session, entry.name), audit.SYSTEM)
    with sqlite.write() as session:
        sync(session, [entry])
        assert named(session, entry.name).paused_at is None
