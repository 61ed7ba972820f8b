"""Commands for what leaves the installation: messages sent and given up, and who is told of events."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import out, say
from kiemtin.settings import load
from store.vocabulary import DeliveryState

_STATES = {"waiting": "đang chờ", "sent": "đã gửi", "dead": "bỏ cuộc"}
Url = Annotated[str, typer.Argument(metavar="ĐỊA_CHỈ", help="Địa chỉ https nhận webhook.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    deliveries = typer.Typer(help="Thư và webhook gửi đi.", no_args_is_help=True)
    deliveries.command(name="list")(list_deliveries)
    deliveries.command(name="retry")(retry)
    app.add_typer(deliveries, name="delivery")
    hooks = typer.Typer(help="Nơi được báo sự kiện bằng webhook.", no_args_is_help=True)
    for command, name in ((add, "add"), (list_webhooks, "list"), (remove, "remove"), (secret, "secret")):
        hooks.command(name=name)(command)
    app.add_typer(hooks, name="webhook")


def list_deliveries(
    state: Annotated[DeliveryState | None, typer.Option(help="Chỉ những gì ở trạng thái này.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Nhiều nhất bao nhiêu dòng.")] = 50,
) -> None:
    """Liệt kê thư và webhook, mới nhất trước; --state dead là những gì gửi mãi không được."""
    from store import sending

    with _ready().records.read() as session:
        found = sending.found(session, state, limit)
    table = Table("số", "loại", "tới", "tiêu đề", "trạng thái", "lần thử", "lỗi")
    for one in found:
        table.add_row(
            str(one.id), one.kind, escape(one.recipient), escape(one.subject), _STATES[one.state],
            str(one.attempts), escape(one.error or ""),
        )  # fmt: skip
    out.print(table) if found else say("Không có gì.")


def retry(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[SỐ]…", help="Số của thư; không nêu là mọi thư đã bỏ cuộc."),
    ] = None,
) -> None:
    """Gửi lại những gì đã bỏ cuộc, thử lại từ đầu."""
    from datetime import UTC, datetime

    from store import audit, sending

    with _ready().records.write() as session:
        again = sending.retry(session, audit.SYSTEM, datetime.now(UTC), ids or None)
    say(f"Gửi lại {len(again)} thư.")


def add(
    url: Url,
    event: Annotated[
        list[str] | None, typer.Option(help="Sự kiện được báo, như case.decided; không nêu là mọi sự kiện.")
    ] = None,
) -> None:
    """Báo sự kiện tới một địa chỉ: chỉ số và trạng thái, không bao giờ có lời của bài hay tác giả."""
    from datetime import UTC, datetime

    from store import audit, webhooks

    house = _ready()
    with house.records.write() as session:
        made = webhooks.add(session, url, event or (), audit.SYSTEM, datetime.now(UTC))
    say(f"Báo tới {url}: {', '.join(made.events)}")
    secret(url)


def list_webhooks() -> None:
    """Liệt kê nơi được báo và các sự kiện."""
    from store import webhooks

    with _ready().records.read() as session:
        found = webhooks.every(session)
    for one in found:
        say(f"{escape(one.url)}  {', '.join(one.events)}")
    if not found:
        say("Chưa báo sự kiện tới đâu.")


def remove(url: Url) -> None:
    """Thôi báo sự kiện tới một địa chỉ."""
    from store import audit, webhooks

    with _ready().records.write() as session:
        webhooks.remove(session, url, audit.SYSTEM)
    say(f"Thôi báo tới {url}.")


def secret(url: Url) -> None:
    """In mã bí mật mà nơi nhận dùng để kiểm chữ ký; mỗi địa chỉ một mã, rút từ tệp khóa của hệ thống."""
    from kiemtin.delivery import signature

    say(f"Mã bí mật: {signature.shown(House(load()).keys.webhook(url))}")


def _ready() -> House:
    house = House(load())
    house.require_ready()
    return house
