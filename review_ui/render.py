"""How things are shown: texts with their highlights, probabilities in words, times in Vietnam."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import SequenceMatcher
from typing import Any
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
Translate = Callable[[str], str]

HIGH, UNSURE = 0.75, 0.35
# Words are compared in time that grows with the square of their number.
_LONG = 20_000
_WORDS_AND_SPACES = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Part:
    """A piece of text; `mark` names why it is highlighted, "" when it is not."""

    text: str
    mark: str = ""


def parts(text: str, spans: Iterable[tuple[int, int, str]]) -> list[Part]:
    """Cut a text at its spans (start, end, mark). The pieces joined are the text, whatever the spans are."""
    result: list[Part] = []
    at = 0
    for first, last, mark in sorted(spans):
        start, end = max(first, at), min(last, len(text))
        if start >= end:
            continue
        if start > at:
            result.append(Part(text[at:start]))
        result.append(Part(text[start:end], mark))
        at = end
    if at < len(text):
        result.append(Part(text[at:]))
    return result


def cut(pieces: Sequence[Part], at: int) -> tuple[list[Part], list[Part]]:
    """Part the pieces of a text after its first `at` characters: the headline, and what follows."""
    before: list[Part] = []
    after: list[Part] = []
    for piece in pieces:
        room = max(0, at - sum(len(p.text) for p in before))
        if head := piece.text[:room]:
            before.append(Part(head, piece.mark))
        if rest := piece.text[room:]:
            after.append(Part(rest, piece.mark))
    return before, after


def marked(text: str, spans: Sequence[dict[str, Any]]) -> list[Part]:
    """Cut a post at the spans of its assessment."""
    return parts(text, ((int(s["start"]), int(s["end"]), str(s["harm"])) for s in spans))


def found_in(text: str, ranges: Iterable[tuple[int, int]]) -> list[Part]:
    """Cut a snippet at what a search found in it."""
    return parts(text, ((start, end, "found") for start, end in ranges))


def changes(before: str, after: str, around: int = 60) -> list[Part]:
    """Return how a text was edited: pieces that are gone, new, or the same, the last shortened to `around`.

    Compared word by word, very long texts only by their beginning and end; `mark` is "gone", "new" or "". The
    pieces that are not gone are the text after, but for what was shortened.
    """
    if len(before) + len(after) > _LONG:
        old, new = _ends_apart(before, after)
    else:
        old, new = (_WORDS_AND_SPACES.findall(text) for text in (before, after))
    result: list[Part] = []
    for step, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, put = "".join(old[a:b]), "".join(new[c:d])
        if step == "equal":
            result.append(Part(_shortened(put, around, first=c == 0, last=d == len(new))))
            continue
        result += [Part(text, mark) for text, mark in ((gone, "gone"), (put, "new")) if text]
    return result


def _ends_apart(before: str, after: str) -> tuple[list[str], list[str]]:
    """Cut two texts at where they begin and cease to differ."""
    start = _same(before, after)
    end = _same(before[start:][::-1], after[start:][::-1])
    parts = ([t[:start], t[start : len(t) - end], t[len(t) - end :]] for t in (before, after))
    first, second = ([piece for piece in cut_up if piece] for cut_up in parts)
    return first, second


def _same(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _shortened(text: str, around: int, *, first: bool, last: bool) -> str:
    if len(text) <= 2 * around:
        return text
    # Cut between words.
    head = "" if first else text[:around].rpartition(" ")[0]
    tail = "" if last else text[-around:].partition(" ")[2]
    return f"{head} … {tail}"


def level(probability: float, say: Translate) -> str:
    """Return a probability in a word."""
    if probability >= HIGH:
        return say("cao")
    return say("chưa chắc") if probability >= UNSURE else say("thấp")


def number(probability: float) -> str:
    """Return a probability as two digits, ".91"."""
    return "1.0" if probability >= 0.995 else f"{probability:.2f}"[1:]


def local(moment: datetime | str | None) -> str:
    """Return a time, or its ISO form, as it is read in Vietnam."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M") if moment else "–"


def ago(moment: datetime | None, now: datetime, say: Translate) -> str:
    """Return how long ago a time was, in words; times to come as they are."""
    if moment is None:
        return say("không rõ thời gian")
    seconds = (now - moment).total_seconds()
    if seconds < 0:
        return local(moment)
    if seconds < 60:
        return say("vừa xong")
    for size, most, words in (
        (60, 60, say("{n} phút trước")),
        (3600, 24, say("{n} giờ trước")),
        (86400, 30, say("{n} ngày trước")),
        (86400 * 30, 12, say("{n} tháng trước")),
    ):
        if seconds < size * most:
            return words.format(n=int(seconds // size))
    return say("{n} năm trước").format(n=int(seconds // (86400 * 365)))


def due(moment: datetime, now: datetime, say: Translate) -> tuple[bool, str]:
    """Say whether a time has passed, and in words how long ago, or how long until then."""
    seconds = (moment - now).total_seconds()
    minutes = int(abs(seconds) // 60)
    left = (
        say("{n} phút").format(n=minutes)
        if minutes < 60
        else say("{n} giờ").format(n=minutes // 60)
        if minutes < 48 * 60
        else say("{n} ngày").format(n=minutes // (24 * 60))
    )
    late = seconds < 0
    return late, (say("quá hạn {time}") if late else say("còn {time}")).format(time=left)


def count(value: int) -> str:
    """Return a whole number with Vietnamese grouping, "1.848"."""
    return f"{value:,}".replace(",", ".")


def each_week(weeks: Sequence[tuple[date, int]], least: int = 26, most: int = 104) -> list[tuple[date, int]]:
    """Return a row for every week up to the last, empty ones too, at least `least` and at most `most`."""
    if not weeks:
        return []
    known = dict(weeks)
    first, last = weeks[0][0], weeks[-1][0]
    number = min(most, max(least, (last - first).days // 7 + 1))
    days = [last - timedelta(weeks=number - 1 - i) for i in range(number)]
    return [(day, known.get(day, 0)) for day in days]


def spark(values: Sequence[float], width: int = 96, height: int = 20) -> str:
    """Return the points of a polyline that draws `values` left to right."""
    return next(iter(sparks(values, width, height)), "")


def sparks(values: Sequence[float | None], width: int = 96, height: int = 20) -> list[str]:
    """Return the points of polylines that draw `values` left to right, with a gap where one is None."""
    known = [v for v in values if v is not None]
    if len(values) < 2 or not known:
        return []
    top = max(known) or 1
    step = (width - 2) / (len(values) - 1)
    lines: list[list[str]] = [[]]
    for i, v in enumerate(values):
        if v is None:
            lines.append([])
        else:
            lines[-1].append(f"{1 + i * step:.1f},{height - 1 - v / top * (height - 2):.1f}")
    return [" ".join(line) for line in lines if len(line) > 1]


def percent(share: float | None) -> str:
    """Return a share as Vietnamese reads it, "3,2 %"."""
    return "–" if share is None else f"{100 * share:.1f} %".replace(".", ",")


def decimal(value: float | None, digits: int = 2) -> str:
    """Return a number with so many digits after the comma, "0,13"."""
    return "–" if value is None else f"{value:.{digits}f}".replace(".", ",")
