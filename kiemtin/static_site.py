"""The public corrections as files, for a web server that has nothing of this program."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response

from api.desk import Desk
from reports import correction_forms
from review_ui.pages import public

_STYLES = ("tokens.css", "desk.css", "report.css", "icon.svg", "icons.svg")
_ROOT = "public/corrections"


def write(desk: Desk, folder: Path) -> int:
    """Write every public page with what it shows under `folder`; return how many corrections there are.

    The pages are those that the server gives; addresses in them begin with `/public/`, so `folder` is to be
    the root of a web server. Without an address in the settings, feeds name this machine.
    """
    with desk.records.read() as session:
        ids = [one.row.claim_id for one in correction_forms.every(session, withdrawn=True)]
    for name, answer in _answers(_request(desk), ids):
        _put(folder / name, bytes(answer.body))
    for style in _STYLES:
        _put(folder / "static" / style, (files("review_ui") / "static" / style).read_bytes())
    return len(ids)


def _request(desk: Desk) -> Request:
    """Return a request such as a visitor makes under the public address."""
    app = FastAPI()
    app.state.desk = desk
    base = urlsplit(desk.telling.base or "http://127.0.0.1")
    return Request(
        {
            "type": "http", "method": "GET", "scheme": base.scheme, "path": f"/{_ROOT}", "query_string": b"",
            "root_path": "", "headers": [(b"host", base.netloc.encode())], "app": app,
        }
    )  # fmt: skip


def _answers(request: Request, ids: list[str]) -> Iterator[tuple[str, Response]]:
    yield f"{_ROOT}/index.html", public.listing(request)
    yield f"{_ROOT}/feed.xml", public.feed(request)
    yield f"{_ROOT}/review.jsonld", public.reviews(request)
    for claim in ids:
        yield f"{_ROOT}/{claim}/index.html", public.one(request, claim)
        yield f"{_ROOT}/{claim}/review.jsonld", public.review(request, claim)
        yield f"{_ROOT}/{claim}/card.png", public.card(request, claim)
        yield f"{_ROOT}/{claim}/message.txt", public.message(request, claim)
        yield f"{_ROOT}/{claim}/spoken.txt", public.spoken(request, claim)


def _put(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
