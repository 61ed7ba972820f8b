"""Commands that keep an installation safe: backup, restore."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say, say_error
from kiemtin.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from store.backup import Manifest

_KEY = "kiemtin.key"
_SOURCES = "sources.yaml"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(backup)
    app.command()(restore)


def backup(
    folder: Annotated[Path, typer.Argument(help="Thư mục chứa các bản sao lưu; mỗi lần thêm một bản.")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Chép cả tệp khóa. Ai có bản ấy mở được tên tác giả.")
    ] = False,
) -> None:
    """Sao lưu cả hệ thống trong khi nó chạy, rồi đọc lại để chắc.

    Bản sao lưu gồm cơ sở dữ liệu (một tệp SQLite, dù hệ thống chạy trên gì), các tệp WARC và sources.yaml;
    tệp WARC mà bản trước đã có thì nối cứng, không chép lại. Chỉ mục tìm kiếm dựng lại từ cơ sở dữ liệu.
    Tệp khóa để riêng, trừ khi có --with-key: không có khóa thì không mở được tên tác giả đã niêm phong.
    """
    from store import audit, rotation
    from store import backup as backups

    settings = load()
    house = House(settings)
    house.require_ready()
    files = {_SOURCES: settings.sources_file} if settings.sources_file.exists() else {}
    if with_key:
        files[_KEY] = settings.key_path
    folder.mkdir(parents=True, exist_ok=True)
    # The key that opens a row must be in the same copy: no change of keys in between.
    held = rotation.alone(settings.key_path) if with_key else nullcontext()
    with held, bar("Sao lưu và đọc lại") as move:
        place, manifest = backups.make(house.records, house.archive(), folder, files, move)
    with house.records.write() as session:
        audit.append(
            session, audit.SYSTEM, "backup.made", f"backup:{place.name}", head=manifest.head,
            events=manifest.events, key=with_key,
        )  # fmt: skip
    _show(place, manifest)
    if not with_key:
        say(f"Tệp khóa {settings.key_path} không nằm trong bản này: giữ một bản của nó ở nơi khác.")
    for warc in manifest.elsewhere:
        say(f"{warc}: máy khác đang ghi; bản này chưa có tệp ấy, kho ở xa sẽ có khi nó đóng.")


def restore(
    copy: Annotated[Path, typer.Argument(help="Một bản sao lưu: thư mục kiemtin-…Z.")],
    check: Annotated[bool, typer.Option("--check", help="Chỉ đọc lại và kiểm tra, không khôi phục.")] = False,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Tạo khóa mới; tên tác giả đã niêm phong mất hẳn.")
    ] = False,
) -> None:
    """Khôi phục một bản sao lưu vào một hệ thống còn trống (SQLite hoặc PostgreSQL), rồi dựng lại chỉ mục.

    Kiểm tra mọi tệp trước khi ghi gì; bị ngắt thì chạy lại như cũ. Không ghi đè dữ liệu có sẵn.
    """
    from store import audit
    from store import backup as backups

    if check:
        with bar("Đọc lại") as move:
            _show(copy, backups.check(copy, move))
        return
    settings = load()
    house = House(settings)
    if not (new_key or settings.key_path.exists() or (copy / _KEY).exists()):
        raise SettingsError(
            f"Bản sao lưu không có tệp khóa. Đặt tệp khóa đã cất riêng vào {settings.key_path} rồi chạy lại;"
            " nếu nó đã mất, --new-key tạo khóa mới và bỏ các tên tác giả đã niêm phong."
        )
    files = {_KEY: settings.key_path, _SOURCES: settings.sources_file}
    with bar("Khôi phục") as move:
        manifest = backups.restore(copy, house.records, settings.archive_path, files, move)
    house.prepare()
    with house.records.write() as session:
        audit.append(
            session, audit.SYSTEM, "backup.restored", f"backup:{copy.name}", head=manifest.head,
            events=manifest.events,
        )  # fmt: skip
    _show(copy, manifest)
    _try_key(house, settings)
    _reindex(house)


def _try_key(house: House, settings: Settings) -> None:
    from sqlalchemy import select

    from store.tables import Post

    with house.records.read() as session:
        sealed = session.scalar(select(Post.author_sealed).where(Post.author_sealed.is_not(None)).limit(1))
    if sealed is not None and not house.keys.fits(sealed):
        say_error(
            f"Khóa {settings.key_path} không phải khóa đã niêm phong tên tác giả trong dữ liệu này:"
            " thay bằng đúng tệp khóa trước khi chạy dịch vụ."
        )


def _reindex(house: House) -> None:
    from kiemtin.documents import Changes, every
    from search.engine import SearchError

    try:
        with bar("Dựng lại chỉ mục") as move:
            house.engine.rebuild(
                lambda: every(house.records), Changes(house.records), lambda done: move(done, None)
            )
    except SearchError as error:
        say(f"Dữ liệu đã khôi phục; chỉ mục thì chưa: {error} Chạy `kiemtin reindex` khi nó trả lời.")
        return
    say("Đã khôi phục. Chạy `kiemtin run` (hoặc serve, work).")


def _show(place: Path, manifest: Manifest) -> None:
    table = Table("bảng", "số dòng", title=f"{place}: nguyên vẹn", title_justify="left")
    for name, number in manifest.counts.items():
        if number:
            table.add_row(name, f"{number:,}".replace(",", "."))
    out.print(table)
    say(f"Chuỗi kiểm toán: {manifest.events} sự kiện, đầu chuỗi {manifest.head}")
    if manifest.remote:
        say(f"{len(manifest.remote)} tệp WARC nằm ở kho ở xa, không chép: kho ấy cần được sao lưu riêng.")
