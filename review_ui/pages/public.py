"""What anybody may read without signing in: corrections, transparency reports. Nothing sets a cookie."""

from __future__ import annotations

import json
from functools import lru_cache

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from markupsafe import Markup

from api import reports as room
from api import setup
from api.auth import desk_of
from api.report_routes import Table
from reports import charts, correction_forms, paper, publishing, transparency
from reports.correction_forms import Public
from reports.periods import named
from review_ui.page import environment
from store.report_tables import Report
from store.vocabulary import ReportKind

router = APIRouter(prefix="/public")

_KEPT = {"Cache-Control": "public, max-age=300"}
_LD = "application/ld+json"


@router.get("/corrections")
def listing(request: Request) -> Response:
    """Show all corrections that are public."""
    with desk_of(request).records.read() as session:
        found = correction_forms.every(session)
    return _page(request, "public_corrections.html", found=found)


@router.get("/corrections/feed.xml")
def feed(request: Request) -> Response:
    """Give corrections, and withdrawals, as RSS."""
    with desk_of(request).records.read() as session:
        found = correction_forms.every(session, withdrawn=True)
    text = correction_forms.rss(found, base_of(request), _agency(request))
    return Response(text, media_type="application/rss+xml", headers=_KEPT)


@router.get("/corrections/review.jsonld")
def reviews(request: Request) -> Response:
    """Give all corrections that are public as ClaimReview."""
    with desk_of(request).records.read() as session:
        found = correction_forms.every(session)
    text = correction_forms.claim_review(found, base_of(request), _agency(request))
    return Response(text, media_type=_LD, headers=_KEPT)


@router.get("/corrections/{claim_id}")
def one(request: Request, claim_id: str) -> Response:
    """Show a correction in every form in which it can be passed on; a withdrawn one says so, and why."""
    found = _one(request, claim_id)
    review = json.loads(correction_forms.claim_review([found], base_of(request), _agency(request)))
    # In a page, "<" could end the script that it is in.
    written = Markup(json.dumps(review, ensure_ascii=False).replace("<", "\\u003c"))  # noqa: S704
    return _page(request, "public_correction.html", one=found, review=written, base=base_of(request))


@router.get("/corrections/{claim_id}/review.jsonld")
def review(request: Request, claim_id: str) -> Response:
    """Give a correction as ClaimReview."""
    text = correction_forms.claim_review([_one(request, claim_id)], base_of(request), _agency(request))
    return Response(text, media_type=_LD, headers=_KEPT)


@router.get("/corrections/{claim_id}/card.png")
def card(request: Request, claim_id: str) -> Response:
    """Give the square picture of a correction."""
    content = _drawn(correction_forms.card_svg(_one(request, claim_id), _agency(request)))
    return Response(content, media_type="image/png", headers=_KEPT)


@router.get("/corrections/{claim_id}/message.txt")
def message(request: Request, claim_id: str) -> Response:
    """Give the short text, as it is sent by SMS or Zalo."""
    found = _one(request, claim_id)
    text = f"Đính chính này đã rút. {found.row.reason}" if found.withdrawn else found.row.short
    return PlainTextResponse(f"{text}\n", headers=_KEPT)


@router.get("/corrections/{claim_id}/spoken.txt")
def spoken(request: Request, claim_id: str) -> Response:
    """Give the text that is read out over a loudspeaker."""
    found = _one(request, claim_id)
    text = f"Đính chính này đã rút. {found.row.reason}" if found.withdrawn else found.row.spoken
    return PlainTextResponse(f"{text}\n", headers=_KEPT)


@router.get("/transparency")
def transparencies(request: Request) -> Response:
    """List the transparency reports that are public."""
    with desk_of(request).records.read() as session:
        rows = publishing.newest(session, ReportKind.TRANSPARENCY, public=True)
    return _page(request, "public_transparency.html", rows=rows, named=named)


@router.get("/transparency/{quarter}")
def quarter_report(request: Request, quarter: str) -> Response:
    """Show a transparency report."""
    row = _published(request, quarter)
    document = transparency.document(publishing.transparency_of(row))
    return _page(
        request, "public_report.html", document=document, body=paper.fragment(document.blocks), row=row
    )


@router.get("/transparency/{quarter}/figures.csv")
def figures(request: Request, quarter: str) -> Response:
    """Give the figures of a transparency report as CSV."""
    text = transparency.to_csv(publishing.transparency_of(_published(request, quarter)))
    return Table(text, f"kiem-tin-{quarter}", _KEPT)


def base_of(request: Request) -> str:
    """Return the address that the public uses: of the settings, else that of the request."""
    return desk_of(request).telling.base or str(request.base_url).rstrip("/")


def _agency(request: Request) -> str:
    return setup.telling(desk_of(request)).letterhead.agency


def _one(request: Request, claim_id: str) -> Public:
    with desk_of(request).records.read() as session:
        found = correction_forms.one(session, claim_id)
    if found is None:
        raise room.NoCorrection(claim=claim_id)
    return found


def _published(request: Request, quarter: str) -> Report:
    with desk_of(request).records.read() as session:
        for row in publishing.newest(session, ReportKind.TRANSPARENCY, public=True):
            if row.period == quarter:
                return row
    raise room.NoReport(period=quarter)


@lru_cache(maxsize=64)
def _drawn(svg: str) -> bytes:
    """Draw a picture once: anybody may ask for it, as often as they like."""
    return charts.png(svg, correction_forms.CARD)


def _page(request: Request, template: str, **values: object) -> Response:
    """Answer with a page in Vietnamese that is the same for everybody, and may be kept for five minutes."""
    text = (
        environment("vi")
        .get_template(template)
        .render(agency=_agency(request), path=request.url.path, **values)
    )
    return HTMLResponse(text, headers=_KEPT)
