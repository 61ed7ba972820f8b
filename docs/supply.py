"""What an installation is made of: the SBOM (`sbom FILE`) and the page of licences (`licences`).

Read from the metadata of what is installed in this environment, of which only the run path is kept: what
`pip install kiemtin` needs, and the extras that the image takes. Nothing is asked of any network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
# As the Dockerfile installs it.
EXTRAS = ("postgres", "elasticsearch", "s3", "otel", "browser")
# SPDX identifiers that let an Apache-2.0 program use and ship the library unchanged; LGPL and MPL libraries
# are used as they are, and can be replaced by whoever runs the program.
ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC",
        "LGPL-2.1-or-later", "LGPL-3.0-only", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Python-2.0",
        "ZPL-2.1", "Zlib",
    }
)  # fmt: skip
# What older metadata says in place of an SPDX identifier; of the BSD licences it does not say which.
_CLASSIFIERS = {
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Zero-Clause BSD (0BSD)": "0BSD",
}
# Read from the library's own files, because its metadata says nothing that can be used.
_READ = {
    "protobuf": "BSD-3-Clause",  # LICENSE; the metadata says "3-Clause BSD License"
    "pyphen": "GPL-2.0-or-later OR LGPL-2.1-or-later OR MPL-1.1",  # LICENSE: one of the three, by choice
}


def run_path() -> set[str]:
    """Return the canonical names of all that the run path needs here, kiemtin itself left out."""
    found: set[str] = set()
    asked = {("kiemtin", extra) for extra in ("", *EXTRAS)}
    done: set[tuple[str, str]] = set()
    while asked:
        name, extra = asked.pop()
        done.add((name, extra))
        try:
            needs = distribution(name).requires or ()
        except PackageNotFoundError as error:
            raise SystemExit(f"{name} is needed to run and not installed: run `make setup`.") from error
        found.add(name)
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                asked |= {(canonicalize_name(need.name), one) for one in ("", *need.extras)} - done
    return found - {"kiemtin"}


def sbom() -> dict[str, Any]:
    """Return the CycloneDX 1.6 document of the run path."""
    made = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", "--sv", "1.6", "--of", "JSON",
         "--no-validate", "--output-reproducible", "--pyproject", "pyproject.toml", sys.executable],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(made.stdout)
    wanted = run_path()
    kept = [one for one in document["components"] if canonicalize_name(one["name"]) in wanted]
    refs = {one["bom-ref"] for one in kept} | {document["metadata"]["component"]["bom-ref"]}
    document["components"] = kept
    document["dependencies"] = [
        {"ref": one["ref"], "dependsOn": [ref for ref in one.get("dependsOn", ()) if ref in refs]}
        for one in document["dependencies"]
        if one["ref"] in refs
    ]
    return document


def check(document: dict[str, Any]) -> None:
    """Hold a document against the schema of CycloneDX 1.6 (some ten seconds); raises `SystemExit`."""
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    if wrong is not None:
        raise SystemExit(f"The SBOM is no CycloneDX 1.6: {wrong}")


def licences(document: dict[str, Any]) -> dict[str, str]:
    """Return the licence of each component, an SPDX expression, by its canonical name; it may be empty."""
    found = {}
    for one in document["components"]:
        name = canonicalize_name(one["name"])
        said = {_spdx(licence) for licence in one.get("licenses", ())} - {""}
        found[name] = _READ.get(name) or " AND ".join(sorted(said))
    return found


def is_allowed(expression: str) -> bool:
    """Say whether one of the choices that an expression without brackets gives is in `ALLOWED` whole."""
    return any(ALLOWED.issuperset(choice.split(" AND ")) for choice in expression.split(" OR "))


def row(name: str, licence: str) -> str:
    """Return the line of the page for one library."""
    return f"| {name} | {licence} |\n"


def page(document: dict[str, Any]) -> str:
    """Return the page of licences."""
    return (
        "# Licences of what Kiểm Tin runs on\n\n"
        "Written by `make licences` from the metadata of the libraries that an installation with the extras"
        f" {', '.join(EXTRAS)} needs.\n`make sbom` writes the same as CycloneDX, with versions."
        " [How they are pinned and checked](supply.md).\n\n"
        "| library | licence |\n|---|---|\n"
        + "".join(row(*one) for one in sorted(licences(document).items()))
    )


def _spdx(said: dict[str, Any]) -> str:
    licence = said.get("license", {})
    name = str(said.get("expression") or licence.get("id") or licence.get("name") or "")
    return _CLASSIFIERS.get(name, name)


if __name__ == "__main__":
    if sys.argv[1:2] == ["sbom"]:
        made = sbom()
        check(made)
        Path(sys.argv[2]).write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n")
        print(f"{sys.argv[2]}: CycloneDX 1.6")
    else:
        PAGE.write_text(page(sbom()))
        print(PAGE)
