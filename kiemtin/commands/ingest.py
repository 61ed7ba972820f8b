"""Commands that bring posts in or score files: import, score."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kiemtin import log as logs
from kiemtin.house import House
from kiemtin.screen import bar, out, say, show_counters
from kiemtin.settings import load
from store.vocabulary import PostKind, SourceKind

if TYPE_CHECKING:
    from crawlers.imports import pages
    from crawlers.imports import run as imports
    from crawlers.imports.job import Outcome, Progress
    from store.ingest import Incoming

# The fields that a column can be mapped to; a test holds them to those of `crawlers.imports.mapping`.
FIELDS = ("text", "id", "url", "title", "published", "author")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command(name="import")(import_file)
    app.command()(score)


def import_file(
    file: Annotated[Path, typer.Argument(help="Tệp .jsonl, .csv, .tsv, .xlsx, hoặc .warc, .warc.gz.")],
    source: Annotated[
        str, typer.Option(help="Tên nguồn của các bài; trống là tên tệp.", show_default=False)
    ] = "",
    legal_basis: Annotated[str, typer.Option(help="Căn cứ để giữ và xử lý các bài này.")] = "Đơn vị tự nhập",
    kind: Annotated[
        PostKind | None,
        typer.Option(help="Loại bài; trống là social. Trang trong WARC tự cho biết.", show_default=False),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="TRƯỜNG=CỘT", help=f"Cột của một trường ({', '.join(FIELDS)}); '-' là bỏ."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Đọc thử cả tệp, không ghi gì.")] = False,
    errors: Annotated[
        Path | None,
        typer.Option(help="Nơi ghi các dòng bị từ chối; trống là thư mục dữ liệu.", show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Không vẽ thanh tiến độ.")] = False,
) -> None:
    """Nhập bài, phản ánh đường dây nóng, hoặc trang web lưu trong WARC từ tệp.

    Bị ngắt thì chạy lại: nhập tiếp từ chỗ dừng.
    """
    from crawlers.imports import job
    from crawlers.imports.warc import is_warc

    settings = load()
    logs.configure(settings)
    if is_warc(file):
        look, bring, row = _pages(file, source, legal_basis, kind, column)
    else:
        look, bring, row = _rows(file, source, legal_basis, kind or PostKind.SOCIAL, column)
    if dry_run:
        look()
        return
    house = House(settings)
    house.prepare()
    with bar(f"Nhập {file.name}", quiet=quiet) as move:
        outcome = bring(house, move)
    if outcome.done_before:
        say(f"{file.name} đã nhập xong trước đây (lượt {outcome.run_id}); không có gì để làm.")
    elif outcome.resumed_at:
        say(f"Nhập tiếp từ sau {row} {outcome.resumed_at}.")
    show_counters(f"Lượt {outcome.run_id}", outcome.counters)
    for tail in outcome.torn:
        say(f"Tệp {tail.warc}: đã cắt {tail.length} byte ghi dở của lần chạy bị ngắt.")
    if outcome.rejected:
        path = errors or settings.data_dir / "imports" / f"{file.stem}.{outcome.run_id}.errors.jsonl"
        with house.records.read() as session:
            number = job.write_errors(session, outcome.run_id, path)
        say(f"{number} {row} bị từ chối, lý do ở {path}")


def score(
    source: Annotated[Path, typer.Argument(metavar="VÀO.jsonl", help="Các dòng {id, text}.")],
    target: Annotated[Path, typer.Argument(metavar="RA.jsonl", help="Nơi ghi kết quả.")],
    model: Annotated[
        str | None, typer.Option(help="Thư mục mô hình; trống là KIEMTIN_MODEL.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Không vẽ thanh tiến độ.")] = False,
) -> None:
    """Chấm một tệp {id, text} mà không ghi vào cơ sở dữ liệu.

    Dòng hỏng vào tệp RA.jsonl.errors.jsonl kèm lý do. Bị ngắt thì chạy lại: chấm tiếp từ chỗ dừng.
    """
    from classifier import policy as policies
    from classifier.load import load as load_model
    from classifier.score_file import score_file

    settings = load()
    with bar(f"Chấm {source.name}", quiet=quiet) as move:
        counters = score_file(
            source,
            target,
            load_model(model or settings.model, settings.serving),
            policies.load_policy(settings.policy_file),
            progress=move,
        )
    show_counters(target.name, counters)


# What shows a dry run, what imports, and what a row of the file is called.
Ways = tuple[Callable[[], None], "Callable[[House, Progress], Outcome]", str]


def _rows(file: Path, source: str, legal_basis: str, kind: PostKind, column: list[str] | None) -> Ways:
    from crawlers.imports import run as imports
    from crawlers.imports.mapping import Mapping
    from crawlers.imports.rows import columns

    mapping = Mapping.of(columns(file), _given(column or []))
    source_kind = SourceKind.HOTLINE if kind == PostKind.HOTLINE else SourceKind.IMPORT
    plan = imports.Plan(file, mapping, source or file.stem, legal_basis, source_kind, kind)

    def bring(house: House, move: Progress) -> Outcome:
        return imports.run(house.records, house.archive(), house.keys, plan, move)

    return lambda: _show_rows(plan), bring, "dòng"


def _pages(
    file: Path, source: str, legal_basis: str, kind: PostKind | None, column: list[str] | None
) -> Ways:
    from crawlers.imports import pages, warc
    from crawlers.imports.mapping import MappingError

    warc.require(file)
    if column or kind is not None:
        raise MappingError(
            f"{file.name}: trang trong WARC tự cho biết bài của nó; --map và --kind chỉ dùng cho tệp bảng."
        )
    name = file.name[: file.name.lower().rindex(".warc")]
    plan = pages.Plan(file, source or name or file.name, legal_basis)

    def bring(house: House, move: Progress) -> Outcome:
        return pages.run(house.records, house.archive(), house.keys, plan, move)

    return lambda: _show_pages(plan), bring, "bản ghi"


def _given(pairs: list[str]) -> dict[str, str]:
    from crawlers.imports.mapping import MappingError

    given = {}
    for pair in pairs:
        field, found, name = pair.partition("=")
        if not found:
            raise MappingError(f"--map {pair!r}: viết TRƯỜNG=CỘT, ví dụ --map text='Nội dung'.")
        given[field.strip()] = name.strip()
    return given


def _show_rows(plan: imports.Plan) -> None:
    from crawlers.imports import run as imports

    seen = imports.preview(plan)
    table = Table("trường", "cột", title="Ánh xạ cột", title_justify="left")
    for field, name in plan.mapping.columns.items():
        table.add_row(field, name)
    out.print(table)
    say(f"{seen.rows} dòng: {seen.rows - len(seen.refused)} sẽ được nhận, {len(seen.refused)} bị từ chối.")
    for number, reason in seen.refused[:20]:
        say(f"  dòng {number}: {reason}")
    _show_sample(seen.sample)


def _show_pages(plan: pages.Plan) -> None:
    from crawlers.imports import pages

    seen = pages.preview(plan)
    show_counters(f"Trong {plan.path.name}", seen.counters)
    for one in seen.refused[:20]:
        say(f"  bản ghi {one.number}: {escape(one.said)} ({escape(one.url)})")
    _show_sample(seen.sample)
    if seen.broken is not None:
        raise seen.broken


def _show_sample(posts: Iterable[Incoming]) -> None:
    for post in posts:
        say(f"  [dim]{escape(post.key)}[/]  {escape(repr(post.text[:90]))}")
    say("Chạy thử, chưa ghi gì.")
