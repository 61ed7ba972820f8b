"""Commands that watch and mend the way of the posts: status, reindex, search doctor."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say
from kiemtin.settings import load

NAMES = {
    "score": "chấm",
    "index": "lập chỉ mục",
    "crawl": "thu thập",
    "render": "chụp trang",
    "deliver": "gửi thư",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(status)
    app.command()(reindex)
    searches = typer.Typer(help="Chỉ mục tìm kiếm.", no_args_is_help=True)
    searches.command(name="doctor")(doctor)
    searches.command(name="alike")(alike)
    app.add_typer(searches, name="search")


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Vẽ lại mỗi hai giây cho đến Ctrl+C.")] = False,
) -> None:
    """Cho thấy mọi chặng: hàng việc, độ chậm, tiến trình, việc bị dừng. Mã thoát 1 khi có gì cần xem."""
    house = House(load())
    house.require_ready()
    if not watch:
        shown, well = _picture(house)
        out.print(shown)
        raise typer.Exit(0 if well else 1)
    with Live(_picture(house)[0], console=out, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(2)
                live.update(_picture(house)[0], refresh=True)
        except KeyboardInterrupt:
            return


def reindex() -> None:
    """Dựng lại chỉ mục tìm kiếm từ cơ sở dữ liệu, trong khi tìm kiếm và ghi chỉ mục vẫn chạy."""
    from kiemtin import documents

    house = House(load())
    house.require_ready()
    with house.records.read() as session:
        total = documents.count(session)
    with bar("Lập lại chỉ mục") as move:
        house.engine.rebuild(
            lambda: documents.every(house.records),
            documents.Changes(house.records),
            lambda done: move(done, max(done, total)),
        )
    say(f"Chỉ mục có {house.engine.count()} bài.")


def doctor(
    repair: Annotated[bool, typer.Option("--repair/--no-repair", help="Sửa những gì lệch.")] = True,
    sample: Annotated[int, typer.Option(help="Bao nhiêu bài được so trọn nội dung.")] = 500,
) -> None:
    """So chỉ mục với cơ sở dữ liệu: phiên bản của mọi bài, trọn nội dung của một mẫu; sửa chỗ lệch.

    Mã thoát 0 khi khớp (hoặc đã sửa xong), 1 khi còn lệch.
    """
    from kiemtin.doctor import examine, mend

    house = House(load())
    house.require_ready()
    with bar("So chỉ mục") as move:
        found = examine(house.records, house.engine, sample, move)
    table = Table("mục", "số bài", title="Chỉ mục so với cơ sở dữ liệu", title_justify="left")
    for name, number in {
        "trong cơ sở dữ liệu": found.records,
        "trong chỉ mục": found.index,
        "đang chờ lập chỉ mục": found.waiting,
        "thiếu": len(found.missing),
        "thừa": len(found.extra),
        "phiên bản cũ": len(found.stale),
        f"nội dung khác (trong {found.sampled} bài so trọn)": len(found.different),
    }.items():
        table.add_row(name, f"{number:,}".replace(",", "."))
    out.print(table)
    if found.clean:
        say("Chỉ mục khớp.")
        return
    if not repair:
        say("Chỉ mục lệch. Chạy lại không có --no-repair để sửa.")
        raise typer.Exit(1)
    say(f"Đã sửa {mend(house.records, house.engine, found)} bài.")
    if not examine(house.records, house.engine, 0).clean:
        say("Vẫn còn lệch: chạy `kiemtin reindex`.")
        raise typer.Exit(1)


def alike(
    said: Annotated[
        str, typer.Argument(metavar="CÂU", help="Một câu, hoặc mã của một tuyên bố đã kiểm chứng.")
    ],
    limit: Annotated[int, typer.Option(min=1, max=100, help="Nhiều nhất bao nhiêu bài.")] = 10,
) -> None:
    """Tìm các bài nói giống một câu, hay lặp lại một tuyên bố: theo từ và vector, hai bảng gộp làm một."""
    from search.engine import Probe
    from search.vectors import embed
    from store import claims

    house = House(load())
    house.require_ready()
    with house.records.read() as session:
        claim = claims.newest(session, said)
    text = claim.wording if claim else said
    found = house.engine.similar(Probe(text, embed([text])[0], limit=limit))
    if not found:
        say("Không có bài nào giống.")
        return
    table = Table("bài", "tiêu đề", "trích", title=escape(text), title_justify="left")
    for hit in found:
        table.add_row(str(hit.post_id), escape(hit.title), escape(hit.snippet))
    out.print(table)


def _picture(house: House) -> tuple[Group, bool]:
    from api.pipeline import LATE, overview
    from search.engine import SearchError

    with house.records.read() as session:
        seen = overview(session, datetime.now(UTC))
    queues = Table(
        "hàng việc",
        "đang chờ",
        "đang làm",
        "bị dừng",
        "chậm",
        "tình trạng",
        title="Hàng việc",
        title_justify="left",
    )
    well = True
    for kind, queue in seen.queues.items():
        lag = seen.lag(kind)
        trouble = seen.trouble.get(kind, "đang chậm" if lag > LATE and kind != "crawl" else "bình thường")
        well = well and trouble == "bình thường" and not queue.parked
        queues.add_row(
            NAMES[kind], str(queue.waiting), str(queue.in_hand), str(queue.parked), _span(lag), trouble
        )
    crews = Table("tiến trình", "hàng việc", "nhịp cuối", "bộ đếm", title="Tiến trình", title_justify="left")
    for worker in seen.workers:
        counters = "  ".join(f"{name} {number}" for name, number in sorted(worker.counters.items()))
        crews.add_row(
            worker.id,
            ", ".join(NAMES.get(q, q) for q in worker.queues),
            _span(seen.at - worker.beat_at),
            counters,
        )
    if not seen.workers:
        crews.add_row("không có: chạy `kiemtin work`", "", "", "")
        well = False
    parked = Table("hàng việc", "bài hoặc nguồn", "lỗi", title="Việc bị dừng", title_justify="left")
    for one in seen.parked[:20]:
        parked.add_row(NAMES[one.task.kind], one.about, one.task.error or "")
    try:
        index = f"Chỉ mục: {house.engine.count()} bài."
    except SearchError as error:
        index, well = f"Chỉ mục: {error}", False
    return Group(queues, crews, *([parked] if seen.parked else []), index), well


def _span(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    return (
        f"{seconds} giây"
        if seconds < 120
        else f"{seconds // 60} phút"
        if seconds < 7200
        else f"{seconds // 3600} giờ"
    )
