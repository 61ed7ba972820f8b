"""Commands that keep an installation: migrate, settings."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say, say_notice, show_text
from kiemtin.settings import Settings, load

# A password that stands in an address.
_PASSWORD = re.compile(r"(://[^/@,\s]*:)[^/@,]*@")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(migrate)
    app.command(name="settings")(show_settings)
    app.command()(doctor)


def migrate(
    source: Annotated[
        str, typer.Option("--from", metavar="URL", help="Chuyển từ cơ sở dữ liệu này…", show_default=False)
    ] = "",
    target: Annotated[
        str, typer.Option("--to", metavar="URL", help="…sang cơ sở dữ liệu trống này.", show_default=False)
    ] = "",
) -> None:
    """Đưa cơ sở dữ liệu về đúng phiên bản này; chạy lại không đổi gì.

    Với --from và --to: chuyển mọi dòng sang một cơ sở dữ liệu khác (sqlite:///TỆP, postgresql://…), đọc lại
    để so, đi hết chuỗi kiểm toán ở cả hai bên. Dừng dịch vụ trước; sau đó đặt KIEMTIN_DATABASE_URL rồi chạy
    `kiemtin reindex`.
    """
    if source or target:
        _transfer(source, target)
        return
    from kiemtin import given_policy

    house = House(load())
    password = house.prepare()
    say("Cơ sở dữ liệu đã sẵn sàng.")
    if differs := given_policy.differs(house.records, house.settings.policy_file):
        say_notice(differs)
    if password is not None:
        say(f"Tài khoản quản trị đầu tiên: admin   mật khẩu dùng một lần: {password}")


def _transfer(source: str, target: str) -> None:
    from store import audit
    from store.records import Records
    from store.transfer import TransferError, transfer

    if not (source and target) or source == target:
        raise TransferError("Cần cả --from và --to, là hai cơ sở dữ liệu khác nhau.")
    ours, theirs = Records(source), Records(target)
    ours.check()
    theirs.check()
    with bar("Chuyển cơ sở dữ liệu") as move:
        moved = transfer(ours, theirs, move, alone=True)
    with theirs.write() as session:
        audit.append(
            session, audit.SYSTEM, "records.transferred", "records", head=moved.head, events=moved.events
        )
    table = Table("bảng", "số dòng", title="Đã chuyển và so lại", title_justify="left")
    for name, number in moved.counts.items():
        table.add_row(name, f"{number:,}".replace(",", "."))
    out.print(table)
    say("Chuỗi kiểm toán khớp ở cả hai bên. Đặt KIEMTIN_DATABASE_URL rồi chạy `kiemtin reindex`.")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="In JSON: part, state, said, fix.")] = False,
    search: Annotated[
        bool, typer.Option("--search/--no-search", help="So cả chỉ mục với cơ sở dữ liệu (không sửa).")
    ] = True,
) -> None:
    """Khám cả hệ thống, không đổi gì, và nói cách sửa từng chỗ.

    Mã thoát 0 khi tốt, 1 khi có gì nên xem, 2 khi có chỗ hỏng.
    """
    from kiemtin.checkup import State, examine

    found = examine(search)
    if as_json:
        show_text(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1))
    else:
        marks = {State.OK: "[green]tốt[/]", State.WARNING: "[yellow]nên xem[/]", State.FAULT: "[red]hỏng[/]"}
        table = Table("phần", "", "thấy", "cách sửa", title="Khám hệ thống", title_justify="left")
        for one in found:
            table.add_row(one.part, marks[one.state], escape(one.said), escape(one.fix))
        out.print(table)
    states = {one.state for one in found}
    raise typer.Exit(2 if State.FAULT in states else 1 if State.WARNING in states else 0)


def show_settings() -> None:
    """Liệt kê mọi thiết lập, giá trị đang dùng và ý nghĩa."""
    settings = load()
    table = Table("biến", "giá trị", "ý nghĩa")
    for name, field in Settings.model_fields.items():
        shown = _PASSWORD.sub(r"\1***@", str(getattr(settings, name)))
        table.add_row(f"KIEMTIN_{name.upper()}", shown, field.description or "")
    out.print(table)
