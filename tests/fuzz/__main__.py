"""Fuzz one target, or each for some seconds: `python -m tests.fuzz [NAME…] --seconds 60`.

Needs atheris (`pip install 'kiemtin[fuzz]'`). New inputs are tried from the corpus in the repository and kept
in a folder of this run; an input that crashes lies in `fuzz-crashes/`. Put a small one of your own words into
`tests/fuzz/corpus/NAME/` once it is mended: the test replays it for good.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
NAMES = sorted(path.name for path in CORPUS.iterdir())
CRASHES = Path("fuzz-crashes")
_LONGEST = 1 << 16


def one(name: str, seconds: int) -> None:
    """Fuzz a target in this process, which ends by it."""
    try:
        import atheris
    except ModuleNotFoundError as error:
        raise SystemExit("atheris is absent: pip install 'kiemtin[fuzz]'") from error

    rooms = ["crawlers", "classifier.policy", "search.terms", "evidence", "store.text"]
    # Only what is imported here is watched for the branches it takes.
    with atheris.instrument_imports(include=rooms):
        from tests.fuzz.targets import TARGETS
    CRASHES.mkdir(exist_ok=True)
    grown = tempfile.mkdtemp(prefix=f"kiemtin-fuzz-{name}-")
    flags = [
        f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-timeout=20", "-rss_limit_mb=3000",
        f"-artifact_prefix={CRASHES}/{name}-", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, grown, str(CORPUS / name)], TARGETS[name])
    atheris.Fuzz()


def main() -> None:
    """Fuzz the targets one after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no target is called {', '.join(sorted(unknown))}")
    if given.here:
        one(names[0], given.seconds)
    failed = []
    for name in names:
        line = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(given.seconds), "--here"]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        said = done.stderr.splitlines()
        runs = [one for one in said if "number_of_executed_units" in one or one.startswith("Done ")]
        print(f"{name}: {'crashed' if done.returncode else 'well'}; {' '.join(runs[:1])}", flush=True)
        if done.returncode:
            failed.append(name)
            print("\n".join((done.stdout.splitlines() + said)[-40:]), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
