"""Run benchmarks: `python -m bench NAME…`, or all of them; `--table` renders the results for the docs."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from importlib import import_module
from itertools import groupby
from pathlib import Path

from bench.measure import Measure

MODULES = {
    "import": "bench.import_posts",
    "extract": "bench.extract",
    "crawl": "bench.crawl",
    "classifier": "bench.classifier",
    "claims": "bench.claims",
    "search": "bench.search",
    "elasticsearch": "bench.elastic",
    "workers": "bench.workers",
    "reports": "bench.reports",
    "sizes": "bench.sizes",
    "desk": "bench.desk",
    "bundle": "bench.bundle",
    "load": "bench.load",
    "upgrade": "bench.upgrade",
}
NAMES = tuple(MODULES)
TABLE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; none means all")
    parser.add_argument(
        "--table", action="store_true", help=f"also write what was measured into {TABLE.name} of the docs"
    )
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
        TABLE.write_text(render(measures, TABLE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0 if all(measure.ok for measure in measures) else 1)


def render(measures: list[Measure], before: str = "") -> str:
    """Return the page of the docs, a table a benchmark; what was not measured now stays as in `before`."""
    kept = {part.split("\n", 1)[0]: part for part in before.split("\n## ")[1:]}
    for name, rows in groupby(measures, key=lambda measure: measure.bench):
        lines = [
            name,
            "",
            "| measure | ours | reference | ratio | unit | goal | reached |",
            "|---|--:|--:|--:|---|---|---|",
        ]
        for m in rows:
            reference = "–" if m.reference is None else f"{m.reference:g}"
            ratio = "–" if m.ratio is None else f"{m.ratio:g}"
            reached = "yes" if m.ok else "**no**"
            lines.append(
                f"| {m.measure} | {m.ours:g} | {reference} | {ratio} | {m.unit} | {m.goal} | {reached} |"
            )
        kept[name] = "\n".join(lines) + "\n"
    head = (
        "# Benchmarks\n\n"
        "Rendered by `make bench`; each reference ran in the same process or run as ours, on "
        f"{os.cpu_count()} cores of {_processor()}, servers included. `.venv/bin/python -m bench NAME` runs "
        "one. What each reference is stands at the head of its module in `bench/`.\n"
    )
    return "\n## ".join([head, *(kept[name] for name in NAMES if name in kept)])


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()


if __name__ == "__main__":
    main()
