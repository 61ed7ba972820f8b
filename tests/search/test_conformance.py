"""What every search engine must answer alike. A new engine joins by one more parameter of the fixture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.engine import FACETS, Document, Query, SearchEngine
from search.open import open_engine
from search.terms import words

NOON = datetime(2026, 11, 18, 5, 0, tzinfo=UTC)  # a Wednesday


def document(post_id: int, text: str, **changes: object) -> Document:
    made = Document(
        post_id=post_id, version=1, title="", text=text, url="", source="Báo A", kind="article", act="claim", harms=(),
        flagged=False, protected=False, uncertain=False, harmful=0.1, cluster_id=post_id, state="", published=NOON,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


DOCUMENTS = (
    document(1, "Đeo khẩu trang khi đi chợ", harms=("cure",), flagged=True, harmful=0.9, state="queued"),
    document(
        2, "deo khau trang khi di cho", kind="forum", source="Diễn đàn B", act="opinion", protected=True
    ),
    document(
        3,
        "Trang chủ bán khẩu súng nước",
        act="ad",
        harms=("scam", "cure"),
        harmful=0.6,
        uncertain=True,
        state="decided",
    ),
    document(4, "Hôm nay trời đẹp", title="Thời tiết", published=None, act="other"),
    document(5, "Chợ đêm", published=datetime(2026, 11, 15, 16, 59, tzinfo=UTC)),  # Sunday 23:59 in Vietnam
    document(6, "Chợ sáng", published=datetime(2026, 11, 15, 17, 0, tzinfo=UTC)),  # Monday 00:00 in Vietnam
)


@pytest.fixture(params=["tantivy"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchEngine]:
    made = open_engine(f"{request.param}:{tmp_path / 'index'}")
    yield made
    made.close()


@pytest.fixture
def engine(empty: SearchEngine) -> SearchEngine:
    empty.put(DOCUMENTS)
    return empty


def found(engine: SearchEngine, **query: object) -> set[int]:
    results = engine.search(Query(**query))  # type: ignore[arg-type]
    assert results.total == len(results.hits)
    return {hit.post_id for hit in results.hits}


def test_an_empty_index_answers_with_nothing(empty: SearchEngine) -> None:
    results = empty.search(Query("khẩu trang"))
    assert (results.total, results.hits, results.weeks, empty.count()) == (0, (), (), 0)
    assert set(results.facets) == set(FACETS)


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("khau trang", {1, 2, 3}),
        ("KHẨU TRANG", {1, 2, 3}),
        ('"khau trang"', {1, 2}),
        ('"trang khau"', set()),
        ("khẩu -súng", {1, 2}),
        ('trang -"khau trang"', {3}),
        ("-trang", {4, 5, 6}),
        ("đeo súng", set()),
        ("thoi tiet", {4}),
        ("", {1, 2, 3, 4, 5, 6}),
        ('" - "" ((', {1, 2, 3, 4, 5, 6}),
        ("cho AND", set()),
    ],
)
def test_words_phrases_and_exclusions(engine: SearchEngine, typed: str, ids: set[int]) -> None:
    assert found(engine, text=typed) == ids


def test_the_same_diacritics_rank_higher(engine: SearchEngine) -> None:
    assert engine.search(Query("khẩu trang")).hits[0].post_id == 1
    assert engine.search(Query("khau trang")).hits[0].post_id == 2


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"sources": ("Diễn đàn B",)}, {2}),
        ({"kinds": ("forum", "article")}, {1, 2, 3, 4, 5, 6}),
        ({"acts": ("ad", "opinion")}, {2, 3}),
        ({"harms": ("cure",)}, {1, 3}),
        ({"harms": ("scam",)}, {3}),
        ({"states": ("decided",)}, {3}),
        ({"flagged": True}, {1}),
        ({"flagged": False}, {2, 3, 4, 5, 6}),
        ({"protected": True}, {2}),
        ({"uncertain": True, "harms": ("cure",)}, {3}),
        ({"since": NOON}, {1, 2, 3}),
        ({"until": NOON}, {5, 6}),
        ({"text": "cho", "since": datetime(2026, 11, 15, 17, 0, tzinfo=UTC), "until": NOON}, {6}),
        ({"sources": ("không có",)}, set()),
    ],
)
def test_filters_narrow_and_combine(engine: SearchEngine, query: dict[str, object], ids: set[int]) -> None:
    assert found(engine, **query) == ids


def test_facets_count_what_was_found(engine: SearchEngine) -> None:
    facets = engine.search(Query("trang")).facets
    assert facets["source"] == {"Báo A": 2, "Diễn đàn B": 1}
    assert facets["harm"] == {"cure": 2, "scam": 1}
    assert facets["state"] == {"queued": 1, "decided": 1}
    assert facets["flagged"] == {"false": 2, "true": 1}


def test_weeks_begin_on_monday_in_vietnam(engine: SearchEngine) -> None:
    assert engine.search(Query()).weeks == ((date(2026, 11, 9), 1), (date(2026, 11, 16), 4))


def test_order_and_pages(engine: SearchEngine) -> None:
    ranked = engine.search(Query(order="harmful"))
    assert [hit.post_id for hit in ranked.hits][:2] == [1, 3]
    newest = [hit.post_id for hit in engine.search(Query(order="newest")).hits]
    assert newest[-1] == 4
    assert newest[-2] == 5
    pages = [engine.search(Query(order="newest", offset=i, limit=2)) for i in (0, 2, 4, 6)]
    assert [hit.post_id for page in pages for hit in page.hits] == newest
    assert {page.total for page in pages} == {6}


def test_a_document_put_again_takes_the_place_of_the_first(engine: SearchEngine) -> None:
    engine.put([document(1, "nội dung đã sửa", version=2)])
    assert found(engine, text="khau trang") == {2, 3}
    assert found(engine, text="da sua") == {1}
    assert engine.count() == 6
    engine.put(DOCUMENTS)
    engine.put([])
    assert engine.count() == 6


def test_what_is_deleted_is_gone(engine: SearchEngine) -> None:
    engine.delete([1, 99])
    assert found(engine, text="khau trang") == {2, 3}


def test_a_rebuild_leaves_exactly_what_it_was_given(engine: SearchEngine) -> None:
    seen: list[int] = []
    engine.rebuild(iter(DOCUMENTS[:2]), seen.append)
    assert found(engine) == {1, 2}
    assert seen[-1] == 2


def test_highlights_point_at_the_words(engine: SearchEngine) -> None:
    (hit,) = [h for h in engine.search(Query('"khau trang" cho')).hits if h.post_id == 1]
    assert [hit.snippet[a:b] for a, b in hit.highlights] == ["khẩu trang", "chợ"]


def test_a_long_text_shows_the_part_that_matters(empty: SearchEngine) -> None:
    empty.put([document(1, "mở đầu dài dòng " * 100 + "nước tỏi chữa bệnh " + "kết thúc " * 100)])
    (hit,) = empty.search(Query("nuoc toi chua")).hits
    assert len(hit.snippet) < 300
    assert [hit.snippet[a:b] for a, b in hit.highlights] == ["nước", "tỏi", "chữa"]


@pytest.mark.parametrize(
    "text", ["", "🙏🙏", "a\u0301\u200d", "x" * 1_000_000, "từ " * 100_000, "\x01\x02", "<b>&amp;"]
)
def test_odd_texts_are_kept(empty: SearchEngine, text: str) -> None:
    empty.put([document(1, text)])
    assert found(empty) == {1}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_nothing_typed_is_an_error(engine: SearchEngine, typed: str) -> None:
    engine.search(Query(typed))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=60))
def test_a_text_is_found_by_each_of_its_words(empty: SearchEngine, text: str) -> None:
    empty.put([document(1, text)])
    for word in words(text):
        assert found(empty, text=word) == {1}, word
