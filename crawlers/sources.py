"""The list of sources: what may be crawled, on which legal basis, how fast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from crawlers.canonical import canonical_url
from crawlers.kinds import KINDS
from store import audit
from store.tables import Source
from store.vocabulary import CRAWLED, SourceKind


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


def _kind(value: str) -> str:
    if value not in CRAWLED:
        hint = "; rss nay gọi là feed" if value == "rss" else ""
        raise ValueError(f"phải là một trong {', '.join(CRAWLED)}{hint}")
    return value


Kind = Annotated[str, AfterValidator(_kind)]
Text = Annotated[str, AfterValidator(_said)]


class SourceEntry(BaseModel):
    """One source. `rate` is the most requests a second to its host: by default one in five seconds.

    `pages_a_day` is the most pages asked for in a day; `conditional` lets the source itself say that
    nothing is new (ETag, Last-Modified), which not every feed says truly. One that is not `verified`, such
    as those of the catalogue, waits paused until a person has tested it and lets it go on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[Text, Field(max_length=200)]
    kind: Kind
    url: str
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "vi"
    legal_basis: Text
    rate: Annotated[float, Field(gt=0, le=50)] = 0.2
    pages_a_day: Annotated[int, Field(gt=0)] | None = None
    conditional: bool = False
    enabled: bool = True
    verified: bool = True

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str, info: ValidationInfo) -> str:
        # Kept as people know it; only what is asked has another form (`crawlers.kinds.address`).
        value = value.strip() if value.strip().startswith("@") else _url(value)
        if "kind" in info.data:
            KINDS[SourceKind(info.data["kind"])].address(value)
        return value


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

    A crawled source that is missing from a `whole` list is disabled, never removed: its posts stay. A new
    one that is not verified begins paused. Each change is an audit event.
    """
    now = datetime.now(UTC)
    known = {source.name: source for source in session.scalars(select(Source))}
    for entry in entries:
        values = entry.model_dump(exclude={"verified"})
        source = known.get(entry.name)
        if source is None:
            source = Source(**values, added_at=now, paused_at=None if entry.verified else now)
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
        if whole and source.enabled and source.kind in CRAWLED and source.name not in listed:
            source.enabled = False
            off.append(source.name)
            audit.append(session, audit.SYSTEM, "source.changed", f"source:{source.id}", enabled=False)
    return off


def append(path: Path, entry: SourceEntry) -> list[SourceEntry]:
    """Write a source at the end of a list, whose own lines stay as they are; return the whole list.

    Raises `SourcesError`, and writes nothing, where the list is wrong or would be: a name or address twice.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    given = entry.model_dump(exclude_defaults=True)
    text = f"{before.rstrip()}\n" if before.strip() else ""
    text += yaml.safe_dump([given], allow_unicode=True, sort_keys=False, width=1000)
    entries = [*(load(path) if before.strip() else []), entry]
    entries = parse([one.model_dump() for one in entries])
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    return entries


def named(session: Session, name: str) -> Source:
    """Return a source by its name; raises `SourcesError` when there is none."""
    source = session.scalar(select(Source).where(Source.name == name))
    if source is None:
        raise SourcesError(f"Không có nguồn {name!r}: xem `kiemtin source list`.")
    return source


def verify(session: Session, source_id: int) -> None:
    """Note that a page of a source could be read."""
    session.get_one(Source, source_id).verified_at = datetime.now(UTC)
    audit.append(session, audit.SYSTEM, "source.verified", f"source:{source_id}")


def pause(session: Session, source: Source, actor: str) -> None:
    """Leave a source alone until it is resumed, whatever its list says; pages in hand are finished."""
    if source.paused_at is None:
        source.paused_at = datetime.now(UTC)
        audit.append(session, actor, "source.paused", f"source:{source.id}", name=source.name)


def resume(session: Session, source: Source, actor: str) -> None:
    """Let a paused source be crawled again; one that its list has switched off stays off."""
    if source.paused_at is not None:
        source.paused_at = None
        audit.append(session, actor, "source.resumed", f"source:{source.id}", name=source.name)


def _place(error: Any) -> str:
    return "".join(f"{part}: " for part in error["loc"])


def _reason(error: Any) -> str:
    known = {
        "missing": "thiếu",
        "extra_forbidden": "không có trường này",
        "greater_than": "phải lớn hơn 0",
        "less_than_equal": "quá lớn, nhiều nhất 50 lần mỗi giây",
        "model_type": "phải là các dòng 'trường: giá trị'",
        "string_pattern_mismatch": "phải là mã hai chữ như vi",
    }
    kind = error["type"]
    return known.get(kind, str(error["msg"]).removeprefix("Value error, "))
