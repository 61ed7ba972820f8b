"""Spans of time and their medians, computed by the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Float, Subquery, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement


class seconds_between(FunctionElement[float]):
    """The seconds from the first time to the second; negative where the second comes first."""

    type = Float()
    inherit_cache = True


@compiles(seconds_between, "sqlite")
def _sqlite(element: seconds_between, compiler: Any, **options: Any) -> str:
    first, second = (compiler.process(time, **options) for time in element.clauses)
    return f"((julianday({second}) - julianday({first})) * 86400.0)"


@compiles(seconds_between, "postgresql")
def _postgresql(element: seconds_between, compiler: Any, **options: Any) -> str:
    first, second = (compiler.process(time, **options) for time in element.clauses)
    return f"EXTRACT(EPOCH FROM ({second}) - ({first}))::float8"


def medians(session: Session, rows: Subquery) -> dict[Any, float]:
    """Return the median of column `value` for each `key` of `rows`; a key without values has none."""
    place = func.row_number().over(partition_by=rows.c.key, order_by=rows.c.value).label("place")
    number: ColumnElement[int] = func.count().over(partition_by=rows.c.key).label("number")
    ranked = select(rows.c.key, rows.c.value, place, number).where(rows.c.value.is_not(None)).subquery()
    # The middle one of an odd number, the middle two of an even one.
    middle = (2 * ranked.c.place >= ranked.c.number) & (2 * ranked.c.place <= ranked.c.number + 2)
    found = session.execute(
        select(ranked.c.key, func.avg(ranked.c.value)).where(middle).group_by(ranked.c.key)
    )
    return {row[0]: float(row[1]) for row in found}
