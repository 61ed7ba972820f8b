"""An operator takes a source up: finds it, tries it, lets it go on, watches it, pauses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from crawlers import sample_site
from crawlers.sample_site import RunningSite
from crawlers.sample_site.pages import FORBIDDEN
from store.tables import Post, Run, Source
from tests.kiemtin.program import Program


@pytest.fixture
def site() -> Iterator[RunningSite]:
    running = sample_site.serve()
    yield running
    running.stop()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    made = Program(tmp_path)
    made.run("migrate")
    return made


def said_as_json(output: str, field: str) -> dict[str, Any]:
    """Return the result among the lines that a command printed, which logs lines of JSON too."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return next(line for line in lines if field in line and "event" not in line)


def count(program: Program, table: type) -> int:
    records = program.records()
    with records.read() as session:
        number = session.scalar(select(func.count()).select_from(table)) or 0
    records.close()
    return number


def test_a_source_is_added_paused_tried_and_resumed(program: Program, site: RunningSite) -> None:
    before = "# của chúng tôi\n- name: Có sẵn\n  kind: feed\n  url: https://bao.example/rss\n  legal_basis: x\n  enabled: false\n"
    (program.folder / "sources.yaml").write_text(before)
    add = ("source", "add", "Báo thử", "--kind", "feed", "--url", f"{site.url}/rss.xml", "--rate", "50")
    assert "legal_basis: không được để trống" in program.run(*add, expect=2)
    assert (program.folder / "sources.yaml").read_text() == before
    said = program.run(*add, "--legal-basis", "thử")
    assert "tạm dừng" in said
    written = (program.folder / "sources.yaml").read_text()
    assert written.startswith(before)
    assert yaml.safe_load(written)[1]["verified"] is False
    assert "2 lần" in program.run(*add, "--legal-basis", "thử", expect=2)
    # Paused: it is not asked, even by its name.
    program.run("crawl", "--source", "Báo thử")
    assert (count(program, Run), count(program, Post)) == (0, 0)
    tried = program.run("source", "test", "Báo thử")
    for words in ("cho phép", "feed", "Dẫn tới 55 trang"):
        assert words in tried
    assert count(program, Post) == 0
    listed = program.run("source", "list")
    assert "tạm dừng" in listed
    program.run("source", "resume", "Báo thử")
    plan = program.run("crawl", "--dry-run")
    assert f"{site.url}/rss.xml" in plan
    assert count(program, Run) == 0
    counters = said_as_json(program.run("crawl", "--json", "--quiet"), "page/asked")
    assert counters["post/new"] == count(program, Post) - counters["post/copy"] > 40
    program.run("source", "pause", "Báo thử")
    assert "Không có nguồn nào để thu thập" in program.run("crawl")
    records = program.records()
    with records.read() as session:
        assert session.scalars(select(Source.verified_at).where(Source.name == "Báo thử")).one() is not None
    records.close()


@pytest.mark.parametrize(
    ("path", "kind"), [("/rss.xml", "feed"), ("/dien-dan/", "forum"), ("/robots.txt", "")]
)
def test_an_address_is_tried_and_its_kind_is_found(
    program: Program, site: RunningSite, path: str, kind: str
) -> None:
    answer = said_as_json(
        program.run("source", "test", f"{site.url}{path}", "--json", expect=0 if kind else 1), "robots"
    )
    assert (answer["kind"] or "", answer["ok"]) == (kind, bool(kind))


def test_what_is_in_the_way_of_a_test_is_said(program: Program, site: RunningSite) -> None:
    closed = Program(program.folder, settings={"KIEMTIN_CRAWL_PRIVATE": ""})
    assert "host/private" in closed.run("source", "test", f"{site.url}/rss.xml", expect=1)
    assert "cần khóa" in program.run("source", "test", "https://www.youtube.com/@kenh", expect=1)
    assert "Không có nguồn" in program.run("source", "test", "không có", expect=2)
    assert "robots/forbidden" in program.run("source", "test", f"{site.url}{FORBIDDEN}x.html", expect=1)


def test_the_catalogue_is_shown_and_one_of_it_is_taken_up_paused(program: Program) -> None:
    assert "vnexpress-suc-khoe" in program.run("source", "catalogue")
    program.run("source", "add", "vnexpress-suc-khoe")
    (entry,) = yaml.safe_load((program.folder / "sources.yaml").read_text())
    assert entry["verified"] is False
    program.run("crawl")
    assert count(program, Run) == 0


def test_what_was_published_before_a_day_is_left(program: Program, site: RunningSite) -> None:
    entries = sample_site.sources(site.url)
    (program.folder / "sources.yaml").write_text(yaml.safe_dump(entries, allow_unicode=True))
    times = sorted(article.published for article in sample_site.articles())
    day = times[len(times) // 2].date()
    counters = said_as_json(program.run("crawl", "--since", f"{day}", "--json", "--quiet"), "page/asked")
    assert counters["page/older"] + counters.get("post/older", 0) > 10
    records = program.records()
    with records.read() as session:
        first = session.scalars(select(func.min(Post.published_at))).one()
    records.close()
    assert first is not None
    assert first.date() >= day or (day - first.date()).days <= 1  # the day begins in Vietnam
