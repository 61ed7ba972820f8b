"""Days as they are counted in Vietnam, in a query on either database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class day_in_vietnam(FunctionElement[int]):
    """The day of a time in Vietnam, UTC+7 all year round, as a count of days since some day long ago."""

    type = Integer()
    inherit_cache = True


@compiles(day_in_vietnam, "sqlite")
def _sqlite(element: day_in_vietnam, compiler: Any, **options: Any) -> str:
    (time,) = element.clauses
    return f"CAST(julianday({compiler.process(time, **options)}, '+7 hours', '+12 hours') AS INTEGER)"


@compiles(day_in_vietnam, "postgresql")
def _postgresql(element: day_in_vietnam, compiler: Any, **options: Any) -> str:
    (time,) = element.clauses
    said = compiler.process(time, **options)
    return f"((({said}) AT TIME ZONE 'Asia/Ho_Chi_Minh')::date - DATE '1970-01-01')"
