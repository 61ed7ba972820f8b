"""What the questions of this room share: posts of a period, and periods numbered in one query."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case
from sqlalchemy.orm import InstrumentedAttribute

from reports.periods import Period
from store.tables import Assessment, Post

# The assessment of a post as it reads now.
PRESENT = and_(Assessment.id == Post.assessment_id, Assessment.post_version == Post.version)


def within(time: InstrumentedAttribute[object], period: Period) -> ColumnElement[bool]:
    """Return the condition that a time lies in a period."""
    return and_(time >= period.begin, time < period.end)


def numbered(time: InstrumentedAttribute[object], periods: Sequence[Period]) -> ColumnElement[int]:
    """Return the place, from 0, of the period in which a time lies; `periods` follow one another.

    The query must leave out what lies outside of them all.
    """
    return case(*((time < period.end, i) for i, period in enumerate(periods)), else_=len(periods) - 1)


def spanning(periods: Sequence[Period]) -> Period:
    """Return one period from the begin of the first to the end of the last."""
    return Period(periods[0].first, periods[-1].last, "")
