"""Examples for the API's description: each made from its schema, with words and numbers as they occur here.

A route that is added has its examples by itself; a field that deserves a better one than its type gives gets
a line in `SAMPLES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

MOMENT = "2026-11-20T03:00:00Z"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

SAMPLES: Mapping[str, Any] = {
    "action": "case.decided",
    "actor": "user:3",
    "claim": "Tỏi diệt được vi rút corona",
    "claim_id": "toi-chua-covid",
    "content_hash": DIGEST,
    "correction": "Chưa có bằng chứng rằng tỏi diệt được vi rút. Xem khuyến cáo của Bộ Y tế.",
    "csrf": "wZ1yq4…",
    "detail": "{}",
    "excerpt": "Uống nước tỏi nóng mỗi sáng là sạch vi rút…",
    "harm": "cure",
    "harms": 0.91,
    "hash": DIGEST,
    "head": DIGEST,
    "kind": "social",
    "language": "vi",
    "lane": "all",
    "login": "hoa",
    "name": "Nguyễn Thị Hoa",
    "paraphrases": ["Ăn tỏi là khỏi COVID"],
    "policy": "2026.11",
    "previous": DIGEST,
    "priority": 0.87,
    "province": "79",
    "q": "nước tỏi",
    "reason": "Lời khuyên chữa bệnh sai, nhiều người chia sẻ.",
    "role": "reviewer",
    "seen": DIGEST,
    "sha256": DIGEST,
    "snapshot_sha256": DIGEST,
    "state": "queued",
    "subject": "case:12",
    "text": "Uống nước tỏi nóng mỗi sáng là sạch vi rút, nhà tôi khỏi hẳn sau ba ngày.",
    "title": "Mẹo chữa cúm",
    "token": "4f2a9c…",
    "url": "https://dien-dan.example/chu-de/7#bai-140",
    "verdict": "false",
    "version": 1,
}
# The key of an object whose keys are not fields, by its name.
KEYS: Mapping[str, str] = {"harms": "cure"}
_DEEPEST = 12


def example(schema: Schema, schemas: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """Return a value that fits a JSON Schema; `schemas` are those that it refers to, `name` its field."""
    if not schema:
        return None
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas, name, depth + 1)
    for given in ("const", "example", "default"):
        if schema.get(given) not in (None, ""):
            return schema[given]
    if "enum" in schema:
        return schema["enum"][0]
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        return example(
            next((one for one in choices if one.get("type") != "null"), choices[0]), schemas, name, depth
        )
    return _of_type(schema, schemas, name, depth)


def _of_type(schema: Schema, schemas: Mapping[str, Schema], name: str, depth: int) -> Any:
    kind = schema.get("type", "object")
    sample = SAMPLES.get(name)
    if kind == "array":
        return _list(schema, schemas, name, depth)
    if kind != "object":
        return _plain(schema, kind, sample)
    if depth > _DEEPEST:
        return {}
    rest = schema.get("additionalProperties")
    if isinstance(rest, Mapping):
        keys = schema.get("propertyNames")
        key = example(keys, schemas) if keys else KEYS.get(name, "…")
        return {key: example(rest, schemas, name, depth + 1)}
    return {key: example(one, schemas, key, depth + 1) for key, one in schema.get("properties", {}).items()}


def _plain(schema: Schema, kind: str, sample: Any) -> Any:
    if kind == "string":
        formats = {"date-time": MOMENT, "date": MOMENT[:10]}
        said: str = formats.get(schema.get("format", "")) or (sample if isinstance(sample, str) else "…")
        return said[: schema.get("maxLength")]
    if kind in {"integer", "number"}:
        numbers = int if kind == "integer" else (int, float)
        return sample if isinstance(sample, numbers) else max(1, schema.get("minimum", 1))
    return False if kind == "boolean" else None


def _list(schema: Schema, schemas: Mapping[str, Schema], name: str, depth: int) -> list[Any]:
    if "prefixItems" in schema:
        return [example(one, schemas, "", depth + 1) for one in schema["prefixItems"]]
    sample = SAMPLES.get(name)
    if isinstance(sample, list):
        return sample
    return [example(schema.get("items", {}), schemas, "", depth + 1)] if depth < _DEEPEST else []
