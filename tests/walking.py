"""Walks a post of the sample site to a verified bundle under a trace. A process of its own: it crawls once.

`python -m tests.walking FOLDER NAME…` leaves its installation in FOLDER/…, the bundle in FOLDER/b.zip, and in
FOLDER/trace.json each call of the named functions (`module:qualified.name`), in order: the name, and the
address of the page where the call is about one.
"""

from __future__ import annotations

import inspect
import json
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

FORUM = "Diễn đàn Bến Nước (mẫu)"
# In which local of the call the page stands.
_PAGE = {"crawlers.apart:Apart.read": "raw", "crawlers.intake:Intake.take": "fetched"}


def found(name: str) -> Any:
    """Return what `module:qualified.name` names; raises `ImportError` or `AttributeError`."""
    module, _, path = name.partition(":")
    thing: Any = import_module(module)
    for part in path.split("."):
        thing = getattr(thing, part)
    return thing


def main(folder: Path, names: Sequence[str]) -> None:
    """Walk, and write down which of `names` were called."""
    from kiemtin import demo_bundle

    codes: dict[CodeType, str] = {inspect.unwrap(found(name)).__code__: name for name in names}
    calls: list[tuple[str, str]] = []

    def trace(frame: FrameType, event: str, arg: object) -> None:
        # None for what is called: no line of it is traced, so the walk is not much slower.
        name = codes.get(frame.f_code)
        if name is not None:
            calls.append((name, _about(name, frame)))

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        demo_bundle.make(folder, folder / "b.zip", sources=[FORUM], pictured=False)
    finally:
        sys.settrace(None)
        threading.settrace(None)
    (folder / "trace.json").write_text(json.dumps(calls), "utf-8")


def _about(name: str, frame: FrameType) -> str:
    page = frame.f_locals[_PAGE[name]].url if name in _PAGE else ""
    if name == "crawlers.apart:Apart.read":
        reader = frame.f_locals["reader"]
        return f"{page} {reader.__module__}:{reader.__qualname__}"
    return str(page)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
