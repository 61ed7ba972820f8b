"""What a request may say: numbers that columns hold, days to reckon from, text that can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

from annotated_types import Ge, Le
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator
from starlette.datastructures import ImmutableMultiDict


def reckonable(day: date) -> date:
    """Return a day or moment from which a year can be reckoned on or back; raises `ValueError`."""
    if not 1000 <= day.year < 9999:
        raise ValueError("no year between 1000 and 9998")
    return day


Id = Annotated[int, Ge(1), Le(2**63 - 1)]
"""The number of a row."""
Count = Annotated[int, Ge(0), Le(2**31 - 1)]
"""A version, or how many of something."""
Day = Annotated[date, AfterValidator(reckonable)]
"""A day from which others are reckoned, in any time zone."""

_Place = tuple[str | int, ...]
_UNKEPT = re.compile("[\0\ud800-\udfff]")


async def require_text(request: Request) -> None:
    """Refuse, as 422 with its place, text that no database holds: NUL, or half of a surrogate pair.

    JSON can spell both, an address and a form the first.
    """
    wrong = [*_unkept(request.path_params, ("path",)), *_of_pairs(request.query_params, "query")]
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        if kind.endswith("json"):
            wrong += _unkept(await request.json(), ("body",))
        elif kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            wrong += _of_pairs(await request.form(), "body")
    except ValueError:
        pass  # whoever reads it says that it is none
    if wrong:
        raise RequestValidationError(
            [
                {"type": "string_unicode", "loc": at, "msg": "has a character that cannot be kept"}
                for at in wrong
            ]
        )


def _of_pairs(said: ImmutableMultiDict[str, Any], where: str) -> Iterator[_Place]:
    for name, value in said.multi_items():
        yield from _unkept({name: value}, (where,))


def _unkept(said: object, at: _Place) -> Iterator[_Place]:
    if isinstance(said, str):
        if _UNKEPT.search(said):
            yield at
    elif isinstance(said, Mapping):
        for name, value in said.items():
            # A name that cannot be kept cannot be told either.
            yield from [at] if _UNKEPT.search(name) else _unkept(value, (*at, name))
    elif isinstance(said, list):
        for number, value in enumerate(said):
            yield from _unkept(value, (*at, number))
