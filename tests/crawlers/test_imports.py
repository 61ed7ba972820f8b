"""Every row of a file lands or is in the error file with its reason, however often the import is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlalchemy import func, select

from crawlers.imports import run as imports
from crawlers.imports.mapping import Mapping, MappingError, RowRefused
from crawlers.imports.rows import FileUnreadable, Row, columns, read
from store.archive import Archive
from store.keys import Keys
from store.records import Records
from store.tables import Capture, Post, Rejection, Run
from store.vocabulary import PostKind, RunState, SourceKind
from store.work_tables import Task
from tests.conftest import ROOT, shared

KEYS = Keys(bytes(32))


def plan(path: Path, given: dict[str, str] | None = None, **changes: object) -> imports.Plan:
    mapping = Mapping.of(columns(path), given or {})
    return imports.Plan(path=path, mapping=mapping, source="Tệp thử", legal_basis="thử", **changes)  # type: ignore[arg-type]


def run(records: Records, folder: Path, made: imports.Plan) -> imports.Outcome:
    return imports.run(records, Archive(folder / "archive"), KEYS, made)


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text(
        "".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in rows)
    )
    return path


def number(records: Records, table: type) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_good_rows_land_and_bad_ones_are_in_the_error_file(records: Records, tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        {"id": 1, "text": "bài thứ nhất", "date": "2020-05-08T11:59:26Z", "author": "ai_đó"},
        "{không phải json",
        {"id": 2, "text": "   "},
        {"id": 3, "text": "bài thứ hai", "date": "hôm qua"},
        {"id": 4, "text": ["không", "phải", "chữ"]},
        "[1, 2]",
        {"id": 5, "text": "🙏🙏"},
        {"id": 6, "text": "bài thứ ba", "url": "javascript:alert(1)"},
        {"id": 7, "text": "bài thứ tư", "date": None},
    )
    outcome = run(records, tmp_path, plan(path))
    assert outcome.counters == {"post/new": 2, "row/refused": 7}
    with records.read() as session:
        assert imports.write_errors(session, outcome.run_id, tmp_path / "errors.jsonl") == 7
        posts = session.scalars(select(Post).order_by(Post.row)).all()
    errors = [json.loads(line) for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
    assert [e["row"] for e in errors] == [2, 3, 4, 5, 6, 7, 8]
    assert all(e["reason"] for e in errors)
    assert [post.row for post in posts] == [1, 9]
    assert posts[0].published_at == datetime(2020, 5, 8, 11, 59, 26, tzinfo=UTC)
    assert posts[0].author_sealed is not None


def test_the_same_file_again_does_nothing(sqlite: Records, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", *[{"id": i, "text": f"bài số {i}"} for i in range(5)])
    run(sqlite, tmp_path, plan(path))
    again = run(sqlite, tmp_path, plan(path))
    assert again.done_before
    assert (number(sqlite, Post), number(sqlite, Run), number(sqlite, Capture)) == (5, 1, 1)


def test_an_import_begun_before_an_upgrade_is_still_the_same_import() -> None:
    mapping = Mapping({"text": "Nội dung", "id": "Mã"})
    made = imports.Plan(Path("a.jsonl"), mapping, "Tệp thử", "thử").job("0" * 64)
    assert made.identity == "46b5aa58dad11ca3b7a312fe621956aa5f5a952703ba6f79508797645be5da82"


def test_a_changed_row_is_a_new_version_of_its_post(sqlite: Records, tmp_path: Path) -> None:
    run(sqlite, tmp_path, plan(jsonl(tmp_path / "a.jsonl", {"id": 1, "text": "bản đầu"})))
    outcome = run(sqlite, tmp_path, plan(jsonl(tmp_path / "a.jsonl", {"id": 1, "text": "bản đã sửa"})))
    assert outcome.counters == {"post/edited": 1}
    assert number(sqlite, Post) == 1


def test_a_stopped_import_goes_on_after_its_last_whole_batch(records: Records, tmp_path: Path) -> None:
    rows = [{"id": i, "text": f"bài số {i} " * 5} if i % 7 else "hỏng" for i in range(1, 501)]
    path = jsonl(tmp_path / "a.jsonl", *rows)

    class Stop(Exception): ...

    def stop_after(done: int, total: int) -> None:
        if done >= 400:
            raise Stop

    with pytest.raises(Stop):
        imports.run(records, Archive(tmp_path / "archive"), KEYS, plan(path), stop_after)
    outcome = run(records, tmp_path, plan(path))
    assert outcome.resumed_at == 400
    assert outcome.counters == {"post/new": 429, "row/refused": 71}
    assert (number(records, Post), number(records, Rejection), number(records, Task)) == (429, 71, 429)
    assert number(records, Capture) == 1


def test_the_whole_file_is_in_the_archive(sqlite: Records, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"id": 1, "text": "bài"})
    run(sqlite, tmp_path, plan(path))
    with sqlite.read() as session:
        capture = session.scalars(select(Capture)).one()
    read_back = Archive(tmp_path / "archive").read(capture.warc, capture.offset)
    assert read_back.body == path.read_bytes()


def test_a_dry_run_reads_everything_and_writes_nothing(sqlite: Records, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"id": 1, "text": "bài"}, "hỏng", {"id": 2, "text": ""})
    seen = imports.preview(plan(path))
    assert seen.rows == 3
    assert [number for number, _ in seen.refused] == [2, 3]
    assert number(sqlite, Post) == 0
    assert not (tmp_path / "archive").exists()


HEADER = ("Mã", "Nội dung", "Ngày đăng", "Đường dẫn")
LINES = (
    ("a1", "Bài thứ nhất, có dấu phẩy", "20/11/2026 08:30", "https://a.example/1?utm_source=x"),
    ("a2", 'Bài "thứ hai"\nhai dòng', "2026-11-20", ""),
)


@pytest.mark.parametrize("kind", ["utf-8", "utf-8-sig", "utf-16", "semicolon", "tab", "xlsx"])
def test_tables_of_any_make_give_the_same_posts(sqlite: Records, tmp_path: Path, kind: str) -> None:
    import csv

    path = tmp_path / ("a.xlsx" if kind == "xlsx" else "a.csv")
    if kind == "xlsx":
        book = Workbook()
        for line in (HEADER, *LINES):
            book.active.append(line)  # type: ignore[union-attr]
        book.save(path)
    else:
        delimiter = {"semicolon": ";", "tab": "\t"}.get(kind, ",")
        encoding = kind if kind.startswith("utf") else "utf-8"
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([HEADER, *LINES])
    run(sqlite, tmp_path, plan(path, post_kind=PostKind.HOTLINE, source_kind=SourceKind.HOTLINE))
    with sqlite.read() as session:
        one, other = session.scalars(select(Post).order_by(Post.row))
    assert one.key == "https://a.example/1"
    assert one.published_at == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
    assert (other.key, other.text) == ("import:Tệp thử:a2", 'Bài "thứ hai"\nhai dòng')


def test_a_broken_csv_line_is_an_error_of_that_line(sqlite: Records, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,tốt\n2,dư,ô,thừa\n3,cũng tốt\n")
    outcome = run(sqlite, tmp_path, plan(path))
    assert outcome.counters == {"post/new": 2, "row/refused": 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"x"),
        ("a.xlsx", b"not a zip"),
        ("a.xlsx", b"PK\x03\x04broken"),
        ("a.jsonl", b""),
        ("a.csv", b"id,text\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileUnreadable, match=name):
        columns(path)
    with pytest.raises(FileUnreadable):
        columns(tmp_path / "none.csv")


def test_a_line_without_end_is_not_held_in_memory_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id": 1, "text": "t\xe1\xbb\x91t"}\n')
        for _ in range(12):
            file.write(b"x" * 1_000_000)
        file.write(b'\n{"id": 2, "text": "c\xc5\xa9ng t\xe1\xbb\x91t"}\n')
    assert [bool(row.error) for row in read(path)] == [False, True, False]


def test_a_mapping_that_does_not_fit_names_the_columns() -> None:
    with pytest.raises(MappingError, match="không có cột 'y'"):
        Mapping.of(["x"], {"text": "y"})
    with pytest.raises(MappingError, match="Không có trường z"):
        Mapping.of(["x"], {"z": "x"})
    with pytest.raises(MappingError, match="--map text="):
        Mapping.of(["x"], {})
    assert Mapping.of(["Nội dung", "ngày"], {"published": "-"}).columns == {"text": "Nội dung"}


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["text", "id", "date", "url", "author", "title"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.datetimes()
)))  # fmt: skip
def test_any_row_is_a_post_or_refused_with_a_reason(values: dict[str, object]) -> None:
    mapping = Mapping.of(["text", "id", "date", "url", "author", "title"], {})
    try:
        post = mapping.post(Row(1, values, ""), "n", PostKind.SOCIAL, "vi", 1)
        assert post.text
        assert post.published_at is None or post.published_at.tzinfo is not None
    except RowRefused as error:
        assert str(error)


def test_all_real_posts_land(sqlite: Records, tmp_path: Path) -> None:
    landed = 0
    for name in ("posts_train", "posts_unlabelled"):
        path = shared(f"data/{name}.jsonl")
        rows = sum(1 for line in path.open("rb") if line.strip())
        outcome = imports.run(sqlite, Archive(tmp_path / "archive"), KEYS, plan(path))
        assert sum(outcome.counters.values()) == rows
        landed += rows - outcome.rejected
    assert number(sqlite, Post) == landed
    assert number(sqlite, Rejection) + landed == 5216 + 1848
    with sqlite.read() as session:
        assert set(session.scalars(select(Run.state))) == {RunState.DONE}


def workbook(path: Path, changed: Callable[[str, bytes], Iterable[bytes]]) -> Path:
    """Write a workbook of one good row whose parts are what `changed` makes of their name and bytes."""
    book, made = Workbook(), BytesIO()
    for line in (("text",), ("bài",)):
        book.active.append(line)  # type: ignore[union-attr]
    book.save(made)
    with (
        zipfile.ZipFile(made) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for part in old.infolist():
            with new.open(part.filename, "w") as file:
                for chunk in changed(part.filename, old.read(part)):
                    file.write(chunk)
    return path


def of_sheet(change: Callable[[bytes], Iterable[bytes]]) -> Callable[[str, bytes], Iterable[bytes]]:
    return lambda name, body: change(body) if name == "xl/worksheets/sheet1.xml" else [body]


def to_end(*chunks: bytes) -> Callable[[str, bytes], Iterable[bytes]]:
    """Put chunks behind the last row of the sheet."""
    return of_sheet(lambda body: (part for part in (body[: body.index(b"</sheetData>")], *chunks)))


LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY a{number} '{f'&a{number - 1};' * 10}'>" for number in range(1, 10)
)
SHEETS: dict[str, Callable[[str, bytes], Iterable[bytes]]] = {
    "swells": to_end(*[b" " * 10_000_000] * 31, b"</sheetData></worksheet>"),
    "many elements in a part that is held whole": lambda name, body: (
        [b"<sst>", *[b"<si/>" * 100_000] * 61, b"</sst>"] if name == "xl/styles.xml" else [body]
    ),
    "laughs in the book": lambda name, body: (
        [f"{LAUGHS}]><workbook>&a9;</workbook>".encode()] if name == "xl/workbook.xml" else [body]
    ),
    "laughs in the sheet": of_sheet(lambda body: [f"{LAUGHS}]><worksheet>&a9;</worksheet>".encode()]),
    "torn": of_sheet(lambda body: [body[:-60]]),
    "empty": of_sheet(lambda body: []),
    "a row that is no number": of_sheet(lambda body: [body.replace(b'<row r="2"', b'<row r="hai"')]),
    "the last column": to_end(b'<row r="3"><c r="XFD3"><v>1</v></c></row></sheetData></worksheet>'),
}


@pytest.mark.parametrize("kind", SHEETS)
def test_a_hostile_workbook_is_a_clear_error_in_little_memory(
    sqlite: Records, tmp_path: Path, kind: str
) -> None:
    path = workbook(tmp_path / "a.xlsx", SHEETS[kind])
    # In a process of its own, which may not take more: what swells would end it.
    script = (
        "import resource, sys; from pathlib import Path; from crawlers.imports import rows\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "try: print(list(rows.read(Path(sys.argv[1]))))\n"
        "except rows.FileUnreadable as error: print('refused:', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout.startswith("refused: a.xlsx: "), (done.stdout[-300:], done.stderr[-300:])
    with pytest.raises(FileUnreadable):
        run(sqlite, tmp_path, plan(path))
    assert number(sqlite, Post) == 0


def test_a_row_far_down_costs_no_rows_in_between_and_no_claimed_size_is_believed(tmp_path: Path) -> None:
    def far(body: bytes) -> Iterable[bytes]:
        body = body.replace(b'ref="A1:A2"', b'ref="A1:XFD1048576"')
        assert b"XFD1048576" in body
        return [body.replace(b'<row r="2"', b'<row r="1048576"').replace(b'r="A2"', b'r="A1048576"')]

    (row,) = read(workbook(tmp_path / "a.xlsx", of_sheet(far)))
    assert (row.number, row.values) == (1, {"text": "bài"})
