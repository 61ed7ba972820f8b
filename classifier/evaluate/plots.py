"""Charts as inline SVG, coloured by the page that they stand in, and named for who cannot see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from classifier.calibration import Bin
from classifier.evaluate.numbers import count, percent
from classifier.evaluate.ranking import Floats

_WIDE, _HIGH = 340, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 42
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One curve, (k, 2), of the model `name`; `at` is where the policy lies. The second is drawn dashed."""

    name: str
    points: Floats
    at: Point


class _Frame:
    """Places values in a picture; `x` and `y` are the ends of the axes."""

    def __init__(self, x: Point, y: Point) -> None:
        self.x, self.y = x, y
        self.parts: list[str] = []

    def place(self, x: float, y: float) -> Point:
        right, top = _WIDE - _RIGHT, _TOP
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            round(_LEFT + min(1.0, max(0.0, across)) * (right - _LEFT), 1),
            round(_HIGH - _BOTTOM - min(1.0, max(0.0, up)) * (_HIGH - _BOTTOM - top), 1),
        )

    def axes(self, across: str, up: str, ticks: Sequence[float], rungs: Sequence[float]) -> None:
        for value in ticks:
            x, y = self.place(value, self.y[0])
            self.add(f'<line class="grid" x1="{x}" y1="{_TOP}" x2="{x}" y2="{y}"/>')
            self.text(x, y + 15, _tick(value), "tick", "middle")
        for value in rungs:
            x, y = self.place(self.x[0], value)
            self.add(f'<line class="grid" x1="{x}" y1="{y}" x2="{_WIDE - _RIGHT}" y2="{y}"/>')
            self.text(x - 6, y + 4, _tick(value), "tick", "end")
        self.text((_LEFT + _WIDE - _RIGHT) / 2, _HIGH - 6, across, "name", "middle")
        middle = (_TOP + _HIGH - _BOTTOM) / 2
        self.add(
            f'<text class="name" text-anchor="middle" transform="translate(11 {middle:.1f}) rotate(-90)">'
            f"{escape(up)}</text>"
        )

    def line(self, points: Sequence[Point] | Floats, kind: str) -> None:
        path = " ".join(f"{x},{y}" for x, y in (self.place(float(a), float(b)) for a, b in points))
        self.add(f'<polyline class="{kind}" points="{path}"/>')

    def dot(self, at: Point, kind: str, size: float, told: str) -> None:
        x, y = self.place(*at)
        self.add(
            f'<circle class="{kind}" cx="{x}" cy="{y}" r="{size}"><title>{escape(told)}</title></circle>'
        )

    def text(self, x: float, y: float, text: str, kind: str, anchor: str = "start") -> None:
        self.add(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def add(self, part: str) -> None:
        self.parts.append(part)

    def svg(self, told: str) -> str:
        return (
            f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{escape(told, quote=True)}">'
            + "".join(self.parts)
            + "</svg>"
        )


def roc(lines: Sequence[Line]) -> str:
    """Draw harmful found over others flagged."""
    frame = _Frame((0, 1), (0, 1))
    frame.axes("bài không hại bị gắn cờ", "bài có hại tìm được", _QUARTERS, _QUARTERS)
    frame.line([(0, 0), (1, 1)], "reference")
    _draw(frame, lines)
    return frame.svg("Đường ROC: bài có hại tìm được theo bài không hại bị gắn cờ")


def precision(lines: Sequence[Line], share: float) -> str:
    """Draw precision over recall; `share` is that of harmful rows, what flagging by chance would reach."""
    frame = _Frame((0, 1), (0, 1))
    frame.axes("bài có hại tìm được", "cờ đúng", _QUARTERS, _QUARTERS)
    frame.line([(0, share), (1, share)], "reference")
    _draw(frame, lines)
    return frame.svg("Độ chính xác của cờ theo số bài có hại tìm được")


def speech(lines: Sequence[Line], limit: float) -> str:
    """Draw harmful found over protected speech flagged, up to five times the limit."""
    most = 5 * limit
    frame = _Frame((0, most), (0, 1))
    ticks = [limit * step for step in range(6)]
    frame.axes("phát ngôn được bảo vệ bị gắn cờ", "bài có hại tìm được", ticks, _QUARTERS)
    frame.line([(limit, 0), (limit, 1)], "limit")
    x, _ = frame.place(limit, 0)
    frame.text(x + 4, _TOP + 11, f"giới hạn {percent(limit, 0)}", "limit-name")
    _draw(frame, [Line(line.name, _upto(line.points, most), line.at) for line in lines])
    return frame.svg("Bài có hại tìm được theo phát ngôn được bảo vệ bị gắn cờ")


def reliability(bins: Sequence[Bin], told: str) -> str:
    """Draw the observed share of each bin over its mean probability, with Wilson intervals."""
    top = _nice(max([*(one.predicted for one in bins), *(one.high for one in bins)]))
    frame = _Frame((0, top), (0, top))
    ticks = [top * step / 4 for step in range(5)]
    frame.axes("xác suất mô hình nói", "tỉ lệ thật", ticks, ticks)
    frame.line([(0, 0), (top, top)], "reference")
    for one in bins:
        x, low = frame.place(one.predicted, one.low)
        _, high = frame.place(one.predicted, one.high)
        frame.add(f'<line class="whisker" x1="{x}" y1="{low}" x2="{x}" y2="{high}"/>')
    frame.line([(one.predicted, one.observed) for one in bins], "line")
    for one in bins:
        frame.dot(
            (one.predicted, one.observed),
            "mark",
            3,
            f"{count(one.rows)} bài: nói {percent(one.predicted)}, thật {percent(one.observed)}",
        )
    return frame.svg(told)


_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def _draw(frame: _Frame, lines: Sequence[Line]) -> None:
    # The second beneath the first.
    for kind, line in reversed([*zip(("line", "line other"), lines, strict=False)]):
        frame.line(line.points, kind)
        dot = "mark" if kind == "line" else "mark other"
        frame.dot(line.at, dot, 4.5, f"{line.name}, ở ngưỡng của chính sách")


def _upto(points: Floats, most: float) -> Floats:
    """Return the part of a rising curve up to `most` of x, its last point on the edge."""
    inside = points[points[:, 0] <= most]
    y = float(np.interp(most, points[:, 0], points[:, 1]))
    cut: Floats = np.vstack([inside, [most, y]])
    return cut


def _nice(value: float) -> float:
    """Return the least round number, at most 1, that is not below `value`."""
    step = 10.0 ** math.floor(math.log10(max(value, 1e-3)))
    return min(1.0, next(step * part for part in (1, 2, 4, 6, 8, 10) if step * part >= value - 1e-9))


def _tick(value: float) -> str:
    return percent(value, 0 if math.isclose(100 * value, round(100 * value), abs_tol=1e-6) else 1)
