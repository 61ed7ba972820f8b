"""What the commands about models read: labelled rows, with what is refused on the screen, and the policy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from kiemtin.house import House
from kiemtin.screen import bar, out, say
from kiemtin.settings import load

if TYPE_CHECKING:
    from classifier.evaluate.rows import Refused, Rows
    from classifier.evaluate.seen import Seen
    from classifier.policy import Policy

_SHOWN = 20  # refused rows on the screen


def read(files: Iterable[Path], note: str, *, together: bool) -> tuple[list[Rows], list[Refused]]:
    """Return the data sets of files, all as one if `together`, and the rows refused, which are shown."""
    from classifier.evaluate import rows as labelled

    sets, refused = [], []
    for file in files:
        rows, bad = labelled.read(file, note)
        sets.append(rows)
        refused += bad
    if refused:
        table = Table(
            "tệp", "dòng", "vì sao", title=f"{len(refused)} dòng không đọc được", title_justify="left"
        )
        for row in refused[:_SHOWN]:
            table.add_row(escape(row.file), str(row.line), escape(row.reason))
        out.print(table)
        if len(refused) > _SHOWN:
            say(f"…và {len(refused) - _SHOWN} dòng nữa: có đủ trong --json.")
    return ([labelled.joined(sets)] if together else sets), refused


def look(folder: Path | str | None, rows: Rows, *, held_out: bool = False, disturb: bool = False) -> Seen:
    """Return what the model in `folder` says of rows: now, or `held_out` when it was trained."""
    from classifier.evaluate.disturb import CHANGES
    from classifier.evaluate.seen import is_fresh, see, see_held_out
    from classifier.load import folder_of
    from classifier.load import load as load_model

    place = folder_of(folder)
    opened = load_model(place)
    if held_out:
        return see_held_out(place, opened.name, rows)
    with bar(f"Chấm {rows.name}"[:40]) as move:
        return see(opened, rows, [*CHANGES] if disturb else [], move, is_fresh(place, rows))


def policy_of(file: Path | None) -> tuple[Policy, str]:
    """Return a policy and its text: of `file`, or the one in force here, or before there are records that of
    the settings."""
    from classifier.policy import parse
    from classifier.policy import read as policy_text
    from kiemtin.commands.policy import recorded

    settings = load()
    row = None if file else recorded(House(settings))
    text = row.text if row else policy_text(file or settings.policy_file)
    return parse(text, str(file or (row.version if row else settings.policy_file or "policy.yaml"))), text
