"""A list of sources is right, or every mistake in it is named at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from crawlers.sources import SourcesError, load, parse, sync
from store import audit
from store.records import Records
from store.tables import Event, Source
from tests.conftest import ROOT

GOOD = {
    "name": "Báo A",
    "kind": "feed",
    "url": "https://a.example/rss",
    "legal_basis": "công khai",
    "rate": 0.5,
}


def test_the_shipped_example_is_valid() -> None:
    assert len(load(ROOT / "sources.example.yaml")) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"legal_basis": " "}, "không được để trống"),
        ({"legal_basis": None}, "legal_basis"),
        ({"kind": "facebook-group"}, "phải là một trong feed,"),
        ({"kind": "rss"}, "rss nay gọi là feed"),
        ({"url": "ftp://a.example"}, "phải là địa chỉ http"),
        ({"rate": 0}, "lớn hơn 0"),
        ({"rate": 500}, "nhiều nhất 50"),
        ({"password": "x"}, "không có trường này"),
        ({"language": "vietnamese"}, "mã hai chữ"),
    ],
)
def test_a_mistake_names_its_source_and_field(change: dict[str, object], said: str) -> None:
    with pytest.raises(SourcesError) as error:
        parse([{**GOOD, **change}])
    assert "nguồn 1 (Báo A)" in str(error.value)
    assert said in str(error.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SourcesError) as error:
        parse([{**GOOD, "rate": -1}, "x", GOOD, {**GOOD, "url": "https://b.example/"}])
    assert len(str(error.value).splitlines()) == 4


@pytest.mark.parametrize("text", ["a: b", "- [", "\udcff", "5"])
def test_a_file_that_is_no_list_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sources.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SourcesError):
        load(path)
    with pytest.raises(SourcesError, match=r"sources\.example\.yaml"):
        load(tmp_path / "none.yaml")


def test_syncing_adds_changes_and_switches_off_and_says_so(sqlite: Records) -> None:
    first = parse([GOOD, {**GOOD, "name": "Báo B", "url": "https://b.example/rss"}])
    with sqlite.write() as session:
        assert sync(session, first) == []
    with sqlite.write() as session:
        assert sync(session, parse([{**GOOD, "rate": 2}])) == ["Báo B"]
        assert sync(session, parse([{**GOOD, "rate": 2}])) == []
    with sqlite.read() as session:
        assert {s.name: (s.enabled, s.rate) for s in session.scalars(select(Source))} == {
            "Báo A": (True, 2.0),
            "Báo B": (False, 0.5),
        }
        actions = list(session.scalars(select(Event.action)))
        assert actions == ["source.added", "source.added", "source.changed", "source.changed"]
        assert audit.verify(session).ok
