"""Files of texts that leave the installation: whole or not at all, for their owner alone, with two events."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from review.errors import FileNotWritten, ReasonNeeded
from review.permissions import Action, Person, require
from store import audit
from store.masking import mask
from store.records import Records


@dataclass
class Leaving:
    """A file being written, a row a line. `raw` says that texts go as they are; else they are masked."""

    raw: bool
    _file: BinaryIO
    counters: Counter[str] = field(default_factory=Counter)
    _digest: Any = field(default_factory=hashlib.sha256)

    def put(self, row: Mapping[str, Any]) -> None:
        """Write one row; `text` is masked unless the file is raw."""
        text = row["text"] if self.raw else mask(row["text"])
        line = json.dumps({**row, "text": text}, ensure_ascii=False).encode() + b"\n"
        self._file.write(line)
        self._digest.update(line)

    @property
    def sha256(self) -> str:
        return str(self._digest.hexdigest())


@contextmanager
def leaving(
    records: Records,
    person: Person,
    target: Path,
    what: str,
    *,
    raw: bool = False,
    reason: str = "",
    **how: Any,
) -> Iterator[Leaving]:
    """Write `target` for a lead: an event `WHAT.started` first, `WHAT.exported` with counters at the end.

    So a run that was killed has left its trace too. Nothing is at `target` until the second event is written.
    Raises `NotAllowed`, `ReasonNeeded` for a raw file without a reason, and `FileNotWritten`.
    """
    require(person, Action.LEAD)
    if raw and not reason.strip():
        raise ReasonNeeded()
    about = {"file": target.name, "raw": raw, "reason": reason.strip(), **how}
    part = target.with_name(target.name + ".part")
    try:
        with _private(part) as file:
            with records.write() as session:
                audit.append(session, person.actor, f"{what}.started", "export:texts", **about)
            made = Leaving(raw, file)
            yield made
        with records.write() as session:
            audit.append(
                session, person.actor, f"{what}.exported", "export:texts",
                **about, counters=dict(made.counters), sha256=made.sha256,
            )  # fmt: skip
            part.replace(target)
    except OSError as error:
        raise FileNotWritten(file=target, reason=error.strerror or error) from error
    finally:
        part.unlink(missing_ok=True)


def _private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
