"""What the command line shows of policies: how two differ, and what one would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

import models
from kiemtin.screen import out, say

if TYPE_CHECKING:
    from classifier.backtest_report import Both, Move, Report
    from classifier.policy import Policy
    from store.policy_tables import PolicySwitch


def show_differences(active: PolicySwitch, policy: Policy) -> None:
    """Print the terms in which a policy differs from the one in force."""
    from classifier.in_force import InForce
    from classifier.policy_terms import differences

    try:
        found = differences(InForce().of(active), policy)
    except models.DataError as error:
        say(escape(str(error)))
        return
    if not found:
        say(f"Mọi điều khoản như chính sách đang dùng ({active.version}).")
        return
    table = Table("điều khoản", active.version, policy.version, title="Chỗ khác", title_justify="left")
    for one in found:
        table.add_row(escape(one.term), escape(one.before or "–"), escape(one.after or "–"))
    out.print(table)


def show_report(report: Report) -> None:
    """Print what a policy would do."""
    title = f"{grouped(report.posts)} bài, {grouped(report.clusters)} cụm"
    counts = Table("cụm", "đang dùng", "mới", title=title, title_justify="left")
    for name, both in (
        ("gắn cờ", report.flagged),
        ("chưa chắc", report.uncertain),
        ("phát ngôn được bảo vệ", report.protected),
        ("có thể đề nghị chuyển", report.referable),
    ):
        counts.add_row(name, grouped(both.before), grouped(both.after))
    per_week = report.per_week
    counts.add_row("ca vào hàng đợi mỗi tuần", *(f"{number:.1f}".replace(".", ",") for number in per_week))
    out.print(counts)
    rates = Table("tỷ lệ (khoảng tin cậy 95 %)", "đang dùng", "mới", title_justify="left")
    for name, both in (
        ("gắn cờ nhầm: người đã quyết là được bảo vệ", report.false_flags),
        ("gắn cờ nhầm: mô hình đoán hành vi được bảo vệ", report.false_flags_by_act),
        ("tìm thấy: người đã quyết là có hại, gắn cờ", report.found),
        ("tới tay người: có hại, gắn cờ hay chưa chắc", report.reached),
    ):
        rates.add_row(name, *_rates(both))
    out.print(rates)
    _show_moves(report)
    if report.unreadable:
        say(f"{grouped(report.unreadable)} bài được ghi theo cách cũ, không thử được.")
    for signal, number in report.unasked.items():
        say(f"{grouped(number)} bài được chấm khi chưa tìm dấu hiệu {signal}: coi như không có.")
    say(
        "Bài mà chính sách cũ không đưa vào hàng đợi thì chưa có ai quyết định: không nằm trong tỷ lệ theo"
        " quyết định của người."
    )


def _show_moves(report: Report) -> None:
    if not report.moves and not report.newly_referable.number:
        say("Không ca nào đổi làn hay đổi cờ.")
        return
    table = Table(
        "từ làn", "sang làn", "số cụm", "đã quyết", "thí dụ (ca)",
        title=f"{grouped(report.moved)} cụm đổi làn", title_justify="left",
    )  # fmt: skip
    for move in report.moves:
        table.add_row(
            _lane(move.before),
            _lane(move.after),
            grouped(move.number),
            grouped(move.decided),
            _examples(move),
        )
    if report.newly_referable.number:
        newly = report.newly_referable
        table.add_row(
            "", "có thể đề nghị chuyển", grouped(newly.number), grouped(newly.decided), _examples(newly)
        )
    out.print(table)


def _examples(move: Move) -> str:
    return ", ".join(
        str(one.case_id) if one.case_id is not None else f"bài {one.post_id}" for one in move.examples[:6]
    )


def _lane(lane: str) -> str:
    from classifier.backtest import NOWHERE, UNCERTAIN

    words = {UNCERTAIN: "chưa chắc", NOWHERE: "ngoài hàng đợi"}
    return words[lane] if lane in words else models.labels().name(lane)


def _rates(both: Both) -> list[str]:
    shown = []
    for rate in both.rates:
        low, high = rate.interval
        share = "–" if rate.share is None else f"{rate.share:.1%} ({low:.1%}–{high:.1%})".replace(".", ",")
        shown.append(f"{share}  {grouped(rate.number)}/{grouped(rate.total)}")
    return shown


def grouped(number: int) -> str:
    """Return a whole number with Vietnamese grouping."""
    return f"{number:,}".replace(",", ".")
