"""Commands that keep an installation: migrate, reindex, source, settings, model train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say
from kiemtin.settings import Settings, load


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(migrate)
    app.command()(reindex)
    app.command(name="settings")(show_settings)
    sources = typer.Typer(help="Nguồn thu thập.", no_args_is_help=True)
    sources.command(name="list")(list_sources)
    sources.command(name="check")(check_sources)
    app.add_typer(sources, name="source")
    models = typer.Typer(help="Mô hình.", no_args_is_help=True)
    models.command(name="train")(train)
    app.add_typer(models, name="model")


def migrate() -> None:
    """Đưa cơ sở dữ liệu về đúng phiên bản này; chạy lại không đổi gì."""
    password = House(load()).prepare()
    say("Cơ sở dữ liệu đã sẵn sàng.")
    if password is not None:
        say(f"Tài khoản quản trị đầu tiên: admin   mật khẩu dùng một lần: {password}")


def reindex() -> None:
    """Dựng lại chỉ mục tìm kiếm từ cơ sở dữ liệu, trong khi tìm kiếm vẫn chạy."""
    from kiemtin import documents

    house = House(load())
    house.require_ready()
    with house.records.read() as session, bar("Lập lại chỉ mục") as move:
        total = documents.count(session)
        house.engine.rebuild(documents.every(session), progress=lambda done: move(done, total))
    say(f"Chỉ mục có {house.engine.count()} bài.")


def show_settings() -> None:
    """Liệt kê mọi thiết lập, giá trị đang dùng và ý nghĩa."""
    settings = load()
    table = Table("biến", "giá trị", "ý nghĩa")
    for name, field in Settings.model_fields.items():
        table.add_row(f"KIEMTIN_{name.upper()}", str(getattr(settings, name)), field.description or "")
    out.print(table)


def list_sources() -> None:
    """Liệt kê các nguồn trong cơ sở dữ liệu."""
    from sqlalchemy import select

    from store.tables import Source

    house = House(load())
    house.require_ready()
    table = Table("tên", "loại", "đường dẫn", "căn cứ", "lần/giây", "bật")
    with house.records.read() as session:
        for source in session.scalars(select(Source).order_by(Source.name)):
            table.add_row(
                source.name,
                source.kind,
                source.url or "–",
                source.legal_basis,
                f"{source.rate:g}",
                "có" if source.enabled else "không",
            )
    if not table.row_count:
        say("Chưa có nguồn nào. Viết sources.yaml (xem docs/operator.md) rồi chạy `kiemtin crawl`.")
        return
    out.print(table)


def check_sources(
    file: Annotated[
        Path | None, typer.Argument(help="Danh sách nguồn; trống là KIEMTIN_SOURCES_FILE.")
    ] = None,
) -> None:
    """Kiểm tra một danh sách nguồn mà không thu thập."""
    from crawlers import sources as source_list

    path = file or load().sources_file
    say(f"{path}: {len(source_list.load(path))} nguồn hợp lệ.")


def train(
    data: Annotated[Path, typer.Argument(help="Thư mục dữ liệu có nhãn (posts_train.jsonl…).")],
    target: Annotated[Path, typer.Argument(help="Thư mục ghi mô hình.")] = Path("models/tfidf"),
) -> None:
    """Huấn luyện mô hình TF-IDF, đo trên dữ liệu chưa thấy, ghi mô hình và thẻ mô tả."""
    from classifier.train import run_training

    with bar("Huấn luyện") as move:
        figures = run_training(data, target, progress=move)
    table = Table("thước đo", "giá trị", title=f"Đã ghi {target}", title_justify="left")
    for name, value in figures.items():
        table.add_row(name, str(value))
    out.print(table)
