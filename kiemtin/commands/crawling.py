"""The command crawl: one pass over the sources, watched as it goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin import log as logs
from kiemtin.commands.service import stopping
from kiemtin.house import House
from kiemtin.screen import out, say, show_counters, watched
from kiemtin.settings import load
from store.vocabulary import TaskKind

if TYPE_CHECKING:
    from crawlers.sources import SourceEntry

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command()(crawl)


def crawl(
    source: Annotated[
        list[str] | None, typer.Option(help="Chỉ nguồn này; dùng được nhiều lần.", show_default=False)
    ] = None,
    due: Annotated[bool, typer.Option("--due", help="Chỉ các nguồn đã đến lượt.")] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Bỏ qua bài đăng trước ngày này (giờ Việt Nam).", show_default=False
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once/--forever", help="Một lượt, hay cứ thu thập tiếp khi đến lượt.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Chỉ cho thấy sẽ tải những trang nào; không tải gì.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Không vẽ bảng tiến độ.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="In các bộ đếm thành một dòng JSON ở cuối, thay cho bảng.")
    ] = False,
) -> None:
    """Thu thập một lượt các nguồn đang bật trong sources.yaml, trừ nguồn tiến trình khác đang thu thập."""
    from crawlers.crawl import crawl as run_crawl
    from crawlers.spider import Plan
    from kiemtin.work.crawl import Claimed
    from kiemtin.work.crew import Crew

    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    entries = _chosen(house.sync_sources(), source)
    if dry_run:
        _show_plan(house, entries)
        return
    if not once:
        with stopping() as stop:
            house.crew((TaskKind.CRAWL,)).forever(stop)
        return
    claimed = Claimed(house.records)
    with Crew(house.records, [claimed]).alive():
        names = claimed.take(None if due else house.source_ids(entries))
        entries = [entry for entry in entries if entry.name in names]
        if not entries:
            if not as_json:
                say("Không có nguồn nào để thu thập: chưa đến lượt, hoặc tiến trình khác đang thu thập.")
            return
        with watched(quiet=quiet) as move:
            counters = run_crawl(
                house.records,
                house.archive(),
                house.keys,
                entries,
                on_progress=move,
                contact=settings.contact,
                plan=Plan(
                    at_once=not due,
                    first=timedelta(minutes=settings.crawl_minutes),
                    since=since.replace(tzinfo=_VIETNAM) if since else None,
                    keys=settings.official_keys,
                ),
                opened=settings.crawl_opened,
            )
        claimed.finish()
    if as_json:
        typer.echo(json.dumps(counters, ensure_ascii=False))
    elif not quiet:
        show_counters("Thu thập", counters)


def _chosen(entries: Sequence[SourceEntry], names: Sequence[str] | None) -> list[SourceEntry]:
    from crawlers.sources import SourcesError

    on = [entry for entry in entries if entry.enabled]
    unknown = set(names or ()) - {entry.name for entry in on}
    if unknown:
        raise SourcesError(f"Không có nguồn {', '.join(sorted(unknown))} đang bật trong danh sách.")
    return [entry for entry in on if not names or entry.name in names]


def _show_plan(house: House, entries: Sequence[SourceEntry]) -> None:
    from sqlalchemy import select

    from crawlers import frontier, kinds
    from store.tables import Source

    now = datetime.now(UTC)
    table = Table("nguồn", "trang", "đang chờ", title="Sẽ tải ngay", title_justify="left")
    with house.records.read() as session:
        wanted = select(Source).where(Source.name.in_([entry.name for entry in entries]))
        for source in session.scalars(wanted.order_by(Source.id)):
            if source.paused_at is not None:
                table.add_row(escape(source.name), "tạm dừng", "")
                continue
            due = frontier.due(session, source.id, now)
            urls = [kinds.address(source), *(one.url for one in due)]
            shown = list(dict.fromkeys(urls))
            more = f"\n… và {len(shown) - 5} trang nữa" if len(shown) > 5 else ""
            table.add_row(escape(source.name), "\n".join(shown[:5]) + more, str(len(due)))
    out.print(table)
    say("Chạy thử, chưa tải gì. Trang nguồn dẫn tới trang nào thì khi tải mới biết.")
