"""The public corrections as files, for a web server that has nothing of this program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    for name, answer in _answers(_visit(desk), ids):
        _put(folder / name, bytes(answer.body))
    for style in _STYLES:
        _put(folder / "static" / style, (files("review_ui") / "static" / style).read_bytes())
    return len(ids)


def _visit(desk: Desk) -> Callable[[str], Request]:
    """Return what makes a request of an address such as a visitor makes it under the public address."""
    app = FastAPI()
    app.state.desk = desk
    base = urlsplit(desk.telling.base or "http://127.0.0.1")
    common = {
        "type": "http", "method": "GET", "scheme": base.scheme, "query_string": b"", "root_path": "",
        "headers": [(b"host", base.netloc.encode())], "app": app,
    }  # fmt: skip
    return lambda path: Request({**common, "path": path})


def _answers(visit: Callable[[str], Request], ids: list[str]) -> Iterator[tuple[str, Response]]:
    yield f"{_ROOT}/index.html", public.listing(visit(f"/{_ROOT}"))
    yield f"{_ROOT}/feed.xml", public.feed(visit(f"/{_ROOT}/feed.xml"))
    yield f"{_ROOT}/review.jsonld", public.reviews(visit(f"/{_ROOT}/review.jsonld"))
    for claim in ids:
        asked = visit(f"/{_ROOT}/{claim}")
        yield f"{_ROOT}/{claim}/index.html", public.one(asked, claim)
        yield f"{_ROOT}/{claim}/review.jsonld", public.review(asked, claim)
        yield f"{_ROOT}/{claim}/card.png", public.card(asked, claim)
        yield f"{_ROOT}/{claim}/message.txt", public.message(asked, claim)
        yield f"{_ROOT}/{claim}/spoken.txt", public.spoken(asked, claim)


def _put(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
