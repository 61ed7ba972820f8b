"""The command that trains a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from kiemtin.screen import err, out, say


def train(
    recipe: Annotated[
        Path, typer.Argument(metavar="CONFIG.yaml", help="Công thức: dữ liệu, bộ mã hóa, cách học.")
    ],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Thư mục dữ liệu (posts_train.jsonl…).")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Thư mục ghi mô hình.")],
    work: Annotated[
        Path | None,
        typer.Option(
            help="Thư mục giữ phần dở; mặc định TARGET.work. Xóa được sau khi xong.", show_default=False
        ),
    ] = None,
) -> None:
    """Huấn luyện mô hình theo công thức, đo trên phần chưa học, ghi mô hình kèm thẻ mô tả.

    Công thức của mô hình kèm theo là models/recipes/reader.yaml. Dừng giữa chừng thì chạy lại đúng lệnh ấy:
    phần đã xong không làm lại. Cần pip install 'kiemtin\\[train]'; có GPU thì dùng.
    """
    try:
        from classifier.training import alone
        from classifier.training.material import Step
        from classifier.training.publish import publish
        from classifier.training.recipe import load
        from classifier.training.run import Run
    except ImportError as error:
        from models import DataError

        raise DataError(
            f"Thiếu thư viện để huấn luyện ({error.name}): pip install 'kiemtin[train]'"
        ) from error

    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(40),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(step: Step) -> None:
            if step.name not in tasks:
                for task in tasks.values():
                    progress.update(task, completed=1)
                tasks[step.name] = progress.add_task(_NAMES.get(step.name, step.name), total=1)
            progress.update(tasks[step.name], completed=step.done)

        given = load(recipe)
        if given.encoder:
            place = work or target.with_name(target.name + ".work")
            figures = publish(Run(given, data, place, tell), target)
        else:
            figures = alone.publish(given, data, target, tell)
        for task in tasks.values():
            progress.update(task, completed=1)
    table = Table("trên bài thật, ngoài phần đã học", "giá trị", "khoảng 95 %", title_justify="left")
    table.title = f"{figures['name']}: {figures['posts']['rows']} bài, {figures['posts']['harmful']} có hại"
    for key, name in _FIGURES.items():
        figure = figures["posts"][key]
        table.add_row(name, f"{figure['value']:.3f}", f"{figure['low']:.3f} – {figure['high']:.3f}")
    out.print(table)
    say(f"Đã ghi {target}: thẻ mô tả là CARD.md. Chọn ngưỡng bằng kiemtin model thresholds --model {target}.")


_NAMES = {"meanings": "nghĩa gốc", "warm": "học chung", "linear": "mô hình từ", "again": "học lại hết"}
_FIGURES = {
    "roc_auc": "ROC-AUC, có hại",
    "average_precision": "độ chính xác trung bình, có hại",
    "recall_at_1pct_protected_flags": "tìm được khi đánh dấu 1 % phát ngôn được bảo vệ",
    "calibration_error": "sai lệch hiệu chỉnh, có hại",
    "act_macro_f1": "macro F1, loại phát ngôn",
    "about_roc_auc": "ROC-AUC, về COVID-19",
}
