"""How figures are written for a Vietnamese reader: comma for decimals, point for thousands."""

from __future__ import annotations

import math

from classifier.evaluate.resample import Difference, Figure

UNKNOWN = "—"


def count(number: int) -> str:
    """Return 5216 as 5.216."""
    return f"{number:,}".replace(",", ".")


def decimal(value: float, digits: int = 3) -> str:
    """Return 0.9251 as 0,925; what is not known as a dash."""
    return UNKNOWN if not math.isfinite(value) else f"{value:.{digits}f}".replace(".", ",")


def percent(value: float, digits: int = 1) -> str:
    """Return 0.541 as 54,1 %."""
    return UNKNOWN if not math.isfinite(value) else f"{decimal(100 * value, digits)} %"


def shown(value: float, *, in_percent: bool) -> str:
    """Return a figure as percent or decimal."""
    return percent(value) if in_percent else decimal(value)


def interval(figure: Figure | Difference, *, in_percent: bool, signed: bool = False) -> str:
    """Return the 95 % interval of a figure."""
    if not math.isfinite(figure.low):
        return UNKNOWN
    low, high = (
        sign(v, in_percent) if signed else shown(v, in_percent=in_percent) for v in (figure.low, figure.high)
    )
    return f"{low.removesuffix(' %')} đến {high}"


def with_interval(figure: Figure, *, in_percent: bool) -> str:
    """Return a figure and its interval: 54,1 % (46,3 đến 61,2 %)."""
    value = shown(figure.value, in_percent=in_percent)
    return value if value == UNKNOWN else f"{value} ({interval(figure, in_percent=in_percent)})"


def sign(value: float, in_percent: bool) -> str:
    """Return a difference with its sign; those of shares in points of a percent."""
    text = shown(abs(value), in_percent=in_percent)
    return text if text == UNKNOWN else f"{'−' if value < 0 else '+'}{text}"


def p_value(p: float) -> str:
    """Return a p value; as many resamples as there are say no smaller one."""
    if not math.isfinite(p):
        return UNKNOWN
    return "< 0,005" if p < 0.005 else decimal(p, 2 if p >= 0.1 else 3)
