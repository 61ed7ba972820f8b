"""What a benchmark reports: our figure and the reference's, taken in the same run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Measure:
    """One figure. `ratio` is ours over reference; `ok` says whether the goal was reached.

    `goal` is in words, such as "≥ 1.0" or "≤ 400"; `reference` is None where nothing comparable exists.
    """

    bench: str
    measure: str
    ours: float
    reference: float | None
    goal: str
    ok: bool
    unit: str

    @property
    def ratio(self) -> float | None:
        return round(self.ours / self.reference, 3) if self.reference else None

    def line(self) -> str:
        """Return the measure as one line of JSON."""
        row = asdict(self)
        order = ("bench", "measure", "ours", "reference", "ratio", "goal", "ok", "unit")
        row["ratio"] = self.ratio
        return json.dumps({name: row[name] for name in order}, ensure_ascii=False)
