"""Puts dates that came later into a bundle: the parts that are signed stay, byte for byte."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from evidence import container
from evidence.build import SIGNATURE, pack
from evidence.errors import BundleError


def signature_of(path: Path) -> bytes:
    """Return the signature in a bundle, which a date is over. Raises `BundleError`."""
    try:
        with path.open("rb") as file:
            part = next(one for one in container.parts_of(file) if one.name == SIGNATURE)
            return b"".join(container.chunks(file, part))
    except (OSError, StopIteration) as error:
        raise BundleError(f"{path}: không còn gói hoặc không còn chữ ký trong đó: {error}") from error


def put_stamps(path: Path, tokens: Mapping[str, bytes]) -> bool:
    """Put `tokens` (by name) into a bundle that has them not; say whether it was changed.

    The file is there whole at every moment, as before or as after.
    """
    with path.open("rb") as file:
        parts = container.parts_of(file)
        if set(tokens) <= {part.name for part in parts}:
            return False
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".stamping") as aside:
            folder = Path(aside)
            for part in parts:
                target = folder / part.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as out:
                    for chunk in container.chunks(file, part):
                        out.write(chunk)
            for name, token in tokens.items():
                (folder / name).write_bytes(token)
            pack(folder, path)
    return True
