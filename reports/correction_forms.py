"""A public correction in the forms in which it reaches people: ClaimReview, RSS, message, picture."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from xml.sax import saxutils

from sqlalchemy import select
from sqlalchemy.orm import Session

from reports import charts
from reports.words import VERDICTS
from store import corrections
from store.claim_facts import Facts, facts_of
from store.claim_review import CONTEXT, to_review
from store.claim_tables import ClaimVersion
from store.corrections import SMS, Told
from store.report_tables import Correction
from store.text import writable
from store.vocabulary import CorrectionState

# Square: Zalo and Facebook cut nothing from it.
CARD = 1080


@dataclass(frozen=True)
class Public:
    """What the public sees of a correction: what counts, the claim it corrects, when it was first told."""

    row: Correction
    claim: Facts
    first_at: datetime

    @property
    def withdrawn(self) -> bool:
        return self.row.state == CorrectionState.WITHDRAWN

    @property
    def verdict(self) -> str:
        return VERDICTS.get(self.claim.verdict, self.claim.verdict)


def every(session: Session, *, withdrawn: bool = False) -> list[Public]:
    """Return all corrections that are public, the latest first; withdrawn ones too if asked."""
    rows = corrections.every(session) if withdrawn else corrections.public(session)
    return _with_claims(session, rows)


def one(session: Session, claim_id: str) -> Public | None:
    """Return the correction of a claim, withdrawn or not; None where there never was one."""
    row = corrections.newest(session, claim_id)
    return _with_claims(session, [row])[0] if row is not None else None


def suggested(claim: Facts) -> Told:
    """Return the texts that a lead begins with: from what the knowledge base says of the claim."""
    verdict = VERDICTS.get(claim.verdict, claim.verdict)
    wording, body = claim.wording.rstrip(". "), claim.correction.strip()
    first = body.split(". ")[0].rstrip(".")
    head = (
        f"Tin “{wording}” là {verdict}"
        if claim.verdict != "unproven"
        else f"Tin “{wording}” chưa có bằng chứng"
    )
    source = f" Nguồn: {claim.source_name}."
    room = SMS - len(source) - 1
    short = f"{head}. {first}."
    return Told(
        headline=f"{head}.",
        body=body,
        short=(short if len(short) <= room else f"{textwrap.shorten(short, room - 1, placeholder='…')}")
        + source,
        spoken=f"Thông báo đính chính. Trên mạng có tin nói rằng: {wording}. Thông tin này"
        f" {_spoken(claim.verdict)}. {body}"
        f" Theo {claim.source_name}. Bà con không chia sẻ tin chưa kiểm chứng. Xin nhắc lại: {first}.",
    )


def _spoken(verdict: str) -> str:
    return {"false": "là sai", "misleading": "gây hiểu lầm", "outdated": "đã cũ, không còn đúng"}.get(
        verdict, "chưa có bằng chứng"
    )


def claim_review(found: Sequence[Public], base: str, agency: str) -> str:
    """Return corrections as ClaimReview in JSON-LD; `base` is the address that they stand under."""
    return json.dumps(
        {"@context": CONTEXT, "@graph": [_review(public, base, agency) for public in found]},
        ensure_ascii=False,
        indent=1,
    )


def _review(public: Public, base: str, agency: str) -> dict[str, Any]:
    # What is published says no more than the page: no other ways to say the claim, no note of the checkers.
    facts = replace(
        public.claim, correction=public.row.body, paraphrases=(), note="", english="", retired=False
    )
    review = to_review(facts)
    return review | {
        "url": address(base, public.row.claim_id),
        "author": {"@type": "Organization", "name": agency or "Kiểm Tin"},
        "headline": public.row.headline,
        "datePublished": public.first_at.date().isoformat(),
        "dateModified": public.row.at.date().isoformat(),
        "creativeWorkStatus": "Obsolete" if public.withdrawn else "Published",
        "citation": {"@type": "CreativeWork", "name": facts.source_name}
        | ({"url": facts.source_url} if facts.source_url else {}),
    }


def rss(found: Sequence[Public], base: str, agency: str) -> str:
    """Return corrections as RSS 2.0, the latest fifty; a withdrawal is news too, and says so."""
    items = "".join(_item(public, base) for public in found[:50])
    name = _escaped(f"Đính chính – {agency or 'Kiểm Tin'}")
    home = _escaped(f"{base}/public/corrections")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>'
        f"<title>{name}</title><link>{home}</link><language>vi</language>"
        f"<description>{name}</description>"
        f"<atom:link href={saxutils.quoteattr(base + '/public/corrections/feed.xml')}"
        ' rel="self" type="application/rss+xml"/>'
        f"{items}</channel></rss>\n"
    )


def _item(public: Public, base: str) -> str:
    row = public.row
    title = f"Đã rút: {row.headline}" if public.withdrawn else row.headline
    text = f"Đính chính này đã rút: {row.reason}" if public.withdrawn else row.short
    link = address(base, row.claim_id)
    return (
        f"<item><title>{_escaped(title)}</title><link>{_escaped(link)}</link><description>{_escaped(text)}</description>"
        f'<guid isPermaLink="false">{_escaped(f"{link}#{row.version}")}</guid>'
        f"<pubDate>{format_datetime(row.at)}</pubDate></item>"
    )


def address(base: str, claim_id: str) -> str:
    """Return where a correction stands."""
    return f"{base}/public/corrections/{claim_id}"


def card(public: Public, agency: str) -> bytes:
    """Return a square picture (PNG, 1080 across) of a correction; a withdrawn one says so."""
    return charts.png(card_svg(public, agency), CARD)


def card_svg(public: Public, agency: str) -> str:
    """Return the picture as SVG: what was said, crossed by its verdict, and what is right."""
    row, y = public.row, 150
    verdict = "ĐÃ RÚT ĐÍNH CHÍNH" if public.withdrawn else f"TIN {public.verdict.upper()}"
    parts = [
        f'<rect width="{CARD}" height="{CARD}" fill="#ffffff"/>',
        f'<rect width="{CARD}" height="16" fill="#8a1c1c"/>',
        _text(verdict, 70, 96, 44, bold=True, fill="#8a1c1c"),
    ]
    wording, y = _lines(f"“{public.claim.wording.rstrip('.')}”", 70, y + 20, 40, 46, 5, fill="#444444")
    parts += [wording, f'<rect x="70" y="{y}" width="120" height="6" fill="#0b6b63"/>']
    body = row.reason if public.withdrawn else row.body
    room = max(3, (CARD - 190 - y) // 54)
    right, _ = _lines(body, 70, y + 66, 40, 46, room, bold=False, fill="#111111")
    source = f"Nguồn: {public.claim.source_name}"
    parts += [
        right,
        f'<rect x="0" y="{CARD - 120}" width="{CARD}" height="120" fill="#eef2f1"/>',
        _text(textwrap.shorten(source, 62, placeholder="…"), 70, CARD - 72, 28, fill="#333333"),
        _text(
            f"{agency or 'Kiểm Tin'} · {row.at.strftime('%d/%m/%Y')}",
            70,
            CARD - 32,
            28,
            bold=True,
            fill="#0b6b63",
        ),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{CARD}" height="{CARD}" viewBox="0 0 {CARD} {CARD}">'
        f"{''.join(parts)}</svg>"
    )


def _lines(
    text: str, x: int, y: int, size: int, across: int, most: int, *, bold: bool = False, fill: str = "#111111"
) -> tuple[str, int]:
    """Return a text in lines of at most `across` letters, cut after `most`, and where it ends."""
    wrapped = textwrap.wrap(text, across, max_lines=most, placeholder=" …")
    step = round(size * 1.35)
    drawn = "".join(
        _text(line, x, y + i * step, size, bold=bold, fill=fill) for i, line in enumerate(wrapped)
    )
    return drawn, y + len(wrapped) * step - 10


def _text(text: str, x: int, y: int, size: int, *, bold: bool = False, fill: str = "#111111") -> str:
    weight = ' font-weight="bold"' if bold else ""
    look = f'font-family="Arimo" font-size="{size}"{weight} fill="{fill}"'
    return f'<text x="{x}" y="{y}" {look}>{_escaped(text)}</text>'


def _with_claims(session: Session, rows: Sequence[Correction]) -> list[Public]:
    wanted = [row.claim_version_id for row in rows]
    claims = {
        row.id: facts_of(row)
        for row in session.scalars(select(ClaimVersion).where(ClaimVersion.id.in_(wanted)))
    }
    first = {
        found.claim_id: found.at
        for found in session.execute(
            select(Correction.claim_id, Correction.at).where(Correction.version == 1)
        )
    }
    return [Public(row, claims[row.claim_version_id], first[row.claim_id]) for row in rows]


def _escaped(text: str) -> str:
    """Return a text as it stands in XML, also one with signs that XML cannot hold."""
    return saxutils.escape(writable(text))
