"""Shares of counts with their intervals, for every room that tells one."""

from __future__ import annotations

from math import sqrt


def wilson(positives: float, rows: float, z: float = 1.959964) -> tuple[float, float]:
    """Return the interval of Wilson (JASA 22, 1927) for a share; (0, 1) where there are no rows.

    It holds for small numbers too; `z` is that of 95 % unless given.
    """
    if not rows:
        return 0.0, 1.0
    share, square = positives / rows, z * z / rows
    half = z * sqrt(share * (1 - share) / rows + square / (4 * rows)) / (1 + square)
    middle = (share + square / 2) / (1 + square)
    # At the ends exact, where rounding would leave the share itself outside.
    return middle - half if positives else 0.0, middle + half if positives < rows else 1.0
