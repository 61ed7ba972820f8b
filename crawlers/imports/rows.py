"""Reads the rows of a file one by one, whatever its format; a broken row is an error of that row alone."""

from __future__ import annotations

import csv
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

MAX_LINE = 4_000_000
# Of a workbook: bytes of all parts unpacked, elements of a part that is held whole, columns of a row.
MOST_UNPACKED = 300_000_000
MOST_ELEMENTS = 6_000_000
MOST_COLUMNS = 1_000
# What its readers raise of a file that is none, is torn, or lies.
_NO_WORKBOOK = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, SyntaxError, LookupError, ValueError, TypeError,
    AttributeError, ArithmeticError, OSError, EOFError, RuntimeError,
)  # fmt: skip


class FileUnreadable(Exception):
    """The whole file cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Row:
    """One row: its number as a person counts it (first data row is 1), and its values or what is wrong."""

    number: int
    values: dict[str, Any]
    raw: str
    error: str = ""


def columns(path: Path) -> list[str]:
    """Return the column names of a file: its header, or every field of its first 1,000 good JSON rows."""
    names: dict[str, None] = {}
    for row in islice(read(path), 1000):
        names.update(dict.fromkeys(row.values))
    if not names:
        raise FileUnreadable(f"{path.name}: không có dòng dữ liệu nào đọc được.")
    return list(names)


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of `path` in order, in constant memory; raises `FileUnreadable`."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(sorted((*_READERS, ".warc", ".warc.gz")))
        raise FileUnreadable(
            f"{path.name}: không biết định dạng {path.suffix or '(không đuôi)'}; dùng {known}."
        )
    if not path.is_file():
        raise FileUnreadable(f"Không thấy tệp {path}.")
    return reader(path)


def _jsonl(path: Path) -> Iterator[Row]:
    number = 0
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE)
                number += 1
                yield Row(number, {}, "", f"dòng dài quá {MAX_LINE} byte")
                continue
            if not line.strip():
                continue
            number += 1
            yield _json_row(number, line)


def _json_row(number: int, line: bytes) -> Row:
    shown = line.decode("utf-8", "replace").strip()
    try:
        values = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Row(number, {}, shown, "không phải UTF-8")
    except (ValueError, RecursionError) as error:
        return Row(number, {}, shown, f"không phải JSON: {error}")
    if not isinstance(values, dict):
        return Row(number, {}, shown, "không phải một đối tượng JSON")
    return Row(number, values, shown)


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE)
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="", errors="strict") as file:
        dialect = _dialect(file.read(64_000))
        file.seek(0)
        reader = csv.reader((line.replace("\x00", "") for line in file), dialect)
        header: list[str] | None = None
        number = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                yield Row(number, {}, "", f"dòng CSV hỏng: {error}")
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip().lstrip("\ufeff") for cell in cells]
                continue
            number += 1
            yield _table_row(number, header, cells)


def _encoding(path: Path) -> str:
    """Return the encoding of a whole file: UTF-8, UTF-16 by its mark, or Windows-1258 as old offices save.

    Raises `FileUnreadable` for a file that is in none of them: no row is taken of what is no text.
    """
    with path.open("rb") as file:
        marked = file.read(2) in {b"\xff\xfe", b"\xfe\xff"}
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1258"):
        try:
            with path.open(encoding=encoding) as text:
                while text.read(1 << 20):
                    pass
        except UnicodeError:
            continue
        return encoding
    raise FileUnreadable(f"{path.name}: không phải văn bản UTF-8, UTF-16 hay Windows-1258.")


def _dialect(sample: str) -> type[csv.Dialect]:
    class Found(csv.excel):
        delimiter = max(",;\t", key=sample.split("\n", 1)[0].count)

    return Found


def _xlsx(path: Path) -> Iterator[Row]:
    try:
        _require_bounded(path)
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            yield from _sheet(path, book.worksheets[0])
        finally:
            book.close()
    except _NO_WORKBOOK as error:
        raise FileUnreadable(f"{path.name}: không phải tệp XLSX đọc được ({str(error)[:200]}).") from error


def _require_bounded(path: Path) -> None:
    """Raise `FileUnreadable` for a workbook that would swell beyond memory: its sizes, and its shared texts.

    A part gives no more bytes than it says, so that the sizes can be believed.
    """
    with zipfile.ZipFile(path) as whole:
        size = sum(part.file_size for part in whole.infolist())
        if size > MOST_UNPACKED:
            raise FileUnreadable(
                f"{path.name}: giải nén ra {size:,} byte, quá {MOST_UNPACKED:,}. Hãy lưu thành CSV."
            )
        for part in whole.infolist():
            # All but sheets is held in memory whole, each element many times as large as in the file.
            if not part.filename.startswith("xl/worksheets/"):
                with whole.open(part) as file:
                    elements = sum(chunk.count(b"<") for chunk in iter(lambda: file.read(1 << 20), b""))
                if elements > MOST_ELEMENTS:
                    raise FileUnreadable(
                        f"{path.name}: {part.filename} có quá nhiều phần tử. Hãy lưu thành CSV."
                    )


def _sheet(path: Path, sheet: Any) -> Iterator[Row]:
    # What a file says of its size is not believed: it would fill each row up to the last column there is.
    sheet.reset_dimensions()
    header: list[str] | None = None
    number = 0
    for cells in sheet.iter_rows(values_only=True):
        if len(cells) > MOST_COLUMNS:
            raise FileUnreadable(f"{path.name}: bảng rộng quá {MOST_COLUMNS:,} cột.")
        if all(cell is None or str(cell).strip() == "" for cell in cells):
            continue
        if header is None:
            header = ["" if cell is None else str(cell).strip() for cell in cells]
            continue
        number += 1
        yield _table_row(number, header, cells)


def _table_row(number: int, header: list[str], cells: Any) -> Row:
    values = {name: cell for name, cell in zip(header, cells, strict=False) if name}
    raw = json.dumps([_plain(cell) for cell in cells], ensure_ascii=False)
    extra = [cell for cell in cells[len(header) :] if cell not in {None, ""}]
    return Row(number, values, raw, "nhiều ô hơn tiêu đề" if extra else "")


def _plain(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, (date, datetime)) else cell


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".csv": _csv,
    ".tsv": _csv,
    ".xlsx": _xlsx,
}
