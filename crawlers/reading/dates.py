"""From what a page says of a time to a moment with its zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from store.text import fold

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
# Before the web is a mistake of the page.
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_LONGEST = 200


def moment(value: str | None) -> datetime | None:
    """Return a machine's time as an aware datetime, taken as Vietnam's where it names no zone.

    ISO 8601, RFC 2822 (HTTP, feeds) and seconds since 1970 are read.
    """
    found = _machine(" ".join((value or "").split()))
    return found if found and 1990 <= found.year <= datetime.now(UTC).year + 1 else None


def said(value: str, now: datetime) -> datetime | None:
    """Return the time that a page captured at `now` says, to people or machines; None where it says none.

    The day comes before the month; a zone that is not named is Vietnam's; of a day without an hour its
    beginning is returned. What lies before 1990 or more than a day after `now` is no time of a page.
    """
    try:
        found = moment(value) or _spoken(" ".join(fold(value[:_LONGEST]).split()), now)
        return found if found and _EARLIEST <= found <= now + _DAY else None
    except (ValueError, OverflowError):  # the 31st of February; a thousand years ago
        return None


_SECONDS = re.compile(r"[1-9][0-9]{8,9}")
_ZONE_APART = re.compile(r" (?=[+-][0-9]{2}:?[0-9]{2}$)")
_RFC = re.compile(
    r"(?:[a-z]{3}, ?)?[0-9]{1,2} [a-z]{3} [0-9]{4} [0-9:]{5,8} (?:[a-z]{1,3}|[+-][0-9]{4})", re.I | re.A
)


def _machine(text: str) -> datetime | None:
    zone: tzinfo = VIETNAM
    try:
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC)
        if _RFC.fullmatch(text):
            found, zone = parsedate_to_datetime(text), UTC  # -0000 is UTC
        else:
            found = datetime.fromisoformat(_ZONE_APART.sub("", text))
    except ValueError:
        return None
    return found.replace(tzinfo=zone) if found.tzinfo is None else found


def _spoken(text: str, now: datetime) -> datetime | None:
    zone, text = _zone(text)
    local = now.astimezone(zone)
    if written := _written_day(text):
        day, rest = written  # the clock is looked for beside the date: 20.11.23 is none
        return datetime.combine(day, _clock(rest), zone)
    if named := _NAMED_DAY.search(text):
        return datetime.combine((local - _NAMED_DAYS[named.group()] * _DAY).date(), _clock(text), zone)
    if (ago := _ago(text)) is not None:
        return local - ago
    if weekday := _WEEK_DAY.search(text):
        back = (local.weekday() - _WEEK_DAYS[weekday.group()]) % 7
        found = datetime.combine(local.date() - back * _DAY, _clock(text), zone)
        return found if found <= local else found - 7 * _DAY
    return None


_ZONE = re.compile(r"\b(?:gmt|utc)(?: ?([+-]) ?([0-9]{1,2})(?::?([0-9]{2}))?)?\b")


def _zone(text: str) -> tuple[tzinfo, str]:
    """Return the zone that `text` names and the rest of it; an offset alone may be part of a date."""
    match = _ZONE.search(text)
    if match is None:
        return VIETNAM, text
    sign, hours, minutes = match.groups("0")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset), text.replace(match.group(), " ")


_MONTHS = {
    **{"muoi mot": 11, "muoi hai": 12, "muoi": 10, "gieng": 1, "mot": 1, "hai": 2, "ba": 3, "tu": 4},
    **{"bon": 4, "nam": 5, "sau": 6, "bay": 7, "tam": 8, "chin": 9, "chap": 12},
}
_ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    rf"(?:(?:thang|thg|th)\.? ?(?P<month>1[0-2]|0?[1-9]|{'|'.join(_MONTHS)})"
    rf"|(?P<english>{'|'.join(_ENGLISH)})[a-z]*\.?)"
)
_DAY_OF_MONTH = r"(?<![0-9])(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:, ?| )(?:nam )?(?P<year>[0-9]{4})(?![0-9])"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![0-9])(?P<year>[0-9]{4})([-/.])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})(?![0-9])",
        r"(?<![0-9])(?P<day>[0-9]{1,2}) ?([-/.]) ?(?P<month>[0-9]{1,2}) ?\2 ?(?P<year>[0-9]{4}|[0-9]{2})"
        r"(?![0-9:])",
        rf"{_DAY_OF_MONTH} {_MONTH}{_YEAR}",
        rf"\b{_MONTH} {_DAY_OF_MONTH}{_YEAR}",
    )
)


def _written_day(text: str) -> tuple[date, str] | None:
    """Return the day that a written date names, and the text without it."""
    for pattern in _DATES:
        if match := pattern.search(text):
            year, month, day, english = map(match.groupdict().get, ("year", "month", "day", "english"))
            number = _ENGLISH.index(english) + 1 if english else _MONTHS.get(month or "") or int(month or 0)
            found = date(int(year or 0) + (2000 if len(year or "") == 2 else 0), number, int(day or 0))
            return found, f"{text[: match.start()]} {text[match.end() :]}"
    return None


_NAMED_DAYS = {"hom nay": 0, "today": 0, "hom qua": 1, "yesterday": 1, "hom kia": 2}
_NAMED_DAY = re.compile(rf"\b(?:{'|'.join(_NAMED_DAYS)})\b")

_WEEK_DAYS = {
    **{"thu hai": 0, "thu ba": 1, "thu tu": 2, "thu nam": 3, "thu sau": 4, "thu bay": 5, "chu nhat": 6},
    **{"cn": 6, **{f"{thu}{number}": number - 2 for thu in ("thu ", "t") for number in range(2, 8)}},
    **{"monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6},
}
_WEEK_DAY = re.compile(rf"\b(?:{'|'.join(_WEEK_DAYS)})\b")

_UNITS = {
    **{"giay": 1, "second": 1, "sec": 1, "phut": 60, "minute": 60, "min": 60, "gio": 3600, "tieng": 3600},
    **{"hour": 3600, "hr": 3600, "ngay": 86_400, "day": 86_400, "tuan": 604_800, "week": 604_800},
    **{"thang": 2_592_000, "month": 2_592_000, "nam": 31_536_000, "year": 31_536_000},
}
_AMOUNT = re.compile(rf"\b([0-9]{{1,4}}|mot|an?) ?({'|'.join(_UNITS)})s?\b")
_AGO = re.compile(r"\b(?:truoc|ago|cach day)\b")
_JUST_NOW = re.compile(r"\b(?:vua xong|vua moi|vua nay|moi day|just now|moments? ago)\b")


def _ago(text: str) -> timedelta | None:
    if _JUST_NOW.search(text):
        return timedelta()
    amounts = _AMOUNT.findall(text) if _AGO.search(text) else []
    seconds = sum((int(number) if number.isdigit() else 1) * _UNITS[unit] for number, unit in amounts)
    return timedelta(seconds=seconds) if amounts else None


_CLOCK = re.compile(
    r"(?<![0-9:])(?P<hour>[01]?[0-9]|2[0-3]) ?(?::|h|g|gio) ?(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9]))?(?![0-9:])(?: ?(?P<half>am|pm|sa|ch|sang|chieu|toi)\b)?"
)


def _clock(text: str) -> time:
    match = _CLOCK.search(text)
    if match is None:
        return time()
    hour, half = int(match["hour"]), match["half"]
    if half and hour <= 12:
        hour = hour % 12 + (12 if half in {"pm", "ch", "chieu", "toi"} else 0)
    return time(hour, int(match["minute"]), int(match["second"] or 0))
