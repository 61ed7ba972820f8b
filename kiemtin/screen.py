"""What the command line shows: messages, progress bars, and the table of what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import models
from store.records import Records

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """Print one line of result."""
    out.print(text, highlight=False, soft_wrap=True)


def say_error(text: str) -> None:
    """Print one error."""
    err.print(f"[bold red]Lỗi:[/] {text}", highlight=False, soft_wrap=True)


@contextmanager
def bar(title: str, *, quiet: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """Show a progress bar and give the function that moves it: `move(done, total)`."""
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as progress:
        task = progress.add_task(title, total=None)

        def move(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield move


def show_counters(title: str, counters: Mapping[str, int]) -> None:
    """Print named counters as a table."""
    table = Table(title=title, title_justify="left")
    table.add_column("bộ đếm")
    table.add_column("số", justify="right")
    for name, number in sorted(counters.items()):
        table.add_row(name, f"{number:,}".replace(",", "."))
    out.print(table)


def show_found(records: Records) -> None:
    """Print what the records hold: captures, posts, copies, flagged by harm, protected, cases."""
    table = Table(title="Đã tìm thấy", title_justify="left")
    table.add_column("mục")
    table.add_column("số", justify="right")
    for name, number in found(records).items():
        table.add_row(name, f"{number:,}".replace(",", "."))
    out.print(table)


def found(records: Records) -> dict[str, int]:
    """Return what the records hold, by the name shown."""
    from sqlalchemy import func, select

    from store.tables import Assessment, Capture, Case, Post

    labels = models.labels()
    with records.read() as session:
        posts = session.scalar(select(func.count()).select_from(Post)) or 0
        clusters = session.scalar(select(func.count(Post.cluster_id.distinct()))) or 0
        captures = session.scalar(select(func.count()).select_from(Capture)) or 0
        cases = session.scalar(select(func.count()).select_from(Case)) or 0
        current = session.execute(
            select(Assessment.flagged, Assessment.protected, Assessment.uncertain, Assessment.detail).join(
                Post, Post.assessment_id == Assessment.id
            )
        ).all()
    result = {
        "bản chụp đã lưu": captures,
        "bài": posts,
        "bản sao của bài khác": posts - clusters,
        "gắn cờ": sum(row.flagged for row in current),
    }
    for harm in labels.harms:
        number = sum(1 for row in current if row.flagged and harm in row.detail.get("found", ()))
        if number:
            result[f"  · {labels.name(harm)}"] = number
    result["chưa chắc"] = sum(row.uncertain for row in current)
    result["phát ngôn được bảo vệ"] = sum(row.protected for row in current)
    result["ca trong hàng đợi"] = cases
    return result
