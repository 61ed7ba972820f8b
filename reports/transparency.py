"""The transparency report for the public: what was flagged and decided, and how often wrongly."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from io import StringIO
from typing import Any

from pydantic import BaseModel
from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from reports import circulation, quality, work_done
from reports.asking import PRESENT, within
from reports.blocks import Block, Bullets, Document, Figure, Figures, Heading, Key, Para, Table
from reports.estimates import Estimate
from reports.model import Count
from reports.periods import Period, named
from reports.suppression import guarded, masked
from reports.words import OUTCOMES, REFERRALS, count, interval, label, moment, plain_interval, span
from store.tables import Assessment, Case, Event, Post

# What was asked of the log, by its actions: exports of evidence, reads of sealed or stored captures, purges.
_LOGGED = {"capture.read": "Lần mở bản chụp lưu trữ", "retention.purged": "Lần xóa bài hết hạn lưu"}


class Line(BaseModel):
    """One row of a count: its key in the records, and how many; None is too small to be told."""

    key: str
    number: Count


class Transparency(BaseModel):
    """The figures of a quarter, without small numbers: they are public."""

    quarter: str
    first: date
    last: date
    made_at: datetime
    posts: Count
    flagged: Count
    protected: Count
    harms: list[Line]
    acts: list[Line]
    decided: Count
    outcomes: list[Line]
    referrals: list[Line]
    false_flags: Estimate
    kappa: Estimate
    turned: Count
    complaints: Count
    complaints_changed: Count
    corrections: int
    logged: list[Line]


def build(session: Session, quarter: Period, at: datetime) -> Transparency:
    """Return the report on a quarter as the records are now."""
    before = quarter.back()
    judged = circulation.judged(session, [before, quarter])[-1]
    work = work_done.work(session, quarter, before, at)
    measured = quality.quality(session, quarter, before)
    decided = work.decided.now or 0
    acts = _by(session.execute(
        select(Assessment.act, func.count()).join(Post, PRESENT).where(within(Post.first_seen_at, quarter))
        .group_by(Assessment.act)
    ).all())  # fmt: skip
    harms = _by(session.execute(
        select(Case.harm, func.count(distinct(Case.id)))
        .where(Case.harm.is_not(None), within(Case.opened_at, quarter))
        .group_by(Case.harm)
    ).all())  # fmt: skip
    logged = _by(session.execute(
        select(Event.action, func.count())
        .where(Event.action.in_(_LOGGED))
        .where(Event.at >= quarter.begin.isoformat(), Event.at < quarter.end.isoformat())
        .group_by(Event.action)
    ).all())  # fmt: skip
    return Transparency(
        quarter=quarter.name, first=quarter.first, last=quarter.last, made_at=at,
        posts=masked(judged.posts), flagged=masked(judged.flagged), protected=masked(judged.protected),
        harms=_told(harms), acts=_told(acts, judged.scored), decided=masked(decided),
        outcomes=_told({one.outcome: one.now or 0 for one in work.outcomes}, decided),
        referrals=_told({one.outcome: one.now or 0 for one in work.referrals if one.now}),
        false_flags=measured.false_flags.model_copy(update={"found": None}), kappa=measured.kappa,
        turned=masked(measured.turned.now or 0), complaints=masked(measured.complaints.now or 0),
        complaints_changed=masked(measured.complaints_changed or 0), corrections=work.corrections_public,
        logged=_told({key: logged.get(key, 0) for key in _LOGGED}),
    )  # fmt: skip


def _by(rows: Iterable[Sequence[Any]]) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in rows}


def _told(counts: dict[str, int], total: int | None = None) -> list[Line]:
    told = guarded(counts, total)
    order = sorted(counts, key=lambda key: (-counts[key], key))
    return [Line(key=key, number=told[key]) for key in order]


def document(data: Transparency) -> Document:
    """Return the report as blocks."""
    return Document(
        kind="BÁO CÁO MINH BẠCH",
        title=f"Xét duyệt tin sai lệch và lừa đảo liên quan COVID-19, {span(named(data.quarter))}",
        blocks=tuple(_blocks(data)),
        foot=f"Lập từ hệ thống Kiểm Tin lúc {moment(data.made_at)}. Số từ 1 đến 4 ghi là “< 5”, và"
        " số có thể suy ra"
        " chúng cũng ghi như vậy. Không có lời bài, tên hay tài khoản của ai.",
    )


def _blocks(data: Transparency) -> Iterator[Block]:
    yield Key(
        "Điều cần biết",
        (
            f"Máy xếp {count(data.flagged)} trong {count(data.posts)} bài công khai để người xem"
            " trước; không bài nào"
            " bị xử lý tự động.",
            f"Người duyệt quyết định {count(data.decided)} ca.",
            f"Phát ngôn được bảo vệ bị gắn cờ nhầm: {interval(data.false_flags)}.",
        ),
    )
    yield Figures(
        (
            Figure("Bài công khai đã thu thập", count(data.posts)),
            Figure("Bài bị gắn cờ", count(data.flagged)),
            Figure("Phát ngôn được bảo vệ", count(data.protected)),
            Figure("Đính chính đang công khai", count(data.corrections)),
        )
    )
    yield Heading("Quyết định của người duyệt")
    yield _table(
        "Ca theo kết quả", "Kết quả", [(OUTCOMES.get(one.key, one.key), one.number) for one in data.outcomes]
    )
    yield Para(
        "Chuyển công an chỉ áp dụng cho tội xâm hại con người (lừa đảo, thuốc giả hoặc nguy hiểm,"
        " mạo danh trục lợi,"
        " kích động bạo lực), qua hai người phê duyệt; nói sai thôi thì không bao giờ bị chuyển."
    )
    if data.referrals:
        yield _table(
            "Đề nghị chuyển công an, theo tình trạng", "Tình trạng",
            [(REFERRALS.get(one.key, one.key), one.number) for one in data.referrals],
        )  # fmt: skip
    else:
        yield Para("Không có đề nghị chuyển công an nào.")
    yield Heading("Sai sót và xét lại")
    yield Bullets(
        (
            f"Phát ngôn được bảo vệ bị gắn cờ nhầm: **{interval(data.false_flags)}**.",
            f"Hai người duyệt độc lập đồng ý với nhau (kappa): {plain_interval(data.kappa)}.",
            f"Quyết định bị xét lại và đổi khác: {count(data.turned)}.",
            f"Khiếu nại và yêu cầu đính chính: {count(data.complaints)}; quyết định đổi theo:"
            f" {count(data.complaints_changed)}.",
        )
    )
    yield Heading("Ca theo tác hại, bài theo hành vi lời nói")
    yield _table(
        "Ca mới mở, theo tác hại có khả năng nhất",
        "Tác hại",
        [(label(one.key), one.number) for one in data.harms],
    )
    yield _table(
        "Bài, theo hành vi lời nói mà máy nhận ra",
        "Hành vi",
        [(label(one.key), one.number) for one in data.acts],
    )
    yield Heading("Lưu trữ và tra cứu")
    yield _table(
        "Ghi trong nhật ký kiểm toán", "Việc", [(_LOGGED[one.key], one.number) for one in data.logged]
    )


def _table(caption: str, head: str, rows: list[tuple[str, Count]]) -> Table:
    return Table(
        caption, (head, "Số"), tuple((name, count(number)) for name, number in rows), frozenset({1}), (75, 25)
    )


def to_csv(data: Transparency) -> str:
    """Return the figures as CSV: `part,key,number`; what may not be told is "<5"."""
    kept = StringIO()
    writer = csv.writer(kept, lineterminator="\n")
    writer.writerow(("part", "key", "number"))

    def said(number: float | None) -> str | float:
        return "<5" if number is None else number

    for name in (
        "posts",
        "flagged",
        "protected",
        "decided",
        "turned",
        "complaints",
        "complaints_changed",
        "corrections",
    ):
        writer.writerow(("total", name, said(getattr(data, name))))
    for part in ("harms", "acts", "outcomes", "referrals", "logged"):
        for line in getattr(data, part):
            writer.writerow((part, line.key, said(line.number)))
    for name in ("false_flags", "kappa"):
        found: Estimate = getattr(data, name)
        for key in ("value", "low", "high"):
            value = getattr(found, key)
            writer.writerow((name, key, "" if value is None else round(value, 4)))
    return kept.getvalue()
