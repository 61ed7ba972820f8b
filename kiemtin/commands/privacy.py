"""Commands about personal data: privacy purge, report and impact."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from kiemtin import log as logs
from kiemtin.house import House
from kiemtin.screen import out, say, say_error, say_notice
from kiemtin.settings import load

if TYPE_CHECKING:
    from reports.impact import Installation
    from store.retention_tables import Purge


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    privacy = typer.Typer(help="Dữ liệu cá nhân: thời hạn lưu, xóa, hồ sơ tác động.", no_args_is_help=True)
    privacy.command()(purge)
    privacy.command()(report)
    privacy.command()(impact)
    app.add_typer(privacy, name="privacy")


def purge(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Chỉ nói sẽ xóa bao nhiêu, không xóa gì.")
    ] = False,
) -> None:
    """Xóa ngay những gì hết hạn lưu khỏi bản ghi, chỉ mục và tệp WARC, rồi kiểm lại.

    Tiến trình `kiemtin work` tự làm việc này mỗi đêm. Mã thoát 1 khi kiểm lại còn thấy gì.
    """
    from kiemtin.work.index import Indexing
    from kiemtin.work.station import Resting
    from search.engine import SearchError

    house = _house()
    retention = house.retention()
    if dry_run:
        for what, number in retention.would().items():
            say(f"{_WHAT.get(what, what)}: {number}")
        return
    done = retention.purge()
    for what, number in done.counts.items():
        if what != "waiting":
            say(f"{_WHAT.get(what, what)}: {number}")
    for warc, why in done.counts["waiting"].items():
        say_notice(f"{warc}: chưa cắt được, {why}.")
    try:
        station = Indexing(house.records, house.engine)
        while station.once():
            pass
        looked = retention.verify()
    except (SearchError, Resting) as error:
        say_notice(f"Chỉ mục chưa trả lời nên chưa kiểm lại được: {error}")
        return
    _tell(looked)


def _tell(looked: list[Purge]) -> None:
    left = [one for one in looked if one.verified_at is None]
    for one in left:
        said = ", ".join(f"{place} {number}" for place, number in one.left.items()) or "chỉ mục còn nợ"
        say_error(f"Lượt xóa {one.at:%Y-%m-%d %H:%M} UTC: kiểm lại còn thấy {said}.")
    if left:
        raise typer.Exit(1)
    say("Đã kiểm lại: không còn gì trong bản ghi, chỉ mục và tệp WARC.")


def report(
    as_json: Annotated[bool, typer.Option("--json", help="In ra JSON.")] = False,
) -> None:
    """Nói đang giữ gì, bao nhiêu, bao lâu, vì sao."""
    from reports.impact import WHY
    from store.holdings import holdings

    house = _house()
    with house.records.read() as session:
        held = holdings(session, house.settings.terms, datetime.now(UTC))
    if as_json:
        out.print_json(json.dumps(held.to_dict(), ensure_ascii=False))
        return
    table = Table("vì sao giữ", "ngày", "bài", "ca", "cũ nhất", title=f"Đang giữ {held.posts} bài")
    for line in held.lines:
        oldest = line.oldest.date().isoformat() if line.oldest else ""
        table.add_row(
            WHY.get(line.why, line.why),
            str(line.days or "không hạn"),
            str(line.posts),
            str(line.cases),
            oldest,
        )
    out.print(table)
    say(f"Hết hạn, lượt tới sẽ xóa: {sum(held.due.values())} bài. Đã xóa: {held.purged} bài.")
    say(f"Bản chụp trong tệp WARC: {held.captures}, {held.archive_bytes} byte.")
    for hold in held.holds:
        what = f"ca {hold['case']}" if hold["case"] else f"bài {hold['post']}"
        say(f"Giữ lại {what} từ {hold['at'][:10]}: {hold['reason']}")
    if held.unverified:
        say_notice(f"{held.unverified} lượt xóa chưa kiểm lại xong: chạy kiemtin privacy purge.")


def impact(
    target: Annotated[Path, typer.Option("--out", metavar="TỆP", help="Ghi vào tệp này, .docx hoặc .md.")],
) -> None:
    """Ghi dự thảo hồ sơ đánh giá tác động xử lý dữ liệu cá nhân, điền từ thiết lập.

    Chỗ ghi [LUẬT SƯ XEM] và [CƠ QUAN ĐIỀN] là việc của người.
    """
    from reports import docx_paper, impact, markdown
    from reports.periods import VIETNAM
    from store.holdings import holdings

    if target.suffix not in {".docx", ".md"}:
        say_error(f"{target}: chỉ ghi được .docx hoặc .md.")
        raise typer.Exit(2)
    house, at = _house(), datetime.now(UTC)
    with house.records.read() as session:
        held = holdings(session, house.settings.terms, at)
    made = impact.document(_installation(house), held, at)
    if target.suffix == ".md":
        target.write_text(markdown.markdown(made), encoding="utf-8")
    else:
        day = at.astimezone(VIETNAM).date()
        target.write_bytes(docx_paper.docx(made, house.settings.telling.letterhead, day))
    say(f"Đã ghi {target}. Tìm [LUẬT SƯ XEM] và [CƠ QUAN ĐIỀN] để làm tiếp.")


def _installation(house: House) -> Installation:
    from sqlalchemy import func, make_url, select

    from reports.impact import Installation
    from store.delivery_tables import Webhook
    from store.tables import Source

    settings = house.settings
    with house.records.read() as session:
        rows = session.execute(
            select(Source.name, Source.kind, Source.legal_basis).order_by(Source.name)
        ).all()
        webhooks = session.scalar(select(func.count(Webhook.id))) or 0
    engine = "tantivy trên máy chủ" if settings.engine_url.startswith("tantivy:") else "Elasticsearch"
    return Installation(
        head=settings.telling.letterhead,
        terms=settings.terms,
        contact=settings.contact,
        database=make_url(settings.records_url).render_as_string(hide_password=True),
        search=engine,
        archive=settings.archive_url,
        second_factor=sorted(settings.second_factor_roles.split(",")) if settings.second_factor_roles else (),
        webhooks=webhooks,
        mail=bool(settings.smtp_host),
        sources=[(row.name, row.kind, row.legal_basis) for row in rows],
    )


_WHAT = {
    "unflagged": "Bài chưa bao giờ bị gắn cờ",
    "dismissed": "Bài của ca bác bỏ hoặc được bảo vệ",
    "evidence": "Bài là chứng cứ hết hạn",
    "cases": "Ca",
    "rejected_rows": "Dòng nhập bị từ chối",
    "captures": "Bản chụp cắt khỏi WARC",
    "files": "Tệp WARC viết lại hoặc bỏ",
    "bytes": "Byte thu lại",
    "bundles": "Tệp gói chứng cứ bỏ đi",
}


def _house() -> House:
    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    return house
