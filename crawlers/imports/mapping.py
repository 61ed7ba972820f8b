"""Says which column of a file is which field of a post, and turns a row into one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from crawlers.canonical import canonical_url
from crawlers.imports.rows import Row
from store.ingest import Incoming, PostRefused, clean
from store.text import content_hash, fold
from store.vocabulary import PostKind

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

# Column names people use, folded; the first that a file has is taken.
_USUAL: dict[str, tuple[str, ...]] = {
    "text": ("text", "noi dung", "content", "body", "message", "post_message", "mo ta", "phan anh"),
    "id": ("id", "ma", "ma so", "external_id", "stt", "so"),
    "url": ("url", "link", "duong dan", "lien ket", "permalink"),
    "title": ("title", "tieu de", "headline"),
    "published": (
        "published",
        "published_at",
        "date",
        "ngay",
        "thoi gian",
        "ngay dang",
        "created_at",
        "time",
    ),
    "author": ("author", "tac gia", "nguoi dang", "user", "username"),
}
FIELDS = tuple(_USUAL)
# No database keeps these, and they say nothing.
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_DATES = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d")


class MappingError(Exception):
    """A mapping does not fit the file; the message names the column and the ones there are."""


class RowRefused(Exception):
    """A row cannot become a post; the message says why."""


@dataclass(frozen=True)
class Mapping:
    """Field → column. `text` is needed; `url`, or else `id`, makes a row the same post when it comes again.

    `by_id`: only its `id` does, which it must have; its `url` is that of what it speaks of, not its own.
    """

    columns: dict[str, str]
    by_id: bool = False

    @classmethod
    def of(cls, header: Iterable[str], given: dict[str, str]) -> Mapping:
        """Return the mapping for a file with columns `header`: what was given, then the usual names.

        A column given as "-" leaves its field out. Raises `MappingError`.
        """
        names = list(header)
        if unknown := set(given) - set(FIELDS):
            raise MappingError(
                f"Không có trường {', '.join(sorted(unknown))}; các trường là {', '.join(FIELDS)}."
            )
        for field, column in given.items():
            if column not in {*names, "-"}:
                raise MappingError(f"Tệp không có cột {column!r} cho {field}; các cột là {', '.join(names)}.")
        folded = {fold(name): name for name in reversed(names)}
        usual = {
            field: next((folded[name] for name in choices if name in folded), "-")
            for field, choices in _USUAL.items()
        }
        columns = {field: column for field, column in {**usual, **given}.items() if column != "-"}
        if "text" not in columns:
            raise MappingError(
                f"Không biết cột nào là nội dung. Chỉ rõ bằng --map text=CỘT; các cột là {', '.join(names)}."
            )
        return cls(columns)

    def post(self, row: Row, source: str, kind: PostKind, language: str, capture_id: int) -> Incoming:
        """Return the post that a row holds; raises `RowRefused`."""
        if row.error:
            raise RowRefused(row.error)
        text, title = self._text(row, "text"), self._text(row, "title")
        if not text.strip():
            raise RowRefused(f"cột {self.columns['text']!r} trống")
        try:
            kept = clean(f"{title}\n\n{text}" if title and not text.startswith(title) else text)
        except PostRefused as error:
            raise RowRefused(str(error)) from error
        url = self._url(row)
        return Incoming(
            key=self._key(row, source, url, kept),
            kind=kind,
            text=kept,
            title=title,
            capture_id=capture_id,
            url=url,
            row=row.number,
            language=language,
            published_at=self._published(row),
            handle=self._text(row, "author") or None,
        )

    def _text(self, row: Row, field: str) -> str:
        value = row.values.get(self.columns.get(field, ""))
        if value is None:
            return ""
        if isinstance(value, (dict, list, bool)):
            raise RowRefused(f"cột {self.columns[field]!r} không phải chữ")
        # A spreadsheet turns an id 12 into 12.0.
        whole = isinstance(value, float) and value.is_integer()
        return _UNKEPT.sub("", str(int(value) if whole else value))

    def _key(self, row: Row, source: str, url: str | None, text: str) -> str:
        named = self._text(row, "id").strip()
        if self.by_id and not named:
            raise RowRefused("thiếu id")
        return url if url and not self.by_id else f"import:{source}:{named or content_hash(text)}"

    def _url(self, row: Row) -> str | None:
        value = self._text(row, "url").strip()
        if not value:
            return None
        try:
            parts = urlsplit(value)
            if parts.scheme in {"http", "https"} and parts.hostname:
                return canonical_url(value)
        except ValueError:
            pass
        raise RowRefused(f"đường dẫn {value[:200]!r} không hợp lệ")

    def _published(self, row: Row) -> datetime | None:
        value = row.values.get(self.columns.get("published", ""))
        if value is None or value == "":
            return None
        try:
            if (found := _moment(value)) is not None:
                found = found.replace(tzinfo=VIETNAM) if found.tzinfo is None else found
                return found.astimezone(UTC)
        except OverflowError:
            pass
        raise RowRefused(f"không đọc được thời gian {str(value)[:100]!r}")


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.min)  # the caller gives the time zone
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_epoch(float(value))
    text = str(value).strip()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _DATES:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller gives the time zone
        except ValueError:
            continue
    return None


def _from_epoch(value: float) -> datetime | None:
    seconds = value / 1000 if value > 1e11 else value
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 4e9 else None
