"""What is known of one claim, checked at the door: every mistake of a row is named in Vietnamese."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import models
from store.claim_tables import ClaimVersion
from store.text import normalise, words
from store.vocabulary import ClaimVerdict

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_DAY = r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?"
_DATE = re.compile(rf"{_DAY}(?:/{_DAY})?")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?")
# Words of addresses that the pages of the desk use.
_RESERVED = frozenset({"new", "import", "export"})
_MOST_PARAPHRASES = 50
_LONGEST = {"wording": 2000, "english": 2000, "correction": 10_000, "source_name": 500, "note": 10_000}


class BadClaim(ValueError):
    """A row is no claim that can be kept; the message says why."""


@dataclass(frozen=True)
class Facts:
    """A claim as it is brought. Texts are normalised; `paraphrases` are other ways to say it.

    `valid_from` and `valid_until` are the first and last day for which verdict and correction hold, None
    where they hold without end. `source_date` is a year, month or day in ISO 8601, or two with a slash
    between; "" when unknown. `retired` is None where a row does not say.
    """

    id: str
    wording: str
    harm: str
    verdict: str
    correction: str
    source_name: str
    paraphrases: tuple[str, ...] = ()
    language: str = "vi"
    english: str = ""
    source_url: str | None = None
    source_date: str = ""
    note: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    retired: bool | None = None

    @classmethod
    def from_row(cls, row: Any) -> Facts:
        """Return the claim of a row of `models/claims.jsonl`'s form; raises `BadClaim`.

        `{id, claim, paraphrases?, harm, verdict, correction, source: {name, url?, date?}, language?,
        english?, note?, valid_from?, valid_until?, retired?}`.
        """
        if not isinstance(row, Mapping):
            raise BadClaim("không phải một đối tượng JSON")
        if unknown := set(row) - _FIELDS:
            raise BadClaim(f"không có trường {', '.join(sorted(map(str, unknown)))}")
        source = row.get("source")
        if not isinstance(source, Mapping) or set(source) - {"name", "url", "date"}:
            raise BadClaim("source phải là {name, url, date}")
        paraphrases = row.get("paraphrases", [])
        if not isinstance(paraphrases, list):
            raise BadClaim("paraphrases phải là một danh sách")
        retired = row.get("retired")
        if retired is not None and not isinstance(retired, bool):
            raise BadClaim("retired phải là true hoặc false")
        return checked(
            Facts(
                id=_text(row.get("id"), "id"),
                wording=_text(row.get("claim"), "claim"),
                harm=_text(row.get("harm"), "harm"),
                verdict=_text(row.get("verdict"), "verdict"),
                correction=_text(row.get("correction"), "correction"),
                source_name=_text(source.get("name"), "source.name"),
                paraphrases=tuple(_text(one, "paraphrases") for one in paraphrases),
                language=_text(row.get("language", "vi"), "language"),
                english=_text(row.get("english") or "", "english"),
                source_url=_text(source.get("url") or "", "source.url") or None,
                source_date=_text(source.get("date") or "", "source.date"),
                note=_text(row.get("note") or "", "note"),
                valid_from=_day(row.get("valid_from"), "valid_from"),
                valid_until=_day(row.get("valid_until"), "valid_until"),
                retired=retired,
            )
        )

    def to_row(self) -> dict[str, Any]:
        """Return the row that `from_row` reads back."""
        source = {"name": self.source_name, "url": self.source_url, "date": self.source_date}
        row = {
            "id": self.id, "claim": self.wording, "paraphrases": list(self.paraphrases), "harm": self.harm,
            "verdict": self.verdict, "correction": self.correction,
            "source": {name: value for name, value in source.items() if value},
            "language": self.language, "english": self.english, "note": self.note,
            "valid_from": self.valid_from.isoformat() if self.valid_from else "",
            "valid_until": self.valid_until.isoformat() if self.valid_until else "",
        }  # fmt: skip
        row = {name: value for name, value in row.items() if value or name in {"paraphrases"}}
        return row if self.retired is None else row | {"retired": self.retired}


_FIELDS = frozenset(
    {"id", "claim", "paraphrases", "harm", "verdict", "correction", "source", "language", "english", "note"}
    | {"valid_from", "valid_until", "retired"}
)


def checked(facts: Facts) -> Facts:
    """Return a claim with its texts normalised; raises `BadClaim` naming what cannot be kept."""
    given = {name: normalise(getattr(facts, name)) for name in _LONGEST}
    paraphrases = tuple(dict.fromkeys(filter(None, map(normalise, facts.paraphrases))))
    made = Facts(**{**vars(facts), **given, "paraphrases": paraphrases})
    _require(bool(_ID.fullmatch(made.id)), f"id {made.id[:80]!r}: chỉ gồm a-z, 0-9 và gạch nối, dài 1 đến 64")
    _require(made.id not in _RESERVED, f"id {made.id!r} đã dùng cho việc khác, hãy chọn tên khác")
    for name in ("wording", "correction", "source_name"):
        _require(bool(given[name]), f"thiếu {_SAID[name]}")
    _require(bool(words(made.wording)), "claim không có từ nào")
    for name, most in _LONGEST.items():
        _require(len(given[name]) <= most, f"{_SAID[name]} dài quá {most} ký tự")
    _require(len(paraphrases) <= _MOST_PARAPHRASES, f"quá {_MOST_PARAPHRASES} cách nói (paraphrases)")
    for one in paraphrases:
        _require(len(one) <= _LONGEST["wording"], f"paraphrases có câu dài quá {_LONGEST['wording']} ký tự")
    harms = models.labels().harms
    _require(made.harm in harms, f"harm {made.harm[:40]!r} không có; chọn trong {', '.join(harms)}")
    _require(
        made.verdict in {*ClaimVerdict},
        f"verdict {made.verdict[:40]!r} không có; chọn trong {', '.join(ClaimVerdict)}",
    )
    _require(
        bool(_LANGUAGE.fullmatch(made.language)), f"language {made.language[:40]!r} không phải mã ngôn ngữ"
    )
    _require(
        not made.source_date or bool(_DATE.fullmatch(made.source_date)),
        f"source.date {made.source_date[:40]!r}: viết năm, năm-tháng hoặc năm-tháng-ngày, như 2021-07-15",
    )
    _require(_is_web(made.source_url), f"source.url {str(made.source_url)[:80]!r} không phải địa chỉ http(s)")
    if made.valid_from and made.valid_until:
        _require(made.valid_from <= made.valid_until, "valid_from sau valid_until")
    return made


def facts_of(row: ClaimVersion) -> Facts:
    """Return what a version says, without who made it and when."""
    return Facts(
        id=row.claim_id, wording=row.wording, harm=row.harm, verdict=row.verdict, correction=row.correction,
        source_name=row.source_name, paraphrases=tuple(row.paraphrases), language=row.language,
        english=row.english, source_url=row.source_url, source_date=row.source_date, note=row.note,
        valid_from=row.valid_from, valid_until=row.valid_until, retired=row.retired,
    )  # fmt: skip


_SAID = {
    "wording": "claim", "english": "english", "correction": "correction", "source_name": "source.name",
    "note": "note",
}  # fmt: skip


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadClaim(otherwise)


def _text(value: Any, name: str) -> str:
    if value is None:
        raise BadClaim(f"thiếu {name}")
    if not isinstance(value, str):
        raise BadClaim(f"{name} phải là chữ")
    return value.strip()


def _day(value: Any, name: str) -> date | None:
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadClaim(f"{name} {str(value)[:40]!r} không phải một ngày, như 2021-12-31") from None


def _is_web(url: str | None) -> bool:
    if url is None:
        return True
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.netloc)
        and not re.search(r"\s", url)
        and len(url) <= 2000
    )
