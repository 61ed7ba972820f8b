"""The list of sources: what may be crawled, on which legal basis, how fast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from crawlers.canonical import canonical_url
from store import audit
from store.tables import Source


class SourcesError(Exception):
    """A list of sources cannot be used; the message names each entry, the field, and what to do."""


def _url(value: str) -> str:
    try:
        return canonical_url(value)
    except ValueError as error:
        raise ValueError("phải là địa chỉ http(s) đầy đủ") from error


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("không được để trống")
    return value.strip()


Text = Annotated[str, AfterValidator(_said)]


class SourceEntry(BaseModel):
    """One source. `rate` is the most requests a second to its host: by default one in five seconds.

    `pages_a_day` is the most pages asked for in a day; `conditional` lets the source itself say that
    nothing is new (ETag, Last-Modified), which not every feed says truly.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[Text, Field(max_length=200)]
    kind: Literal["rss", "forum"]
    url: Annotated[str, AfterValidator(_url)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "vi"
    legal_basis: Text
    rate: Annotated[float, Field(gt=0, le=50)] = 0.2
    pages_a_day: Annotated[int, Field(gt=0)] | None = None
    conditional: bool = False
    enabled: bool = True


def load(path: Path) -> list[SourceEntry]:
    """Read a list of sources from YAML; raises `SourcesError` with everything that is wrong in it."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourcesError(
            f"Không thấy {path}. Chép sources.example.yaml thành {path} rồi sửa, hoặc đặt"
            " KIEMTIN_SOURCES_FILE."
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SourcesError(f"Không đọc được {path}: {error}") from error
    if not isinstance(entries, list):
        raise SourcesError(f"{path}: phải là một danh sách, mỗi nguồn bắt đầu bằng '- name:'.")
    return parse(entries)


def parse(entries: Sequence[Any]) -> list[SourceEntry]:
    """Validate entries; raises `SourcesError` that lists every mistake at once."""
    found, wrong = [], []
    for number, entry in enumerate(entries, 1):
        name = entry.get("name", "không tên") if isinstance(entry, dict) else "không phải một mục"
        try:
            found.append(SourceEntry.model_validate(entry))
        except ValidationError as error:
            wrong += [f"nguồn {number} ({name}): {_place(e)}{_reason(e)}" for e in error.errors()]
    for field in ("name", "url"):
        for value, times in Counter(getattr(entry, field) for entry in found).items():
            if times > 1:
                wrong.append(f"{field} {value!r} có {times} lần; mỗi nguồn một lần")
    if wrong:
        raise SourcesError("Danh sách nguồn sai:\n" + "\n".join(wrong))
    return found


def sync(session: Session, entries: Sequence[SourceEntry], *, whole: bool = True) -> list[str]:
    """Bring table `source` in line with a list; return the names of sources that were switched off.

    A crawled source that is missing from a `whole` list is disabled, never removed: its posts stay.
    Each change is an audit event.
    """
    known = {source.name: source for source in session.scalars(select(Source))}
    for entry in entries:
        values = entry.model_dump()
        source = known.get(entry.name)
        if source is None:
            source = Source(**values, added_at=datetime.now(UTC))
            session.add(source)
            session.flush()
            audit.append(session, audit.SYSTEM, "source.added", f"source:{source.id}", **values)
            continue
        changed = {field: value for field, value in values.items() if getattr(source, field) != value}
        for field, value in changed.items():
            setattr(source, field, value)
        if changed:
            audit.append(session, audit.SYSTEM, "source.changed", f"source:{source.id}", **changed)
    listed = {entry.name for entry in entries}
    off = []
    for source in known.values():
        if whole and source.enabled and source.kind in {"rss", "forum"} and source.name not in listed:
            source.enabled = False
            off.append(source.name)
            audit.append(session, audit.SYSTEM, "source.changed", f"source:{source.id}", enabled=False)
    return off


def _place(error: Any) -> str:
    return "".join(f"{part}: " for part in error["loc"])


def _reason(error: Any) -> str:
    known = {
        "missing": "thiếu",
        "extra_forbidden": "không có trường này",
        "literal_error": "phải là rss hoặc forum",
        "greater_than": "phải lớn hơn 0",
        "less_than_equal": "quá lớn, nhiều nhất 50 lần mỗi giây",
        "model_type": "phải là các dòng 'trường: giá trị'",
        "string_pattern_mismatch": "phải là mã hai chữ như vi",
    }
    kind = error["type"]
    return known.get(kind, str(error["msg"]).removeprefix("Value error, "))
