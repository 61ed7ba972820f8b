"""The command that chooses how claims are matched with a model: claims calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say
from kiemtin.settings import load

_MEASURES = {
    "recall@1": "đúng tuyên bố đứng đầu",
    "found": "đúng tuyên bố được xét kỹ",
    "suggested": "được gợi ý",
    "confirmed": "được coi là khớp",
    "another confirmed": "khớp nhầm tuyên bố khác",
    "look-alikes confirmed": "khớp nhầm bài chỉ giống",
    "about an unknown claim, confirmed": "khớp nhầm khi chưa có tuyên bố ấy",
    "unrelated, suggested": "gợi ý cho bài chuyện khác",
    "unrelated, confirmed": "khớp nhầm bài chuyện khác",
    "suggest": "ngưỡng gợi ý",
    "confirm": "ngưỡng khớp",
}


def calibrate(
    data: Annotated[
        Path,
        typer.Argument(metavar="THƯ_MỤC", help="Dữ liệu: contrast_*.jsonl, posts_unlabelled.jsonl…"),
    ],
    target: Annotated[
        Path | None, typer.Option("--out", help="Ghi trọng số vào tệp này.", show_default=False)
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Ghi hai ngưỡng vào tệp chính sách này.", show_default=False)
    ] = None,
) -> None:
    """Chọn lại cách cân chứng cứ và hai ngưỡng của việc so khớp tuyên bố, cho mô hình đang dùng.

    Chọn trên các bộ bài tự viết và trên bài về chuyện khác, không dùng các tuyên bố đi kèm. Không có --out và
    --policy thì chỉ in ra.
    """
    from classifier.claims.calibrate import calibrate as choose
    from classifier.claims.limits import revised
    from classifier.claims.written import Written, unrelated

    model = House(load()).model
    files = [*sorted(data.glob("functional_*.jsonl")), *sorted(data.glob("contrast_*.jsonl"))]
    with bar("Đọc và cân") as move:
        chosen = choose(Written.read(files), unrelated(data), model, progress=move)
    for way, said in (("both", "theo nghĩa và theo từ"), ("words", "chỉ theo từ")):
        if way in chosen.told:
            table = Table("thước đo", "giá trị", title=f"{model.name}: {said}", title_justify="left")
            for name, value in chosen.told[way].items():
                table.add_row(_MEASURES.get(name, name), f"{value:g}")
            out.print(table)
    say(f"claim: {{ suggest: {chosen.suggest:g}, confirm: {chosen.confirm:g} }}")
    if target:
        chosen.weights.write(target, **chosen.told)
        say(f"Đã ghi {escape(str(target))}.")
    if policy:
        text = revised(policy.read_text(encoding="utf-8"), chosen.suggest, chosen.confirm)
        policy.write_text(text, encoding="utf-8")
        say(f"Đã ghi {escape(str(policy))}.")
