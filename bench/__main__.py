"""Run benchmarks: `python -m bench NAME…`, or all of them; `--table` renders the results for the docs."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from bench.measure import Measure

NAMES = ("import", "extract")
MODULES = {"import": "bench.import_posts", "extract": "bench.extract"}
TABLE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; none means all")
    parser.add_argument("--table", action="store_true", help=f"also write {TABLE.name} of the docs")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    measures: list[Measure] = []
    for name in options.names or NAMES:
        for measure in import_module(MODULES[name]).run():
            print(measure.line(), flush=True)
            measures.append(measure)
    if options.table:
        TABLE.write_text(render(measures), encoding="utf-8")
    sys.exit(0 if all(measure.ok for measure in measures) else 1)


def render(measures: list[Measure]) -> str:
    """Return the page of the docs that shows `measures`."""
    lines = [
        "# Benchmarks",
        "",
        "Rendered by `make bench`; each reference ran in the same process or run as ours.",
        "",
        "| bench | measure | ours | reference | ratio | unit | goal | reached |",
        "|---|---|--:|--:|--:|---|---|---|",
    ]
    for m in measures:
        reference = "–" if m.reference is None else f"{m.reference:g}"
        ratio = "–" if m.ratio is None else f"{m.ratio:g}"
        reached = "yes" if m.ok else "**no**"
        lines.append(
            f"| {m.bench} | {m.measure} | {m.ours:g} | {reference} | {ratio}"
            f" | {m.unit} | {m.goal} | {reached} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
