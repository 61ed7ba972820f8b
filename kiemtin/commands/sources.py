"""Commands on sources: source list, check, test, add, catalogue, pause, resume."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin import log as logs
from kiemtin.house import House
from kiemtin.screen import out, say
from kiemtin.settings import load
from store.vocabulary import SourceKind

if TYPE_CHECKING:
    from crawlers.probe import Probe

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_Name = Annotated[str, typer.Argument(metavar="TÊN", help="Tên nguồn trong sources.yaml.")]
_Kind = Annotated[SourceKind | None, typer.Option(help="Loại nguồn; trống là tự nhận.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    sources = typer.Typer(help="Nguồn thu thập.", no_args_is_help=True)
    sources.command(name="list")(list_sources)
    sources.command(name="check")(check)
    sources.command(name="test")(try_out)
    sources.command(name="add")(add)
    sources.command(name="catalogue")(catalogue)
    sources.command(name="pause")(pause)
    sources.command(name="resume")(resume)
    app.add_typer(sources, name="source")


def list_sources() -> None:
    """Liệt kê các nguồn trong cơ sở dữ liệu: lượt tới, trang đang chờ, và lỗi nếu đang lỗi."""
    from api.sources import every_source

    house = House(load())
    house.require_ready()
    table = Table(
        "tên", "loại", "đường dẫn", "căn cứ", "lần/giây", "tình trạng", "lượt tới", "chờ", "lỗi liên tiếp"
    )
    with house.records.read() as session:
        for health in every_source(session, datetime.now(UTC)):
            source, root = health.source, health.root
            table.add_row(
                escape(source.name),
                source.kind,
                source.url or "–",
                escape(source.legal_basis),
                f"{source.rate:g}",
                "tạm dừng" if source.paused_at else "bật" if source.enabled else "tắt",
                f"{root.due_at.astimezone(_VIETNAM):%H:%M %d/%m}" if root and root.due_at else "–",
                str(health.waiting),
                f"{root.attempts}: {root.error}" if root and root.attempts else "–",
            )
    if not table.row_count:
        say("Chưa có nguồn nào. Thêm bằng `kiemtin source add`, hoặc xem `kiemtin source catalogue`.")
        return
    out.print(table)


def check(
    file: Annotated[
        Path | None, typer.Argument(help="Danh sách nguồn; trống là KIEMTIN_SOURCES_FILE.")
    ] = None,
) -> None:
    """Kiểm tra một danh sách nguồn mà không thu thập."""
    from crawlers import sources as source_list

    path = file or load().sources_file
    say(f"{path}: {len(source_list.load(path))} nguồn hợp lệ.")


def try_out(
    what: Annotated[str, typer.Argument(metavar="URL|TÊN", help="Một địa chỉ, hoặc tên một nguồn.")],
    kind: _Kind = None,
    as_json: Annotated[bool, typer.Option("--json", help="In kết quả thành một dòng JSON.")] = False,
) -> None:
    """Tải thử một trang, đúng phép lịch sự, không lưu gì: robots.txt nói gì, là loại nào, đọc được những gì.

    Mã thoát 0 khi đọc được, 1 khi không. Thử được một nguồn trong danh sách thì nguồn ấy được ghi là đã thử.
    """
    from sqlalchemy import select

    from crawlers import sources as source_list
    from crawlers.kinds import kind_of
    from crawlers.probe import probe
    from store.tables import Source

    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    with house.records.read() as session:
        source = session.scalar(select(Source).where(Source.name == what))
    if source is None and "://" not in what:
        raise source_list.SourcesError(f"Không có nguồn {what!r}, và đó cũng không phải một địa chỉ http(s).")
    url = what if source is None else source.url or ""
    asked = kind or (SourceKind(source.kind) if source is not None else kind_of(url))
    try:
        found = probe(
            house.records, url, asked, contact=settings.contact, opened=settings.crawl_opened,
            keys=settings.official_keys,
        )  # fmt: skip
    except ValueError as error:
        raise source_list.SourcesError(f"{url}: {error}") from error
    if source is not None and found.ok:
        with house.records.write() as session:
            source_list.verify(session, source.id)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        _show(found)
    raise typer.Exit(0 if found.ok else 1)


def add(
    name: Annotated[str, typer.Argument(metavar="TÊN", help="Tên nguồn, hoặc mã trong danh mục.")],
    url: Annotated[str, typer.Option(help="Địa chỉ của nguồn.", show_default=False)] = "",
    kind: _Kind = None,
    legal_basis: Annotated[
        str, typer.Option(help="Căn cứ để đơn vị đọc và giữ các bài.", show_default=False)
    ] = "",
    rate: Annotated[float, typer.Option(help="Nhiều nhất bao nhiêu lần mỗi giây.")] = 0.2,
) -> None:
    """Thêm một nguồn vào sources.yaml: tự khai (--url, --kind, --legal-basis), hoặc lấy từ danh mục theo mã.

    Nguồn mới ở trạng thái tạm dừng, không được thu thập, cho đến khi `kiemtin source test` đọc được và có
    người cho chạy bằng `kiemtin source resume`.
    """
    from crawlers import catalogue as known
    from crawlers import sources as source_list

    house = House(load())
    house.require_ready()
    if url:
        row: dict[str, object] = {
            "name": name, "kind": str(kind or ""), "url": url, "legal_basis": legal_basis, "rate": rate,
            "verified": False,
        }  # fmt: skip
        (entry,) = source_list.parse([row])
    elif name in known.listed():
        entry = known.listed()[name].entry
    else:
        raise source_list.SourcesError(
            f"Danh mục không có mã {name!r}: xem `kiemtin source catalogue`, hoặc cho biết --url, --kind và"
            " --legal-basis."
        )
    entries = source_list.append(house.settings.sources_file, entry)
    with house.records.write() as session:
        source_list.sync(session, entries)
    say(
        f"Đã thêm {escape(entry.name)} vào {house.settings.sources_file}, đang tạm dừng. Tiếp theo:\n"
        f"  kiemtin source test {entry.name!r}\n  kiemtin source resume {entry.name!r}"
    )


def catalogue() -> None:
    """Danh mục nguồn công khai của Việt Nam để bắt đầu; không nguồn nào được thu thập khi chưa được thêm."""
    from crawlers import catalogue as known

    table = Table("mã", "tên", "loại", "địa chỉ", "căn cứ", "ghi chú")
    for one in known.listed().values():
        entry = one.entry
        table.add_row(one.id, entry.name, entry.kind, entry.url, entry.legal_basis, one.note)
    out.print(table)
    say("Thêm một nguồn: kiemtin source add MÃ")


def pause(name: _Name) -> None:
    """Tạm dừng một nguồn ngay, dù sources.yaml nói gì; trang đang tải dở được làm xong."""
    _switch(name, running=False)
    say(f"{escape(name)} đã tạm dừng.")


def resume(name: _Name) -> None:
    """Cho một nguồn đang tạm dừng chạy tiếp."""
    _switch(name, running=True)
    say(f"{escape(name)} sẽ được thu thập ở lượt tới.")


def _switch(name: str, *, running: bool) -> None:
    from crawlers import sources as source_list
    from store import audit, tasks

    house = House(load())
    house.require_ready()
    with house.records.write() as session:
        source = source_list.named(session, name)
        (source_list.resume if running else source_list.pause)(session, source, audit.SYSTEM)
        tasks.plan_crawls(session)


def _show(found: Probe) -> None:
    table = Table(show_header=False, title=escape(found.url), title_justify="left")
    table.add_row(
        "robots.txt", f"{found.robots or '–'}" + (f", cách {found.apart:g} giây" if found.apart else "")
    )
    answer = (
        f"{found.status or '–'} · {found.media_type or '–'} · {found.size:,} byte · {found.seconds:.1f} giây"
    )
    table.add_row("trả lời", answer)
    table.add_row("trang dặn", ", ".join(found.directives) or "–")
    table.add_row("loại nguồn", str(found.kind or "không nhận ra"))
    out.print(table)
    if found.reading is None:
        say(f"Không đọc được: {found.reason}" + (f" ({escape(found.said)})" if found.said else ""))
        return
    items, leads = found.reading.items, found.reading.leads
    if items:
        posts = Table(
            "đăng lúc", "tiêu đề", "lời", title=f"{len(items)} bài trên trang", title_justify="left"
        )
        for item in items[:10]:
            at = f"{item.published.astimezone(_VIETNAM):%H:%M %d/%m/%Y}" if item.published else "–"
            posts.add_row(at, escape(item.title[:60]), escape(item.text[:120].replace("\n", " ")))
        out.print(posts)
    if leads:
        pages = Table("vai", "địa chỉ", title=f"Dẫn tới {len(leads)} trang", title_justify="left")
        for lead in leads[:10]:
            pages.add_row(lead.role, lead.url)
        out.print(pages)
    if not found.ok:
        say("Trang không có bài nào và không dẫn tới đâu.")
