"""Reads the text of a policy, and says what is wrong with one in words."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

MOST_CHARACTERS = 100_000
# A policy has three levels; the reader takes time that grows with the square of the depth of brackets.
_DEEPEST = 50
_TOO_DEEP = "lồng nhau quá sâu"
_MAP = "tag:yaml.org,2002:map"

# By the types of https://docs.pydantic.dev/latest/errors/validation_errors/; the braces are of their context.
_WORDS = {
    "missing": "thiếu",
    "extra_forbidden": "không có mục này trong một chính sách",
    "less_than_equal": "phải từ {le} trở xuống",
    "greater_than_equal": "phải từ {ge} trở lên",
    "float_parsing": "phải là một số",
    "float_type": "phải là một số",
    "finite_number": "phải là một số",
    "string_type": "phải là chữ, để trong ngoặc kép",
    "string_too_short": "không được trống",
    "string_too_long": "dài quá {max_length} ký tự",
    "model_type": "phải là một bảng các mục",
    "model_attributes_type": "phải là một bảng các mục",
    "dict_type": "phải là một bảng các mục",
    "tuple_type": "phải là một danh sách",
    "list_type": "phải là một danh sách",
    "too_short": "phải có ít nhất {min_length} mục",
}


class NotYaml(Exception):
    """A text cannot be read as YAML; the message says why."""


class _Loader(yaml.SafeLoader):
    """Refuses a key said twice, where YAML would take the later one in silence."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue  # no key of a policy; what has it is refused later
        if key.value in seen:
            raise NotYaml(f"dòng {key.start_mark.line + 1}: {key.value} được ghi hai lần")
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(_MAP, _mapping)


def load(text: str) -> Any:
    """Return what a text of YAML says; raises `NotYaml`."""
    if len(text) > MOST_CHARACTERS:
        raise NotYaml(f"dài {len(text)} ký tự, quá {MOST_CHARACTERS}")
    if _depth(text) > _DEEPEST:
        raise NotYaml(_TOO_DEEP)
    try:
        return yaml.load(text, _Loader)  # noqa: S506 a safe loader, made stricter
    except RecursionError as error:
        raise NotYaml(_TOO_DEEP) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise NotYaml(f"dòng {line}: không đúng cách viết YAML ({error.problem})") from error
    except yaml.YAMLError as error:
        raise NotYaml(f"không đúng cách viết YAML ({error})") from error


def _depth(text: str) -> int:
    """Return how deep brackets are opened at most, those in comments and quotes counted too."""
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth = max(0, depth - 1)
    return deepest


def mistakes(error: ValidationError) -> str:
    """Return one line for each mistake of a policy, with its place."""
    return "\n".join(f"  {_place(one['loc'])}: {_said(one)}" for one in error.errors(include_url=False))


def _place(keys: tuple[int | str, ...]) -> str:
    return ".".join(map(str, keys)) or "cả tệp"


def _said(one: ErrorDetails) -> str:
    kind, context = one["type"], one.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    return _WORDS[kind].format(**context) if kind in _WORDS else one["msg"]
