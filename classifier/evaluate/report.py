"""One HTML file that shows an evaluation: it loads nothing, runs nothing, and prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

import models
from classifier.evaluate import numbers, plots
from classifier.evaluate.behaviour import Cell
from classifier.evaluate.figures import ENOUGH
from classifier.evaluate.ranking import SHARE
from classifier.evaluate.run import Curves, Evaluation, SetFigures

_SHADES = 5


def render(evaluation: Evaluation, at: datetime) -> str:
    """Return the report; `at` is when it was measured."""
    scheme = models.labels()
    page = _environment().get_template("report.html")
    return page.render(
        evaluation=evaluation,
        at=at.strftime("%d/%m/%Y %H:%M"),
        css=Markup(_text("report.css")),  # noqa: S704 our own file
        charts=[_charts(one) for one in evaluation.sets],
        name=scheme.name,
        acts=scheme.acts,
        protected=scheme.protected,
        bound=SHARE,
        enough=ENOUGH,
    )


def _charts(one: SetFigures) -> dict[str, Any]:
    def lines(curve: str) -> list[plots.Line]:
        drawn = [(one.model, one.curves), (one.against, one.curves_against)]
        return [_line(name, curves, curve) for name, curves in drawn if curves is not None]

    return {
        "roc": Markup(plots.roc(lines("roc"))),  # noqa: S704 names are escaped there
        "precision": Markup(  # noqa: S704
            plots.precision(lines("precision"), one.harmful / max(1, one.rows))
        ),
        "speech": Markup(plots.speech(lines("speech"), SHARE)),  # noqa: S704
        "promises": [
            (promise, Markup(plots.reliability(promise.bins, f"Hiệu chỉnh: {promise.label}")))  # noqa: S704
            for promise in one.promises
        ],
    }


def _line(name: str, curves: Curves, curve: str) -> plots.Line:
    return plots.Line(name, getattr(curves, curve), getattr(curves, f"{curve}_at"))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"report.html": _text("report.html")}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": numbers.count,
        "decimal": numbers.decimal,
        "percent": numbers.percent,
        "figure": lambda figure, in_percent=False: numbers.with_interval(figure, in_percent=in_percent),
        "shown": lambda value, in_percent=False: numbers.shown(value, in_percent=in_percent),
        "interval": lambda figure, in_percent=False: numbers.interval(figure, in_percent=in_percent),
        "signed": numbers.sign,
        "signed_interval": lambda one, in_percent: numbers.interval(one, in_percent=in_percent, signed=True),
        "p_value": numbers.p_value,
        "short": short_note,
        "shade": shade,
        "cell_shade": cell_shade,
    }
    return environment


def short_note(note: str) -> str:
    """Return the first clause of a note on labels: what is said under every figure."""
    found = re.match(r"[^.;\n]{1,160}", note)
    return found.group().strip() if found else note[:160]


def shade(number: int, row: Sequence[int]) -> int:
    """Return how dark a cell of a confusion matrix is, 0 to 5, by its share of the row."""
    total = sum(int(one) for one in row)
    return 0 if not number else max(1, round(_SHADES * int(number) / total))


def cell_shade(cell: Cell) -> str:
    """Return the class of a cell of the functional matrix: all right, all wrong, or partly."""
    if cell.right == cell.rows:
        return "right"
    return "wrong" if not cell.right else "partly"


def _text(name: str) -> str:
    return (files("classifier.evaluate") / name).read_text(encoding="utf-8")
