"""Commands that look at policies, try one on what was recorded, and switch to it: policy."""

from __future__ import annotations

import getpass
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

import models
from kiemtin.house import House
from kiemtin.policy_screen import grouped, show_differences, show_report
from kiemtin.screen import bar, out, say, show_text
from kiemtin.settings import SettingsError, load

if TYPE_CHECKING:
    from classifier.backtest_report import Report
    from classifier.policy import Policy
    from store.policy_tables import PolicySwitch

# What a policy needs is imported when a command runs: `--help` must not wait for it.

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
File = Annotated[Path, typer.Argument(metavar="TỆP", help="Một tệp chính sách (YAML).")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    policies = typer.Typer(help="Chính sách: ngưỡng, phát ngôn được bảo vệ, ưu tiên.", no_args_is_help=True)
    for name, command in (
        ("show", show), ("check", check), ("history", history), ("backtest", backtest), ("switch", switch),
    ):  # fmt: skip
        policies.command(name=name)(command)
    app.add_typer(policies, name="policy")


def show(
    version: Annotated[
        str | None, typer.Argument(metavar="PHIÊN_BẢN", help="Một phiên bản đã dùng.", show_default=False)
    ] = None,
) -> None:
    """In nguyên văn chính sách đang dùng, hay một chính sách đã từng dùng."""
    from store import policies

    house = _ready()
    with house.records.read() as session:
        row = _in_force(house) if version is None else policies.of_versions(session, [version]).get(version)
    if row is None:
        raise policies.PolicyError(f"Chưa từng dùng phiên bản {version}; xem `kiemtin policy history`.")
    show_text(row.text)


def check(file: File) -> None:
    """Kiểm tra một tệp chính sách, nêu từng chỗ sai; cho thấy nó khác chính sách đang dùng ở đâu."""
    policy, _ = _read(file)
    say(escape(f"{file}: đúng, phiên bản {policy.version}."))
    house = House(load())
    if (row := recorded(house)) is not None:
        show_differences(row, policy)


def history() -> None:
    """Liệt kê các lần chuyển chính sách: khi nào, ai, vì sao, mã băm."""
    from api.views import names
    from store import policies

    house = _ready()
    with house.records.read() as session:
        rows = policies.history(session)
        people = names(session, {row.actor for row in rows})
    table = Table("phiên bản", "từ", "ai", "lý do", "SHA-256", title="Chính sách", title_justify="left")
    for i, row in enumerate(rows):
        name = f"[bold]{escape(row.version)}[/] (đang dùng)" if i == 0 else escape(row.version)
        by = people.get(row.actor, "hệ thống")
        table.add_row(name, _local(row.at), escape(by), escape(row.reason), row.sha256)
    out.print(table)


def backtest(
    file: File,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Chỉ các cụm mở từ ngày này.", show_default=False),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Ghi báo cáo vào tệp JSON.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Không vẽ thanh tiến độ.")] = False,
) -> None:
    """Thử một chính sách trên mọi bài đã chấm và mọi quyết định đã ghi; không đổi gì.

    Cho thấy ca nào đổi làn hay đổi cờ, tỷ lệ gắn cờ nhầm phát ngôn được bảo vệ và tỷ lệ tìm thấy bài có hại
    trước và sau (khoảng tin cậy 95 %), số ca mỗi tuần. Không chạy lại mô hình: điểm là điểm đã ghi.
    """
    from classifier import backtest as trial
    from classifier.in_force import InForce
    from store import recorded

    policy, _ = _read(file)
    house = _ready()
    active = _in_force(house)
    before = InForce().of(active)
    wanted = recorded.Range(since=since.replace(tzinfo=_VIETNAM) if since else None)
    with house.records.read() as session, bar("Thử chính sách", quiet=quiet) as move:
        total = recorded.count(session, wanted)
        report = trial.backtest(
            recorded.stream(session, wanted), before, policy, lambda done: move(done, max(done, total))
        )
    if json_file is not None:
        _write(json_file, report)
    show_differences(active, policy)
    show_report(report)


def switch(
    file: File,
    reason: Annotated[str, typer.Option(help="Vì sao chuyển; được ghi vào nhật ký kiểm toán.")],
    yes: Annotated[bool, typer.Option("--yes", help="Không hỏi lại.")] = False,
) -> None:
    """Chuyển sang một chính sách khác: một quyết định được ghi lại, có lý do, có mã băm của hai bản.

    Tiến trình và máy chủ đang chạy dùng chính sách mới ngay, không cần khởi động lại. Bài chưa ai quyết định
    được xét lại từ điểm đã ghi, như việc thường trong hàng chấm; ca đã quyết định giữ nguyên.
    """
    from store import audit, policies

    policy, said = _read(file)
    house = _ready()
    active = _in_force(house)
    show_differences(active, policy)
    if not yes:
        if not sys.stdin.isatty():
            raise SettingsError("Không có ai để hỏi lại: xem các chỗ khác ở trên, rồi thêm --yes.")
        if not typer.confirm(f"Chuyển từ {active.version} sang {policy.version}?"):
            raise typer.Exit(1)
    with house.records.write() as session:
        made = policies.switch(
            session, policy.version, said, actor=audit.SYSTEM, reason=reason, at=datetime.now(UTC),
            seen=active.sha256, account=_account(),
        )  # fmt: skip
    say(f"Đang dùng chính sách {made.row.version} ({made.row.sha256}). {grouped(made.owed)} bài chờ xét lại.")


def _ready() -> House:
    house = House(load())
    house.require_ready()
    return house


def _read(file: Path) -> tuple[Policy, str]:
    from classifier.policy import parse, read

    said = read(file)
    return parse(said, str(file)), said


def _in_force(house: House) -> PolicySwitch:
    row = recorded(house)
    if row is None:
        raise models.DataError("Chưa có chính sách nào được ghi lại: chạy `kiemtin migrate`.")
    return row


def recorded(house: House) -> PolicySwitch | None:
    """Return the policy in force, or None where there are no records yet."""
    from store import policies
    from store.records import RecordsError

    if not house.settings.database_url and not (house.settings.data_dir / "kiemtin.db").exists():
        return None
    try:
        house.require_ready()
    except RecordsError:
        return None
    with house.records.read() as session:
        return policies.active(session)


def _account() -> str:
    """Return the account of this machine that the command was given from."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _write(file: Path, report: Report) -> None:
    try:
        file.write_text(json.dumps(report.to_dict(), ensure_ascii=False, indent=1, default=str) + "\n")
    except OSError as error:
        raise models.DataError(f"Không ghi được {file}: {error}") from error


def _local(at: datetime) -> str:
    return at.astimezone(_VIETNAM).strftime("%d/%m/%Y %H:%M")
