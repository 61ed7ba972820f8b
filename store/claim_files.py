"""Files of claims: read row by row, a bad one with its place and the reason; taken in; written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from lxml import html

from store import claims
from store.claim_facts import BadClaim, Facts
from store.claim_review import document, from_review, reviews
from store.claims import Taken
from store.records import Records

# A document of JSON-LD is read whole; a line of a file of lines holds one claim.
LARGEST = 100_000_000
_LONGEST_LINE = 1_000_000
_AT_ONCE = 200


class FileUnreadable(Exception):
    """The file holds no claims in a form that is known; the message says why."""


@dataclass(frozen=True)
class Refused:
    """A row that is no claim: its line, or its place among the reviews of a document, and why."""

    line: int
    reason: str
    raw: str


@dataclass
class Brought:
    """What became of the rows of a file."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[Refused] = field(default_factory=list)


def read_file(path: Path, harm: str = "") -> Iterator[Facts | Refused]:
    """Read claims of a file: JSON lines in the form of `models/claims.jsonl`, or ClaimReview in JSON-LD.

    JSON-LD may be one review, a list, a `@graph`, a feed, or a page in HTML that has it in its scripts.
    `harm` stands for reviews that name none. Raises `FileUnreadable`.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
        if start.startswith(b"<"):
            return _of_document(_of_page(_whole(path, size)), harm)
        whole = None if _is_lines(path) else _json(_whole(path, size).decode("utf-8-sig"))
    except OSError as error:
        raise FileUnreadable(f"Không đọc được {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileUnreadable(f"{path} không phải UTF-8: byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise FileUnreadable(f"{path} không phải JSON, cũng không phải các dòng JSON: {error}") from error
    return _lines(path, harm) if whole is None else _of_document(whole, harm)


def read_text(text: str, harm: str = "") -> Iterator[Facts | Refused]:
    """Read claims of a text, as `read_file` does of a file."""
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        return _of_document(_of_page(text.encode()), harm)
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    try:
        if not _one_a_line(lines):
            return _of_document(_json(text.lstrip("\ufeff")), harm)
    except (ValueError, RecursionError) as error:
        raise FileUnreadable(f"Không phải JSON, cũng không phải các dòng JSON: {error}") from error
    return (_row(number, line, harm) for number, line in enumerate(lines, 1) if line.strip())


def take(
    records: Records,
    rows: Iterable[Facts | Refused],
    actor: str,
    account: str = "",
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Brought:
    """Take rows in, some hundreds in a transaction; a row that is refused holds no other up."""
    brought, done = Brought(), 0
    going = iter(rows)
    while part := list(islice(going, _AT_ONCE)):
        good = [row for row in part if isinstance(row, Facts)]
        with records.write() as session:
            taken = [claims.save(session, row, actor, account=account) for row in good]
        brought.refused += [row for row in part if isinstance(row, Refused)]
        brought.new += taken.count(Taken.NEW)
        brought.updated += taken.count(Taken.UPDATED)
        brought.unchanged += taken.count(Taken.UNCHANGED)
        done += len(part)
        progress(done, None)
    return brought


def written(found: Sequence[Facts]) -> str:
    """Return claims as one document of ClaimReview."""
    return json.dumps(document(found), ensure_ascii=False, indent=1) + "\n"


def _whole(path: Path, size: int) -> bytes:
    if size > LARGEST:
        raise FileUnreadable(
            f"{path} lớn quá {LARGEST // 1_000_000} MB: chia nhỏ, hoặc mỗi dòng một tuyên bố."
        )
    return path.read_bytes()


def _json(text: str) -> Any:
    return json.loads(text)


def _is_lines(path: Path) -> bool:
    with path.open("rb") as file:
        return _one_a_line(islice(iter(lambda: file.readline(_LONGEST_LINE), b""), 50))


def _one_a_line(lines: Iterable[bytes]) -> bool:
    """Say whether a file holds an object a line, as far as its lines are whole."""
    said = [line for line in lines if line.strip()]
    if not said:
        return True
    whole = 0
    for line in said:
        try:
            found = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            continue
        whole += isinstance(found, dict)
    # One object alone may be either: a review is read as a document.
    return whole > 1 or (whole == 1 and b'"@type"' not in b"".join(said))


def _of_page(page: bytes) -> list[Any]:
    """Return the JSON-LD of a page in HTML."""
    try:
        tree = html.fromstring(page)
    except (ValueError, html.etree.ParserError) as error:
        raise FileUnreadable(f"Trang HTML không đọc được: {error}") from error
    found = []
    for script in tree.iterfind(".//script[@type='application/ld+json']"):
        try:
            found.append(_json(script.text or ""))
        except (ValueError, RecursionError):
            continue  # other scripts of the page may hold the review
    return found


def _of_document(whole: Any, harm: str) -> Iterator[Facts | Refused]:
    found = list(reviews(whole))
    if not found:
        raise FileUnreadable("Không thấy ClaimReview nào (schema.org) trong tệp.")
    return (_review(number, review, harm) for number, review in enumerate(found, 1))


def _lines(path: Path, harm: str) -> Iterator[Facts | Refused]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if not line.endswith(b"\n") and len(line) == _LONGEST_LINE:
                while line and not line.endswith(b"\n"):
                    line = file.readline(_LONGEST_LINE)
                yield Refused(number, f"dòng dài quá {_LONGEST_LINE} byte", "")
            elif line.strip():
                yield _row(number, line, harm)


def _row(number: int, line: bytes, harm: str) -> Facts | Refused:
    raw = line.decode("utf-8", "replace").strip()[:1000]
    try:
        row = json.loads(line.decode("utf-8-sig"))
        if isinstance(row, dict) and "@type" in row:
            return _review(number, row, harm)
        return Facts.from_row(row)
    except UnicodeDecodeError:
        return Refused(number, "không phải UTF-8", raw)
    except BadClaim as error:
        return Refused(number, str(error), raw)
    except (ValueError, RecursionError) as error:
        return Refused(number, f"không phải JSON: {error}", raw)


def _review(number: int, review: dict[str, Any], harm: str) -> Facts | Refused:
    try:
        return from_review(review, harm)
    except BadClaim as error:
        return Refused(number, str(error), json.dumps(review, ensure_ascii=False)[:1000])
