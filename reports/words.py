"""How a report says things: official Vietnamese, numbers as they are written there."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import models
from reports.estimates import Estimate
from reports.model import Change
from reports.periods import VIETNAM, Period
from reports.suppression import LEAST

OUTCOMES = {
    "correct": "Đính chính",
    "report": "Báo nền tảng",
    "protected": "Phát ngôn được bảo vệ",
    "dismiss": "Bỏ qua",
}
REFERRALS = {
    "proposed": "mới đề nghị",
    "approved": "đã phê duyệt",
    "rejected": "bị từ chối",
    "exported": "đã xuất gói chứng cứ",
    "acknowledged": "công an đã nhận",
    "expired": "hết hạn",
    "withdrawn": "rút lại",
    "recalled": "thu hồi",
}
VERDICTS = {
    "false": "sai",
    "misleading": "gây hiểu lầm",
    "unproven": "chưa có bằng chứng",
    "outdated": "đã cũ",
}
TROUBLES = {
    "paused": "đang tạm dừng",
    "not_read": "không đọc được quá 3 ngày",
    "silent": "không còn bài mới",
}
KINDS = {
    "feed": "nguồn tin", "sitemap": "sơ đồ trang", "site": "trang chuyên mục", "forum": "diễn đàn",
    "blog": "blog",
    "telegram": "kênh Telegram", "youtube": "kênh YouTube", "facebook": "trang Facebook", "warc": "tệp WARC",
    "import": "tệp nhập", "hotline": "đường dây nóng",
}  # fmt: skip


def count(number: int | None) -> str:
    """Return a number, "1.848"; what may not be told is "< 5"."""
    return f"< {LEAST}" if number is None else f"{number:,}".replace(",", ".")


def decimal(number: float | None, digits: int = 1) -> str:
    """Return a number with digits after a comma, "0,13"."""
    return "–" if number is None else f"{number:.{digits}f}".replace(".", ",")


def percent(part: float) -> str:
    """Return a share, "3,2 %"; a small one is not rounded away."""
    digits = 1 if part >= 0.001 or part == 0 else 2
    return f"{decimal(100 * part, digits)}\u00a0%"


def change(two: Change) -> str:
    """Return how a number stands against the one before; "" if it may not be told."""
    if two.now is None or two.before is None:
        return ""
    differs = two.now - two.before
    if differs == 0:
        return "bằng kỳ trước"
    return f"{'+' if differs > 0 else '−'}{count(abs(differs))} so với kỳ trước"


def interval(estimate: Estimate) -> str:
    """Return a share with its interval, "2,1 % (95 %: 0,9–4,6 %)"."""
    if estimate.value is None:
        return "chưa đo được"
    low, high = decimal(100 * estimate.low), decimal(100 * estimate.high)
    return f"{percent(estimate.value)} (khoảng tin cậy 95\u00a0%: {low}–{high}\u00a0%)"


def plain_interval(estimate: Estimate) -> str:
    """Return a figure that is no share with its interval, "0,62 (0,41–0,83)"."""
    if estimate.value is None:
        return "chưa đo được"
    return (
        f"{decimal(estimate.value, 2)} (khoảng tin cậy 95\u00a0%: {decimal(estimate.low, 2)}"
        f" đến {decimal(estimate.high, 2)})"
    )


def hours(number: float | None) -> str:
    """Return a span of hours in words."""
    if number is None:
        return "chưa có"
    if number < 1:
        return f"{max(1, round(number * 60))} phút"
    return f"{decimal(number)} giờ" if number < 48 else f"{decimal(number / 24)} ngày"


def day(one: date) -> str:
    """Return a day as official papers write it, "16/11/2026"."""
    return one.strftime("%d/%m/%Y")


def long_day(one: date) -> str:
    """Return a day for the head of a paper; days under 10 and months under 3 have a 0 before them."""
    month = f"{one.month:02d}" if one.month < 3 else str(one.month)
    return f"ngày {one.day:02d} tháng {month} năm {one.year}"


def moment(one: datetime) -> str:
    """Return a moment as it is read in Vietnam."""
    return one.astimezone(VIETNAM).strftime("%H:%M ngày %d/%m/%Y")


def span(period: Period) -> str:
    """Return a week or quarter in words: "tuần 47 năm 2026 (16/11–22/11/2026)"."""
    first = period.first.strftime("%d/%m") if period.first.year == period.last.year else day(period.first)
    year, _, number = period.name.partition("-")
    if period.is_week:
        return f"tuần {int(number[1:])} năm {year} ({first}–{day(period.last)})"
    return f"quý {('I', 'II', 'III', 'IV')[int(number[1]) - 1]} năm {year}"


def label(key: str | None) -> str:
    """Return the name of an act or harm."""
    return models.labels().name(key) if key else "chưa chắc"


FILTERS: dict[str, Any] = {
    "count": count, "decimal": decimal, "percent": percent, "change": change, "interval": interval,
    "plain_interval": plain_interval, "hours": hours, "day": day, "long_day": long_day, "moment": moment,
    "label": label,
}  # fmt: skip
