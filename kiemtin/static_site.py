"""The public corrections as files, for a web server that has nothing of this program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from reports import correction_forms

if TYPE_CHECKING:
    from api.desk import Desk

_STYLES = ("tokens.css", "desk.css", "report.css", "icon.svg", "icons.svg")


def write(desk: Desk, folder: Path) -> int:
    """Write every public page with what it shows under `folder`; return how many corrections there are.

    The pages are those that the server gives, asked of it here; addresses in them stay absolute
    (`/public/…`), so `folder` is to be the root of the web server.
    """
    from starlette.testclient import TestClient

    from review_ui.app import create_app

    with desk.records.read() as session:
        ids = [one.row.claim_id for one in correction_forms.every(session, withdrawn=True)]
    asked = TestClient(create_app(desk), base_url=desk.telling.base or "http://127.0.0.1")
    for address, name in _pages(ids):
        answer = asked.get(address)
        answer.raise_for_status()
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(answer.content)
    return len(ids)


def _pages(ids: list[str]) -> Iterator[tuple[str, str]]:
    root = "public/corrections"
    yield f"/{root}", f"{root}/index.html"
    yield f"/{root}/feed.xml", f"{root}/feed.xml"
    yield f"/{root}/review.jsonld", f"{root}/review.jsonld"
    for claim in ids:
        yield f"/{root}/{claim}", f"{root}/{claim}/index.html"
        for name in ("review.jsonld", "card.png", "message.txt", "spoken.txt"):
            yield f"/{root}/{claim}/{name}", f"{root}/{claim}/{name}"
    for name in _STYLES:
        yield f"/static/{name}", f"static/{name}"
