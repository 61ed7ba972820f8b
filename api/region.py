"""Which provinces a queue is narrowed to: what an address asks for, else those of the installation."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from api.auth import desk_of
from api.desk import Desk
from classifier.places import province_of
from review.errors import ReviewError
from review.queue import EVERYWHERE, Region

ALL, NONE = "all", "none"


class NoSuchProvince(ReviewError):
    template = "Không có tỉnh {province}."


def region_of(desk: Desk, province: str = "") -> Region:
    """Return the region that `province` stands for; raises `NoSuchProvince`.

    Codes or names with commas between; `all` is everywhere, `none` what names no place. Nothing said is the
    default of the installation: its provinces and what names no place, or everywhere where it has none.
    """
    if not province.strip():
        return Region(desk.provinces, placeless=True) if desk.provinces else EVERYWHERE
    if province == ALL:
        return EVERYWHERE
    if province == NONE:
        return Region(placeless=True)
    codes = []
    for said in province[:500].split(","):
        code = province_of(said)
        if code is None:
            raise NoSuchProvince(province=said.strip())
        codes.append(code)
    return Region(tuple(dict.fromkeys(codes)))


def _asked(request: Request, province: Annotated[str, Query()] = "") -> Region:
    return region_of(desk_of(request), province)


Asked = Annotated[Region, Depends(_asked)]
