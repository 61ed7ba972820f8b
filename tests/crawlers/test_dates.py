"""A time is read as the page means it, in whichever of its ways it says it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.reading.dates import VIETNAM, moment, said
from store.text import fold

# A Wednesday.
NOW = datetime(2023, 11, 22, 15, 30, tzinfo=VIETNAM)


def vietnam(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=VIETNAM)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("value", "when"),
    [
        ("hôm qua", vietnam(2023, 11, 21)),
        ("hôm qua lúc 10:15", vietnam(2023, 11, 21, 10, 15)),
        ("hôm nay lúc 10:15", vietnam(2023, 11, 22, 10, 15)),
        ("Hôm qua, 22:05", vietnam(2023, 11, 21, 22, 5)),
        ("3 giờ trước", vietnam(2023, 11, 22, 12, 30)),
        ("cách đây 5 phút", vietnam(2023, 11, 22, 15, 25)),
        ("1 giờ 5 phút trước", vietnam(2023, 11, 22, 14, 25)),
        ("một ngày trước", vietnam(2023, 11, 21, 15, 30)),
        ("vừa xong", NOW),
        ("A moment ago", NOW),
        ("2 tuần trước", vietnam(2023, 11, 8, 15, 30)),
        ("1 tháng trước", vietnam(2023, 10, 23, 15, 30)),
        ("an hour ago", vietnam(2023, 11, 22, 14, 30)),
        ("3 hours ago", vietnam(2023, 11, 22, 12, 30)),
        ("Thứ 2 lúc 10:15", vietnam(2023, 11, 20, 10, 15)),
        ("Chủ nhật lúc 9:00", vietnam(2023, 11, 19, 9)),
        ("CN, 9:00", vietnam(2023, 11, 19, 9)),
        ("Monday at 9:00 AM", vietnam(2023, 11, 20, 9)),
        ("Thứ tư lúc 15:00", vietnam(2023, 11, 22, 15)),
        ("Thứ tư lúc 16:00", vietnam(2023, 11, 15, 16)),
        ("Thứ hai, 20/11/2023, 14:05 (GMT+7)", vietnam(2023, 11, 20, 14, 5)),
        ("20/11/2023 14:05 (UTC)", datetime(2023, 11, 20, 14, 5, tzinfo=UTC)),
        ("(GMT+8:00) 20/11/2023", datetime(2023, 11, 19, 16, tzinfo=UTC)),
        ("Hôm nay, 01:30 (GMT-5)", datetime(2023, 11, 22, 6, 30, tzinfo=UTC)),
        ("20/11/2023 - 14:05", vietnam(2023, 11, 20, 14, 5)),
        ("14:05 20/11/2023", vietnam(2023, 11, 20, 14, 5)),
        ("20/11/23 lúc 14:05", vietnam(2023, 11, 20, 14, 5)),
        ("20-11-2023, 02:05 PM", vietnam(2023, 11, 20, 14, 5)),
        ("02:05 CH, 20.11.2023", vietnam(2023, 11, 20, 14, 5)),
        ("20/11/2023 12:05 SA", vietnam(2023, 11, 20, 0, 5)),
        ("20/11/2023 12:05 CH", vietnam(2023, 11, 20, 12, 5)),
        ("20 Tháng mười một 2023", vietnam(2023, 11, 20)),
        ("Tháng mười hai 20, 2022 lúc 8:00 tối", vietnam(2022, 12, 20, 20)),
        ("Ngày 20 tháng 5 năm 2023, lúc 14h05", vietnam(2023, 5, 20, 14, 5)),
        ("20 thg 11, 2023", vietnam(2023, 11, 20)),
        ("Nov 20, 2023 at 2:05 PM", vietnam(2023, 11, 20, 14, 5)),
        ("December 25th, 2009, 09:33 PM", vietnam(2009, 12, 25, 21, 33)),
        ("Today 10:23", vietnam(2023, 11, 22, 10, 23)),
        ("Yesterday, 05:34 PM", vietnam(2023, 11, 21, 17, 34)),
        ("2023/11/20 08:30", vietnam(2023, 11, 20, 8, 30)),
        ("2023-11-20T08:30:00Z", datetime(2023, 11, 20, 8, 30, tzinfo=UTC)),
        ("1414157660", datetime(2014, 10, 24, 13, 34, 20, tzinfo=UTC)),
        ("01/02/2023", vietnam(2023, 2, 1)),
        ("11/20/2023", None),
        ("31/02/2023", None),
        ("25/12/2023", None),
        ("1/1/1980", None),
        ("999 năm trước", None),
        ("9999 năm trước", None),
        ("20/11/2023 GMT+99", None),
        ("khẩu trang", None),
        ("", None),
    ],
)
def test_what_a_page_says_is_a_moment(value: str, when: datetime | None) -> None:
    assert said(value, NOW) == when


@pytest.mark.parametrize(
    ("value", "when"),
    [
        ("2020-05-31T11:55:41+0700", vietnam(2020, 5, 31, 11, 55, 41)),
        ("2020-05-31 11:55:41 +0700", vietnam(2020, 5, 31, 11, 55, 41)),
        ("2020-05-31T11:55:41Z", datetime(2020, 5, 31, 11, 55, 41, tzinfo=UTC)),
        ("2020-05-31T11:55:41", vietnam(2020, 5, 31, 11, 55, 41)),
        ("2020-05-31", vietnam(2020, 5, 31)),
        ("Mon, 20 Nov 2023 14:05:00 GMT", datetime(2023, 11, 20, 14, 5, tzinfo=UTC)),
        ("Mon, 20 Nov 2023 14:05:00 -0000", datetime(2023, 11, 20, 14, 5, tzinfo=UTC)),
        ("20 Nov 2023 14:05 +0700", vietnam(2023, 11, 20, 14, 5)),
        ("Mon, 32 Nov 2023 14:05:00 GMT", None),
        ("hôm qua", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("0912345678", None),
        (None, None),
    ],
)
def test_a_machine_s_time_is_a_moment(value: str | None, when: datetime | None) -> None:
    assert moment(value) == when


SPELT = ["một", "hai", "ba", "tư", "năm", "sáu", "bảy", "tám", "chín", "mười", "mười một", "mười hai"]
# Each says the hour and minute of a time in Vietnam.
ABSOLUTE: list[Callable[[datetime], str]] = [
    lambda m: m.strftime("%d/%m/%Y - %H:%M"),
    lambda m: m.strftime("%H:%M %d/%m/%Y"),
    lambda m: m.strftime("%d-%m-%Y, %I:%M %p"),
    lambda m: f"{m.day}.{m.month}.{m.year} {m.hour}h{m.minute:02}",
    lambda m: (
        f"{('Thứ ' + str(m.weekday() + 2)) if m.weekday() < 6 else 'Chủ nhật'}, {m:%d/%m/%Y, %H:%M} (GMT+7)"
    ),
    lambda m: f"{m.astimezone(timezone(timedelta(hours=-3))):%d/%m/%Y %H:%M} GMT-3",
    lambda m: f"{m:%d/%m/%Y} lúc {(m.hour + 11) % 12 + 1}:{m:%M} {'CH' if m.hour >= 12 else 'SA'}",
    lambda m: f"{m.day} thg {m.month}, {m.year} {m:%H:%M}",
    lambda m: f"Ngày {m.day} tháng {m.month} năm {m.year} lúc {m.hour} giờ {m:%M}",
    lambda m: f"{m.day} Tháng {SPELT[m.month - 1]} {m.year} {m:%H:%M}",
    lambda m: f"Tháng {SPELT[m.month - 1]} {m.day}, {m.year} {m:%H:%M}",
    lambda m: m.strftime("%b %d, %Y at %I:%M %p"),
    lambda m: m.strftime("%d %B %Y, %H:%M"),
    lambda m: m.strftime("%Y/%m/%d %H:%M"),
    lambda m: m.isoformat(),
    lambda m: m.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    lambda m: m.strftime("%Y-%m-%dT%H:%M:%S%z"),
    format_datetime,
]

moments = st.integers(0, 19_000_000).map(lambda minutes: vietnam(1990, 1, 2) + timedelta(minutes=minutes))
spans = st.timedeltas(timedelta(), timedelta(days=30_000))
WRITINGS: list[Callable[[str], str]] = [
    str, str.upper, str.lower, fold, lambda text: unicodedata.normalize("NFD", text),
    lambda text: text.replace(" ", "\u00a0 \n"),
]  # fmt: skip


@given(moments, spans, st.sampled_from(ABSOLUTE))
def test_a_written_time_is_read_back_to_the_minute(
    when: datetime, later: timedelta, write: Callable[[datetime], str]
) -> None:
    assert said(write(when), when + later) == when


UNITS = [
    ("giây", timedelta(seconds=1)), ("phút", timedelta(minutes=1)), ("giờ", timedelta(hours=1)),
    ("ngày", timedelta(days=1)), ("tuần", timedelta(weeks=1)), ("tháng", timedelta(days=31)),
    ("năm", timedelta(days=366)), ("minutes", timedelta(minutes=1)), ("hours", timedelta(hours=1)),
]  # fmt: skip


@given(
    moments,
    st.integers(1, 29),
    st.sampled_from(UNITS),
    st.sampled_from(["{} trước", "cách đây {}", "{} ago"]),
)
def test_how_long_ago_is_read_back_within_its_unit(
    now: datetime, number: int, unit: tuple[str, timedelta], form: str
) -> None:
    name, length = unit
    found = said(form.format(f"{number} {name}"), now)
    if found is None:
        assert now - number * length < vietnam(1991, 1, 1)
    else:
        # A month is 28 to 31 days.
        assert abs((now - found) - number * length) <= length + number * timedelta(days=3) * (
            length.days > 27
        )


@given(moments, st.integers(0, 6), st.integers(0, 23), st.integers(0, 59))
def test_a_day_of_the_week_is_the_last_one(now: datetime, weekday: int, hour: int, minute: int) -> None:
    name = f"Thứ {weekday + 2}" if weekday < 6 else "Chủ nhật"
    found = said(f"{name} lúc {hour}:{minute:02}", now)
    if found is None:
        assert now < vietnam(1990, 1, 9)
    else:
        assert found <= now < found + timedelta(days=7)
        assert (found.weekday(), found.hour, found.minute) == (weekday, hour, minute)


@given(
    moments,
    st.sampled_from(WRITINGS),
    st.sampled_from(["Hôm qua, {}", "hôm nay lúc {}", "Chủ nhật lúc {}", "Thứ bảy {}"]),
)
def test_case_and_diacritics_do_not_matter(now: datetime, write: Callable[[str], str], form: str) -> None:
    text = form.format(f"{now:%H:%M}")
    assert said(write(text), now) == said(text, now)


words = st.sampled_from(
    [
        "hôm qua",
        "thứ",
        "2",
        "tháng",
        "31",
        "/",
        "-",
        ":",
        "99",
        "năm",
        "trước",
        "ago",
        "GMT+",
        "SA",
        "2023",
        "\ud800",
    ]
)


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=8).map(" ".join)), moments)
def test_any_text_is_a_moment_or_none(text: str, now: datetime) -> None:
    for found in (said(text, now), moment(text)):
        assert found is None or found.utcoffset() is not None
