"""Commands about models: evaluate; the others each in a file of their own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin.commands.labelled import look, policy_of, read
from kiemtin.commands.learning import drift, examples, export_decisions, sample
from kiemtin.commands.thresholds import thresholds
from kiemtin.commands.training import train
from kiemtin.screen import bar, out, say
from kiemtin.settings import load

if TYPE_CHECKING:
    from classifier.evaluate.run import Evaluation

# What a command needs is imported when it runs: `--help` must not wait for the classifier.


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    models = typer.Typer(help="Mô hình: huấn luyện, đo, chọn ngưỡng.", no_args_is_help=True)
    for command in (train, evaluate, thresholds, export_decisions, sample, drift, examples):
        models.command()(command)
    app.add_typer(models, name="model")


def evaluate(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA.jsonl…", help="Dòng {id, text, about, act, harm, …} có nhãn."),
    ],
    model: Annotated[
        Path | None, typer.Option(help="Thư mục mô hình; mặc định KIEMTIN_MODEL.", show_default=False)
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Thư mục mô hình thứ hai để so.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Ghi báo cáo HTML vào tệp này.", show_default=False)
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Ghi mọi con số vào tệp này.", show_default=False)] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Tệp chính sách; mặc định chính sách đang dùng.", show_default=False)
    ] = None,
    labels_note: Annotated[
        str, typer.Option(help="Nhãn từ đâu mà có; mặc định theo tên tệp hay tệp .labels.txt bên cạnh.")
    ] = "",
    together: Annotated[bool, typer.Option("--together", help="Đo mọi tệp như một bộ dữ liệu.")] = False,
    held_out: Annotated[
        bool,
        typer.Option("--held-out", help="Dùng điểm trên phần chưa học mà mô hình giữ từ khi huấn luyện."),
    ] = False,
    disturb: Annotated[
        bool, typer.Option("--disturb/--no-disturb", help="Đo thêm khi bỏ dấu, viết hoa, bỏ dấu câu.")
    ] = True,
    resamples: Annotated[int, typer.Option(min=100, max=100_000, help="Số lần rút lại.")] = 1000,
) -> None:
    """Đo mô hình trên dữ liệu có nhãn: mọi con số kèm khoảng 95 %; so hai mô hình; báo cáo HTML.

    Dòng không đọc được bị từ chối kèm số dòng, các dòng khác vẫn được đo. Chỉ đo trên bài mô hình chưa học;
    với tệp đã dùng để huấn luyện, dùng --held-out.
    """
    from classifier.evaluate import report as pages
    from classifier.evaluate.run import Evaluation, limits_of, measure

    settings = load()
    judged_by, _ = policy_of(policy)
    sets, refused = read(data, labels_note, together=together)
    found = []
    for rows in sets:
        seen = look(model or settings.model, rows, held_out=held_out, disturb=disturb)
        other = look(compare, rows, held_out=held_out) if compare else None
        with bar(f"Đo {rows.name}"[:40]) as move:
            found.append(measure(rows, seen, judged_by, other, resamples, move))
    evaluation = Evaluation(judged_by.version, limits_of(judged_by), resamples, tuple(found), tuple(refused))
    _show(evaluation)
    if report:
        _write(report, pages.render(evaluation, datetime.now().astimezone()))
    if json:
        _write(json, evaluation.to_json())


def _show(evaluation: Evaluation) -> None:
    from classifier.evaluate import numbers

    for one in evaluation.sets:
        title = (
            f"{one.model} trên {one.name}: {numbers.count(one.rows)} bài, {numbers.count(one.harmful)} có hại"
        )
        table = Table(title=escape(title), title_justify="left")
        for column in ("con số", "giá trị", "khoảng 95 %"):
            table.add_column(column, justify="left" if column == "con số" else "right")
        if one.against:
            for column in (one.against, "chênh lệch", "khoảng 95 %", "p"):
                table.add_column(escape(column), justify="right")
        for head in one.headline.values():
            cells = [
                head.label,
                numbers.shown(head.figure.value, in_percent=head.percent),
                numbers.interval(head.figure, in_percent=head.percent),
            ]
            if head.difference:
                cells += [
                    numbers.shown(head.difference.second, in_percent=head.percent),
                    numbers.sign(head.difference.value, head.percent),
                    numbers.interval(head.difference, in_percent=head.percent, signed=True),
                    numbers.p_value(head.difference.p),
                ]
            table.add_row(*cells)
        out.print(table)
        if one.behaviour:
            caught, spared = (
                numbers.with_interval(figure, in_percent=True)
                for figure in (one.behaviour.caught, one.behaviour.spared)
            )
            say(f"Chức năng: bắt được {caught} bài có hại, để yên {spared} bài được bảo vệ.")
        say(one.note)
        if one.fresh is not True:
            learned = (
                "Mô hình đã học trên dữ liệu này" if one.fresh is False else "Không rõ mô hình đã học chưa"
            )
            say(f"{learned}: các số chỉ nói về bài mới khi mô hình chưa học chúng.")


def _write(file: Path, text: str) -> None:
    from models import DataError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"Không ghi được {file}: {error}") from error
    say(f"Đã ghi {file}.")
