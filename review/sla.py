"""The clock of each lane: within how many hours a case is to be decided, and which are late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_

from store.tables import Case

UNCERTAIN = "uncertain"


def lane_of_case() -> ColumnElement[str]:
    """Return the lane that a case is counted in and whose clock it has: its harm, or uncertain."""
    return func.coalesce(Case.harm, UNCERTAIN)


@dataclass(frozen=True)
class Clocks:
    """Hours until a case of a lane is due, from when it was opened or reopened; other lanes have `otherwise`.

    `lanes` are harms and `uncertain`.
    """

    otherwise: float = 24
    lanes: Mapping[str, float] = field(default_factory=dict)

    def due(self, case: Case) -> datetime:
        """Return when a case is due."""
        hours = self.lanes.get(UNCERTAIN if case.harm is None else case.harm, self.otherwise)
        return case.waits_from + timedelta(hours=hours)

    def late(self, at: datetime) -> ColumnElement[bool]:
        """Return the condition that a case was due before `at`."""
        here = lane_of_case()
        others = and_(here.not_in(list(self.lanes)), Case.waits_from < at - timedelta(hours=self.otherwise))
        own = (
            and_(here == name, Case.waits_from < at - timedelta(hours=hours))
            for name, hours in self.lanes.items()
        )
        # What no clock calls late, most cases, is told by one comparison.
        soonest = min([self.otherwise, *self.lanes.values()])
        return and_(Case.waits_from < at - timedelta(hours=soonest), or_(others, *own))
