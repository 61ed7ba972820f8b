"""What the command line shows: messages, progress bars, and the table of what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

import models
from store.records import Records

if TYPE_CHECKING:
    from crawlers.crawl import Progress

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """Print one line of result."""
    out.print(text, highlight=False, soft_wrap=True)


def show_text(text: str) -> None:
    """Print a text as it is."""
    out.print(text, highlight=False, soft_wrap=True, markup=False, end="" if text.endswith("\n") else "\n")


def say_error(text: str) -> None:
    """Print one error."""
    err.print(f"[bold red]Lỗi:[/] {escape(text)}", highlight=False, soft_wrap=True)


def say_notice(text: str) -> None:
    """Print what somebody should see to, although the program goes on."""
    err.print(f"[bold yellow]Chú ý:[/] {escape(text)}", highlight=False, soft_wrap=True)


@contextmanager
def bar(title: str, *, quiet: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """Show a progress bar and give the function that moves it: `move(done, total)`."""
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with ProgressBar(*columns, console=err, disable=quiet) as progress:
        task = progress.add_task(title, total=None)

        def move(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield move


@contextmanager
def watched(*, quiet: bool = False) -> Iterator[Callable[[Sequence[Progress]], None]]:
    """Show a table of what each source gave until now, and give the function that moves it."""
    if quiet:
        yield lambda progress: None
        return
    latest: Sequence[Progress] = ()

    def move(progress: Sequence[Progress]) -> None:
        nonlocal latest
        latest = progress

    # Drawn four times a second, whatever comes in between; on no terminal, once at the end.
    with Live(get_renderable=lambda: table_of(latest), console=err, refresh_per_second=4):
        yield move


def table_of(progress: Sequence[Progress]) -> Table:
    """Return how far each source is, a row each."""
    table = Table("nguồn", title="Thu thập", title_justify="left")
    for name in ("đến lượt", "đã xong", "bài mới", "như cũ", "bị từ chối", "lỗi"):
        table.add_column(name, justify="right")
    for one in progress:
        numbers = (one.counters["page/asked"], one.done, *_told(one.counters))
        table.add_row(escape(one.source), *(str(number) for number in numbers))
    return table


# Of the pages that were answered, those that came to nothing.
_WRONG = ("page/unreadable", "page/failed", "page/address", "capture/corrupt")


def _told(counters: Mapping[str, int]) -> tuple[int, int, int, int]:
    """Return new posts, pages that are as before, pages refused (to us or by us), and errors."""
    new = counters.get("post/new", 0) + counters.get("post/copy", 0)
    same = counters.get("page/not_modified", 0) + counters.get("capture/unchanged", 0)
    groups = {"robots": 0, "host": 0, "http": 0, "fetch": 0, "source": 0}
    for name, number in counters.items():
        group = name.partition("/")[0]
        if group in groups and name != "fetch/retried":
            groups[group] += number
    refused = groups["robots"] + groups["host"] + counters.get("capture/oversize", 0)
    errors = groups["http"] + groups["fetch"] + groups["source"]
    errors += sum(counters.get(name, 0) for name in _WRONG)
    return new, same, refused, errors


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
