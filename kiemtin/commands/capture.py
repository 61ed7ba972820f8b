"""The command capture: the page of one flagged post, as a browser shows it, now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kiemtin import log as logs
from kiemtin.house import House
from kiemtin.screen import say, say_error
from kiemtin.settings import load


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command()(capture)


def capture(
    post_id: Annotated[int, typer.Argument(metavar="BÀI", help="Số của bài.")],
    picture: Annotated[
        Path | None, typer.Option(help="Chép ảnh chụp (PNG) ra tệp này.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="Vì sao chép ảnh ra; bắt buộc khi có --picture.")] = "",
) -> None:
    """Mở trang của một bài bị gắn cờ bằng Chromium; lưu ảnh cả trang, HTML đã dựng và mọi phần đã tải.

    Theo robots.txt, không đăng nhập, không bấm gì.
    """
    from kiemtin.work.render import NotRendered, render
    from store import audit
    from store.tables import Capture

    if picture is not None and not reason.strip():
        say_error("Ảnh có thể lộ người đăng: ghi --reason để nói vì sao chép ra. Chưa chụp gì.")
        raise typer.Exit(2)
    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    try:
        rendering = render(house.records, house.archive, house.browser, post_id)
        with house.records.read() as session:
            kept = session.get_one(Capture, rendering.picture_id)
        if picture is not None:
            with house.records.write() as session:
                audit.append(
                    session, audit.SYSTEM, "picture.read", f"post:{post_id}", capture=kept.id,
                    reason=reason.strip(),
                )  # fmt: skip
            picture.write_bytes(house.archive().read(kept.warc, kept.offset).body)
    except (NotRendered, OSError) as error:
        say_error(str(error))
        raise typer.Exit(2) from error
    say(f"Đã chụp trang của bài {post_id}: ảnh ở {kept.warc}, vị trí {kept.offset}, {kept.length} byte.")
