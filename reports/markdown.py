"""A document as Markdown: for a text that people go on writing themselves."""

from __future__ import annotations

from collections.abc import Iterator

from reports.blocks import Block, Bullets, Document, Figures, Heading, Key, Para, Picture, Table


def markdown(document: Document) -> str:
    """Return a document as Markdown; of a chart its caption and what it says in words."""
    lines = [f"# {document.title}", "", f"*{document.kind}*", ""]
    for block in (*document.blocks, *document.annexes):
        lines += [*_block(block), ""]
    if document.foot:
        lines += ["---", "", document.foot, ""]
    return "\n".join(lines)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(text=text, level=level):
            yield f"{'#' * level} {text}"
        case Para(text=text):
            yield text
        case Key(title=title, sentences=sentences, note=note):
            yield f"> **{title}**"
            yield from (f"> {one}" for one in sentences)
            if note:
                yield f"> *{note}*"
        case Bullets(items=items):
            yield from (f"* {one}" for one in items)
        case Figures(figures=figures):
            yield from (f"* {one.name}: **{one.value}** {one.beside}".rstrip() for one in figures)
        case Table(caption=caption, head=head, rows=rows):
            yield f"**{caption}**"
            yield ""
            yield _row(head)
            yield _row(tuple("---" for _ in head))
            yield from map(_row, rows)
        case Picture(caption=caption):
            yield f"*{caption}*"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
