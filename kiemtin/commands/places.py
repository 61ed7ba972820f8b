"""Commands about the places that posts name: places fill, places find."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say
from kiemtin.settings import load


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    places = typer.Typer(help="Nơi mà bài nêu tên.", no_args_is_help=True)
    places.command()(fill)
    places.command()(find)
    app.add_typer(places, name="places")


def fill() -> None:
    """Đọc lại nơi mà mọi bài trong cơ sở dữ liệu nêu tên; chạy lại không sao."""
    from kiemtin import place_names

    house = House(load())
    house.require_ready()
    with bar("Đọc nơi bài nêu") as move:
        read, changed = place_names.fill(house.records, move)
    say(f"Đã đọc {read} bài; {changed} bài nêu nơi khác trước, chỉ mục sẽ được cập nhật.")


def find(text: Annotated[str, typer.Argument(metavar="CÂU", help="Một câu, hay cả bài.")]) -> None:
    """Cho thấy các nơi được nêu trong một câu, thuộc tỉnh nào ngày nay, và vì sao được hiểu như vậy."""
    from classifier.places import places_of
    from store.text import normalise

    said = normalise(text)
    found = places_of(said)
    if not found:
        say("Không nêu nơi nào.")
        return
    table = Table("trong câu", "nơi", "tỉnh ngày nay", "tỉnh trước 7/2025", "mã", "vì sao")
    for place in found:
        table.add_row(
            escape(said[place.start : place.end]), place.name, place.province_name, place.former or "",
            place.code, _WHY[place.how],
        )  # fmt: skip
    out.print(table)


_WHY = {
    "name": "tên chỉ có một nghĩa",
    "capitals": "viết hoa",
    "level": "có chữ chỉ cấp đứng trước",
    "place_word": "có chữ chỉ nơi đứng trước",
    "nearby": "theo nơi khác trong bài",
}
