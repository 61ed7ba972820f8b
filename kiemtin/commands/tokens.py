"""Commands for the access tokens of programs: make, list, revoke."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import out, say
from kiemtin.settings import load

Login = Annotated[str, typer.Argument(help="Tên đăng nhập của người đứng tên mã.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    found = typer.Typer(help="Mã truy cập API của chương trình.", no_args_is_help=True)
    found.command(name="add")(add)
    found.command(name="list")(list_tokens)
    found.command(name="revoke")(revoke)
    app.add_typer(found, name="token")


def add(
    login: Login,
    name: Annotated[str, typer.Option(help="Mã để làm gì.")],
    scope: Annotated[list[str] | None, typer.Option(help="Quyền: read (mặc định), audit, claims.")] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Dùng được bao nhiêu ngày.")] = 90,
) -> None:
    """Tạo mã cho một người; mã in ra một lần. Mã không bao giờ quyết định hay xuất được gì."""
    from api import accounts, tokens
    from api.scopes import Scope

    unknown = [one for one in scope or () if one not in set(Scope)]
    if unknown:
        raise typer.BadParameter(f"không có quyền {unknown[0]}; có: {', '.join(Scope)}")
    wanted = [Scope(one) for one in scope or ("read",)]
    with _ready().records.write() as session:
        person = accounts.person_of(session, login)
        made, token = tokens.create(session, person, name, wanted, days, datetime.now(UTC))
    say(f"Mã {made.id} của {login}: {token}")


def list_tokens(login: Annotated[str | None, typer.Argument(help="Chỉ của một người.")] = None) -> None:
    """Liệt kê mã của mọi người hoặc một người; không in mã."""
    from api import tokens

    with _ready().records.read() as session:
        found = tokens.every(session, login)
    if not found:
        say("Chưa có mã nào.")
        return
    table = Table("số", "người", "để làm gì", "quyền", "hết hạn", "dùng lần cuối", "hủy")
    for one in found:
        table.add_row(
            str(one.id), one.user.login, escape(one.name), ", ".join(one.scopes),
            f"{one.expires_at:%Y-%m-%d}", f"{one.used_at:%Y-%m-%d %H:%M}" if one.used_at else "",
            "đã hủy" if one.revoked_at else "",
        )  # fmt: skip
    out.print(table)


def revoke(token: Annotated[int, typer.Argument(metavar="SỐ", help="Số của mã.")]) -> None:
    """Hủy một mã của bất kỳ ai, ngay lập tức."""
    from api import tokens
    from store import audit

    with _ready().records.write() as session:
        tokens.end(session, tokens.by_id(session, token), audit.SYSTEM, datetime.now(UTC))
    say(f"Đã hủy mã {token}.")


def _ready() -> House:
    house = House(load())
    house.require_ready()
    return house
