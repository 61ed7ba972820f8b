"""What matters this week, in sentences: the first thing that leaders read."""

from __future__ import annotations

from reports.model import ClaimLine, Weekly
from reports.words import count, decimal, hours, interval, label, percent

# Under so many posts a rise may be chance.
_MANY = 5


def findings(weekly: Weekly) -> list[str]:
    """Return three to six sentences, the most important first. The last is always on protected speech."""
    told = [
        _volume(weekly),
        *_risen(weekly),
        *_new(weekly),
        *_asked(weekly),
        _done(weekly),
        *_sources(weekly),
    ]
    return [*told[:5], _protected(weekly)]


def _volume(weekly: Weekly) -> str:
    posts, flagged = weekly.posts, weekly.flagged
    if not posts.now and posts.now is not None:
        return "Không có bài nào vào hệ thống trong tuần: xem mục Nguồn tin."
    said = f"{count(posts.now)} bài được thu thập, {count(flagged.now)} bài bị gắn cờ"
    if posts.now and flagged.now:
        said += f" ({percent(flagged.now / posts.now)})"
    if flagged.before and flagged.now is not None:
        rise = (flagged.now - flagged.before) / flagged.before
        much = f"{decimal(abs(rise) * 100, 0)}\u00a0%"
        said += f"; số bài gắn cờ {'tăng' if rise >= 0 else 'giảm'} {much} so với tuần trước"
    return f"{said}."


def _risen(weekly: Weekly) -> list[str]:
    risen = [
        line
        for line in weekly.claims
        if (line.now or 0) >= _MANY and (line.now or 0) > 1.5 * (line.before or 0)
    ]
    if not risen:
        return [_leading(weekly.claims[0])] if weekly.claims else []
    line = max(risen, key=lambda one: (one.now or 0) - (one.before or 0))
    public = "đã có đính chính công khai" if line.corrected else "chưa có đính chính công khai"
    return [
        f"Lan mạnh nhất: “{line.wording.rstrip('.')}” – {count(line.now)} bài ở {count(line.sources)} nguồn"
        f" (tuần trước {count(line.before)}), {public}."
    ]


def _leading(line: ClaimLine) -> str:
    public = "đã có đính chính công khai" if line.corrected else "chưa có đính chính công khai"
    return f"Được nhắc nhiều nhất: “{line.wording.rstrip('.')}” ({count(line.now)} bài), {public}."


def _new(weekly: Weekly) -> list[str]:
    if not weekly.bursts:
        return []
    first = weekly.bursts[0]
    return [
        f"{len(weekly.bursts)} nhóm bài mới lan nhanh mà chưa có ai kiểm chứng; nhanh nhất là một nhóm"
        f" “{label(first.harm).lower()}” {count(first.posts)} bài ở {count(first.sources)} nguồn."
    ]


def _asked(weekly: Weekly) -> list[str]:
    voids = weekly.voids
    if not voids.unanswered:
        return []
    about = f", nhiều nhất về “{voids.topics[0].words}”" if voids.topics else ""
    return [f"{count(voids.unanswered)} câu hỏi của người dân chưa có ai trả lời{about}."]


def _done(weekly: Weekly) -> str:
    work = weekly.work
    said = f"{count(work.decided.now)} ca được quyết định"
    if work.hours is not None:
        said += f", nửa số ca xong trong {hours(work.hours)}"
    if work.waiting:
        said += f"; {count(work.waiting)} ca còn chờ"
        said += f", ca lâu nhất {decimal(work.oldest_days)} ngày" if work.oldest_days is not None else ""
    return f"{said}."


def _sources(weekly: Weekly) -> list[str]:
    trouble = sum(line.trouble is not None for line in weekly.sources)
    return [f"{trouble} nguồn tin cần xem lại: có thể có tin mà hệ thống không thấy."] if trouble else []


def _protected(weekly: Weekly) -> str:
    found = weekly.quality.false_flags
    if found.value is None:
        why = "chưa có ca gắn cờ nào được quyết định trong tuần"
        return f"Phát ngôn được bảo vệ bị gắn cờ nhầm: chưa đo được, vì {why}."
    return f"Phát ngôn được bảo vệ bị gắn cờ nhầm: {interval(found)}."
