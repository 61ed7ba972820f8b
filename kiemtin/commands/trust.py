"""Commands for those who answer for the installation: audit, user."""

from __future__ import annotations

from typing import Annotated

import typer

from kiemtin.house import House
from kiemtin.screen import say, say_error
from kiemtin.settings import load
from store.vocabulary import Role


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    audits = typer.Typer(help="Nhật ký kiểm toán.", no_args_is_help=True)
    audits.command(name="verify")(verify)
    app.add_typer(audits, name="audit")
    users = typer.Typer(help="Người dùng.", no_args_is_help=True)
    users.command(name="add")(add)
    users.command(name="reset")(reset)
    users.command(name="list")(list_users)
    app.add_typer(users, name="user")


def verify(
    expect_head: Annotated[
        str | None,
        typer.Option(
            help="Mã băm đầu chuỗi đã ghi ở nơi khác; cho biết phần cuối có bị cắt không.", show_default=False
        ),
    ] = None,
) -> None:
    """Đi hết chuỗi nhật ký; nêu dòng hỏng đầu tiên. Mã thoát 1 khi hỏng."""
    from store import audit

    house = House(load())
    house.require_ready()
    with house.records.read() as session:
        verdict = audit.verify(session, expect_head)
    if not verdict.ok:
        where = f"dòng {verdict.broken}: " if verdict.broken is not None else ""
        say_error(f"Nhật ký hỏng, {where}{verdict.reason}. {verdict.count} sự kiện trước đó còn nguyên.")
        raise typer.Exit(1)
    say(f"Nguyên vẹn: {verdict.count} sự kiện, đầu chuỗi {verdict.head}")


def add(
    login: Annotated[str, typer.Argument(help="Tên đăng nhập.")],
    name: Annotated[str, typer.Option(help="Họ tên hiển thị.")] = "",
    role: Annotated[Role, typer.Option(help="Vai trò.")] = Role.REVIEWER,
) -> None:
    """Thêm một người; in mật khẩu dùng một lần."""
    from api import accounts
    from store import audit

    house = House(load())
    house.require_ready()
    with house.records.write() as session:
        password = accounts.invite(session, login, name or login, role, audit.SYSTEM)
    say(f"Đã thêm {login} ({role}). Mật khẩu dùng một lần: {password}")


def reset(
    login: Annotated[str, typer.Argument(help="Tên đăng nhập.")],
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Gỡ luôn xác thực hai bước, khi người này mất ứng dụng.")
    ] = False,
) -> None:
    """Đặt lại mật khẩu của một người; in mật khẩu dùng một lần."""
    from api import accounts
    from api import second_factor as factors
    from store import audit

    house = House(load())
    house.require_ready()
    with house.records.write() as session:
        password = accounts.reset(session, login, audit.SYSTEM)
        if second_factor:
            factors.remove(session, accounts.get(session, login).id, audit.SYSTEM)
    say(f"Mật khẩu dùng một lần của {login}: {password}")


def list_users() -> None:
    """Liệt kê người dùng và vai trò."""
    from sqlalchemy import select

    from store.tables import User

    house = House(load())
    house.require_ready()
    with house.records.read() as session:
        for user in session.scalars(select(User).order_by(User.login)):
            state = "đang dùng" if user.active else "đã khóa"
            say(f"{user.login:<20} {user.role:<10} {state:<10} {user.name}")
