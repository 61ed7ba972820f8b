"""Commands for the keys of the installation: list, rotate, drop."""

from __future__ import annotations

import typer
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say, say_notice
from kiemtin.settings import load


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    found = typer.Typer(help="Khóa niêm phong tên tác giả và tạo bút danh.", no_args_is_help=True)
    found.command(name="list")(list_keys)
    found.command(name="rotate")(rotate)
    found.command(name="drop")(drop)
    app.add_typer(found, name="keys")


def list_keys() -> None:
    """Liệt kê các khóa theo tên (không in khóa), và mỗi khóa còn niêm phong bao nhiêu mục."""
    from store import rotation

    house = _ready()
    table = Table("khóa", "từ", "tên tác giả", "bước hai", "trạng thái")
    for place, one in enumerate(rotation.held(house.records, house.settings.key_path)):
        state = "đang dùng" if place == 0 else "cũ, chỉ để mở" if one.here else "không có trong tệp khóa"
        since = f"{one.since:%Y-%m-%d %H:%M}" if one.since else ""
        table.add_row(
            one.name or "(dạng cũ, không ghi khóa)", since, str(one.handles), str(one.factors),
            state if one.name else "khóa cũ hơn trong tệp",
        )  # fmt: skip
    out.print(table)


def rotate() -> None:
    """Đổi sang một khóa mới trong khi hệ thống chạy; bị ngắt thì chạy lại để đi tiếp.

    Tên tác giả và bước hai được niêm phong lại, bút danh tính lại. Khóa cũ ở lại trong tệp khóa cho tới khi
    `kiemtin keys drop` bỏ nó. Khóa của webhook và khóa ký gói chứng cứ không đổi.
    """
    from store import rotation

    house = _ready()
    path = house.settings.key_path
    _ = house.keys  # made when there is none
    with rotation.alone(path):
        name = rotation.begin(house.records, path)
        say(f"Khóa mới: {name}" if name else "Lần đổi khóa trước chưa xong: đi tiếp.")
        with bar("Niêm phong lại") as move:
            done = rotation.reseal(house.records, house.keys, move)
    say(f"Đã niêm phong lại {done.handles} tên tác giả và {done.factors} bước hai.")
    if done.unopened:
        say_notice(f"{done.unopened} mục không khóa nào trong {path} mở được; để nguyên.")
    say(f"Cất một bản mới của {path} và chép nó sang các máy khác. Sau một giờ: `kiemtin keys drop`.")


def drop() -> None:
    """Bỏ khỏi tệp khóa các khóa cũ không còn niêm phong gì.

    Bản sao lưu làm trước lần đổi khóa chỉ mở được bằng khóa cũ: giữ bản tệp khóa cất cùng chúng.
    """
    from store import rotation

    house = _ready()
    with rotation.alone(house.settings.key_path):
        gone = rotation.drop(house.records, house.settings.key_path)
    say(f"Đã bỏ khóa {', '.join(gone)}." if gone else "Không có khóa cũ nào bỏ được.")


def _ready() -> House:
    house = House(load())
    house.require_ready()
    return house
