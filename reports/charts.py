"""Charts as SVG, drawn here: they print in black and white, and a page colours them for its theme by CSS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# The only colours: a style sheet maps them (`[fill="#1f2933"]`), a printer keeps them apart.
STRONG, MIDDLE, LIGHT, INK, SOFT, LINE = "#1f2933", "#8a939d", "#cfd4da", "#111111", "#555555", "#dddddd"
GREYS = (STRONG, MIDDLE, LIGHT, "#5b6570", "#adb4bc", "#e8eaed")
WIDTH = 620
FONTS = str(files("reports") / "fonts")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """A drawn chart; `says` is for who cannot see it."""

    svg: str
    says: str


def png(svg: str, width: int) -> bytes:
    """Return a drawing as a picture of so many pixels across."""
    converter = _converter()
    plain = float(svg.split('width="', 1)[1].split('"', 1)[0].removesuffix("px"))
    drawn: bytes = converter.svg_to_png(svg, scale=width / plain)
    return drawn


def weeks(rows: Sequence[Row], says: str, bars: str, line: str) -> Chart:
    """Draw a bar and a point a week: rows of `week`, `bars`, `line` (None is left out), in their order."""
    import altair as alt

    order = [row["week"] for row in rows]
    x = alt.X("week:N", sort=order, axis=alt.Axis(title=None, labelAngle=0, ticks=False))
    base = alt.Chart(_data(rows))
    drawn = base.mark_bar(size=24).encode(
        x=x,
        y=alt.Y("bars:Q", axis=alt.Axis(title=None, tickMinStep=1, tickCount=4), scale=_counts()),
        color=alt.Color(
            "of:N", scale=alt.Scale(domain=[bars, line], range=[LIGHT, STRONG]),
            legend=alt.Legend(title=None, orient="top", symbolType="square"),
        ),
    ).transform_calculate(of=f"'{bars}'")  # fmt: skip
    path = base.transform_filter("isValid(datum.line)").encode(x=x, y=alt.Y("line:Q"))
    points = (
        path.mark_point(filled=True, size=46)
        .encode(color=alt.Color("of:N"))
        .transform_calculate(of=f"'{line}'")
    )
    return Chart(_svg(drawn + path.mark_line(color=STRONG, strokeWidth=1.5) + points, 104), says)


def compared(rows: Sequence[Row], says: str, now: str, before: str) -> Chart:
    """Draw two bars a row, this period's dark and the one before light: rows of `name`, `now`, `before`."""
    import altair as alt

    order = [row["name"] for row in rows]
    long = [
        {
            "name": row["name"],
            "of": of,
            "n": row[key] or 0,
            "said": "< 5" if row[key] is None else _grouped(row[key]),
        }
        for row in rows
        for of, key in ((now, "now"), (before, "before"))
    ]
    y = alt.Y("name:N", sort=order, axis=alt.Axis(title=None, ticks=False, labelLimit=260, domain=False))
    offset = alt.YOffset("of:N", sort=[now, before])
    base = alt.Chart(_data(long)).encode(y=y, yOffset=offset)
    most = max([row["n"] for row in long] or [0])
    x = alt.X("n:Q", axis=None, scale=alt.Scale(domain=[0, max(1, most) * 1.12]))
    bars = base.mark_bar(size=9).encode(
        x=x,
        color=alt.Color(
            "of:N", scale=alt.Scale(domain=[now, before], range=[STRONG, LIGHT]),
            legend=alt.Legend(title=None, orient="top", symbolType="square"),
        ),
    )  # fmt: skip
    numbers = base.mark_text(align="left", dx=4, fontSize=10.5).encode(
        x=alt.X("n:Q"), text="said:N", color=alt.value(INK)
    )
    return Chart(_svg(bars + numbers, 26 * max(1, len(rows))), says)


def lines(rows: Sequence[Row], says: str, names: Sequence[str]) -> Chart:
    """Draw a small chart a name, all of one scale: rows of `week`, `name`, `n`."""
    import altair as alt

    order = list(dict.fromkeys(row["week"] for row in rows))
    shown = [order[0], order[len(order) // 2], order[-1]] if order else []
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("week:N", sort=order, axis=alt.Axis(title=None, values=shown, labelAngle=0, ticks=False)),
        y=alt.Y("n:Q", axis=alt.Axis(title=None, tickCount=3, tickMinStep=1), scale=_counts()),
    )
    drawn = (
        (base.mark_area(color=LIGHT, opacity=1) + base.mark_line(color=STRONG, strokeWidth=1.5))
        .properties(width=172, height=64)
        .facet(
            facet=alt.Facet(
                "name:N", sort=list(names),
                header=alt.Header(
                    title=None, labelFontSize=11, labelLimit=190, labelAnchor="start", labelPadding=4
                ),
            ),
            columns=3,
        )
    )  # fmt: skip
    return Chart(_svg(drawn, None), says)


def heat(rows: Sequence[Row], says: str, across: Sequence[str], down: Sequence[str]) -> Chart:
    """Draw a field a pair, darker for more, with its number in it: rows of `x`, `y`, `n`, `said`."""
    import altair as alt

    most = max([row["n"] or 0 for row in rows] or [0])
    base = alt.Chart(_data(rows)).encode(
        x=alt.X(
            "x:N", sort=list(across),
            axis=alt.Axis(
                title=None, orient="top", labelAngle=-35, ticks=False, domain=False, labelLimit=130
            ),
        ),
        y=alt.Y("y:N", sort=list(down), axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=220)),
    )  # fmt: skip
    fields = base.mark_rect(stroke="#ffffff", strokeWidth=1).encode(
        color=alt.Color(
            "n:Q", scale=alt.Scale(domain=[0, max(1, most)], range=["#f4f5f6", "#4b5560"]), legend=None
        )
    )
    numbers = base.mark_text(fontSize=10.5).encode(
        text="said:N",
        color=alt.condition(alt.datum.n > max(1, most) * 0.55, alt.value("#ffffff"), alt.value(INK)),
    )
    return Chart(
        _svg(fields + numbers, 22 * max(1, len(down)), width=min(WIDTH - 230, 62 * max(1, len(across)))), says
    )


def stacked(rows: Sequence[Row], says: str, names: Sequence[str]) -> Chart:
    """Draw a bar a week, parted by name in shades of grey: rows of `week`, `name`, `n`."""
    import altair as alt

    order = list(dict.fromkeys(row["week"] for row in rows))
    numbered = [{**row, "at": list(names).index(row["name"])} for row in rows]
    drawn = (
        alt.Chart(_data(numbered))
        .mark_bar(size=24, stroke="#ffffff", strokeWidth=0.5)
        .encode(
            x=alt.X("week:N", sort=order, axis=alt.Axis(title=None, labelAngle=0, ticks=False)),
            y=alt.Y("n:Q", axis=alt.Axis(title=None, tickMinStep=1, tickCount=4), scale=_counts()),
            order=alt.Order("at:Q"),
            color=alt.Color(
                "name:N", sort=list(names),
                scale=alt.Scale(domain=list(names), range=list(GREYS[: len(names)])),
                legend=alt.Legend(title=None, orient="top", symbolType="square", labelLimit=220),
            ),
        )
    )  # fmt: skip
    return Chart(_svg(drawn, 150), says)


def _counts() -> Any:
    """Return a scale from 0 to 4 at least: its steps are whole, and 0 is at its foot where all is 0."""
    import altair as alt

    return alt.Scale(domain=alt.DomainUnionWith(unionWith=[0, 4]))


def _data(rows: Sequence[Row]) -> Any:
    import altair as alt

    return alt.InlineData(values=[dict(row) for row in rows])


def _svg(chart: Any, height: int | None, width: int = WIDTH - 60) -> str:
    if height is not None:
        chart = chart.properties(width=width, height=height)
    spec = chart.to_dict() | {"background": None, "padding": {"left": 2, "right": 14, "top": 2, "bottom": 2}}
    spec["config"] = _CONFIG
    drawn: str = _converter().vegalite_to_svg(spec)
    # The whole is one image with one description; what its parts call themselves has no words to it.
    return _ROLES.sub("", drawn)


_ROLES = re.compile(r' (?:role="graphics-[a-z]+"|aria-roledescription="[^"]*")')
_LABELS = {"labelColor": SOFT, "labelFont": "Arimo", "labelFontSize": 11, "labelPadding": 6}
_CONFIG: dict[str, Any] = {
    "font": "Arimo",
    "aria": False,
    "axis": {**_LABELS, "gridColor": LINE, "domainColor": LINE, "tickColor": LINE},
    "axisX": {"grid": False},
    "header": {"labelColor": INK, "labelFont": "Arimo"},
    "legend": {"labelColor": INK, "labelFont": "Arimo", "labelFontSize": 11, "symbolSize": 90, "offset": 6},
    "view": {"stroke": None},
    "text": {"font": "Arimo"},
    "locale": {"number": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", " ₫"]}},
}


@cache
def _converter() -> Any:
    import vl_convert

    vl_convert.register_font_directory(FONTS)
    return vl_convert


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", ".")
