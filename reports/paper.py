"""A document as HTML and as PDF/A: one template, fonts of our own, nothing fetched from anywhere."""

from __future__ import annotations

import base64
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports import blocks
from reports.blocks import Block, Document
from reports.charts import FONTS
from reports.letterhead import Letterhead
from reports.words import FILTERS

# PDF/A-3u: what is in it can be read in fifty years, and its text can be copied as Unicode.
VARIANT = "pdf/a-3u"
_FACES = (
    ("Tinos", "Tinos-Regular", "normal", "normal"), ("Tinos", "Tinos-Bold", "bold", "normal"),
    ("Tinos", "Tinos-Italic", "normal", "italic"), ("Tinos", "Tinos-BoldItalic", "bold", "italic"),
    ("Arimo", "Arimo-Regular", "normal", "normal"), ("Arimo", "Arimo-Bold", "bold", "normal"),
)  # fmt: skip


class PaperError(Exception):
    """A paper could not be made; the message says what is missing."""


def fragment(content: tuple[Block, ...]) -> Markup:
    """Return blocks as HTML for a page that has a frame and a style of its own."""
    return Markup(_environment().get_template("blocks.html").render(blocks=content))  # noqa: S704 escaped there


def html(document: Document, head: Letterhead, signed_on: date, number: str = "") -> str:
    """Return a document as one HTML file that needs no other."""
    return _html(document, head, signed_on, number, _style(embedded=True))


def pdf(document: Document, head: Letterhead, signed_on: date, number: str = "") -> bytes:
    """Return a document as PDF/A with its fonts in it; raises `PaperError` where Pango is missing."""
    try:
        from weasyprint import HTML
        from weasyprint.text.fonts import FontConfiguration
    except OSError as error:
        raise PaperError(
            "Không tạo được PDF: máy thiếu thư viện Pango (apt-get install libpango-1.0-0 libpangoft2-1.0-0"
            f" libharfbuzz-subset0). {error}"
        ) from error
    text = _html(document, head, signed_on, number, _style(embedded=False))
    made: bytes = HTML(string=text, url_fetcher=_fonts_alone()).write_pdf(
        pdf_variant=VARIANT, font_config=FontConfiguration(), presentational_hints=True
    )
    return made


def _html(document: Document, head: Letterhead, signed_on: date, number: str, style: str) -> str:
    return _environment().get_template("paper.html").render(
        document=document, head=head, signed_on=signed_on, number=number,
        style=Markup(style),  # noqa: S704 our own file
    )  # fmt: skip


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= FILTERS | {
        "runs": blocks.runs,
        # What draws escapes the texts it is given.
        "drawing": Markup,
    }
    made.tests |= {kind.__name__.lower(): _is(kind) for kind in Block.__args__}
    return made


def _is(kind: type) -> Any:
    return lambda block: isinstance(block, kind)


@cache
def _style(*, embedded: bool) -> str:
    """Return the style with its fonts, as addresses of our files or, for a file that stands alone, in it."""
    plain = (files("reports") / "templates" / "paper.css").read_text(encoding="utf-8")
    return "".join(_face(*face, embedded=embedded) for face in _FACES) + plain


def _face(family: str, name: str, weight: str, slope: str, *, embedded: bool) -> str:
    path = Path(FONTS) / f"{name}.ttf"
    data = (
        f"data:font/ttf;base64,{base64.b64encode(path.read_bytes()).decode()}" if embedded else path.as_uri()
    )
    what = f"font-family: {family}; font-weight: {weight}; font-style: {slope}; src: url({data})"
    return f"@font-face {{ {what}; }}\n"


def _fonts_alone() -> Any:
    """Return what gives the files of our fonts alone: a paper asks nobody for anything."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    inside = {(Path(FONTS) / f"{name}.ttf").as_uri(): Path(FONTS) / f"{name}.ttf" for _, name, _, _ in _FACES}

    class Fonts(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
            if url not in inside:
                raise ValueError(f"{url} is not one of our fonts")
            return URLFetcherResponse(url, inside[url].read_bytes(), {"Content-Type": "font/ttf"})

    return Fonts()
