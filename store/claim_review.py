"""Claims as ClaimReview of schema.org, the form in which fact-checkers publish, and back.

What of a claim stands where: the wording is the `text` of `itemReviewed`, other ways to say it its
`alternateName`, its English a `workTranslation`; the verdict is the `alternateName` of `reviewRating`, the
note on how it was checked its `ratingExplanation`; the correction is the `reviewBody`, the source `author`,
`url` and `datePublished` (with `dateModified` where it is a span); the harm a `DefinedTerm` among `keywords`;
the days on which it holds `temporalCoverage`; whether it is retired `creativeWorkStatus`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import models
from store.claim_facts import BadClaim, Facts, checked
from store.claim_ratings import SAID, verdict_of
from store.text import words
from store.vocabulary import ClaimVerdict

CONTEXT = "https://schema.org"
_OURS = "urn:kiemtin:claim:"
_HARMS = "urn:kiemtin:harms"
_DEEPEST = 40

_DAY = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")


def document(claims: Sequence[Facts]) -> dict[str, Any]:
    """Return claims as one JSON-LD document."""
    return {"@context": CONTEXT, "@graph": [to_review(one) for one in claims]}


def to_review(facts: Facts) -> dict[str, Any]:
    """Return a claim as a ClaimReview; `from_review` gives the same claim back."""
    words_, number = SAID[ClaimVerdict(facts.verdict)]
    published, _, modified = facts.source_date.partition("/")
    reviewed: dict[str, Any] = {"@type": "Claim", "text": facts.wording, "inLanguage": facts.language}
    if facts.paraphrases:
        reviewed["alternateName"] = list(facts.paraphrases)
    if facts.english:
        reviewed["workTranslation"] = {"@type": "Claim", "text": facts.english, "inLanguage": "en"}
    rating = {
        "@type": "Rating",
        "alternateName": words_,
        "ratingValue": number,
        "bestRating": 5,
        "worstRating": 1,
    }
    if facts.note:
        rating["ratingExplanation"] = facts.note
    label = models.labels().name(facts.harm)
    review: dict[str, Any] = {
        "@type": "ClaimReview",
        "@id": _OURS + facts.id,
        "claimReviewed": facts.wording,
        "itemReviewed": reviewed,
        "reviewRating": rating,
        "reviewBody": facts.correction,
        "author": {"@type": "Organization", "name": facts.source_name},
        "url": facts.source_url,
        "datePublished": published,
        "dateModified": modified,
        "inLanguage": facts.language,
        "keywords": [
            {"@type": "DefinedTerm", "termCode": facts.harm, "name": label, "inDefinedTermSet": _HARMS}
        ],
    }
    if facts.valid_from or facts.valid_until:
        review["temporalCoverage"] = f"{facts.valid_from or '..'}/{facts.valid_until or '..'}"
    if facts.retired is not None:
        review["creativeWorkStatus"] = "Obsolete" if facts.retired else "Published"
    return {name: value for name, value in review.items() if value}


def reviews(found: Any) -> Iterator[dict[str, Any]]:
    """Return every ClaimReview of a JSON-LD document, wherever it stands: alone, in a list, a @graph, a feed.

    What a node refers to by `@id` alone is put in its place.
    """
    named: dict[str, dict[str, Any]] = {}
    for node in _nodes(found):
        if isinstance(node.get("@id"), str) and len(node) > 1:
            named.setdefault(node["@id"], node)
    for node in _nodes(found):
        if "ClaimReview" in {name.rpartition("/")[2] for name in _texts(node.get("@type"))}:
            yield {key: _resolved(value, named) for key, value in node.items()}


def from_review(review: Mapping[str, Any], harm: str = "") -> Facts:
    """Return the claim of a ClaimReview, ours or another's; `harm` stands for one that names none.

    Raises `BadClaim`.
    """
    reviewed = _first(review.get("itemReviewed"))
    reviewed = reviewed if isinstance(reviewed, Mapping) else {}
    wording = _text(reviewed.get("text")) if _ours(review) else _text(review.get("claimReviewed"))
    wording = (
        wording
        or _text(review.get("claimReviewed"))
        or _text(reviewed.get("text"))
        or _text(reviewed.get("name"))
    )
    rating = _first(review.get("reviewRating"))
    if not isinstance(rating, Mapping):
        raise BadClaim("thiếu reviewRating")
    explained = _text(rating.get("ratingExplanation"))
    body = _text(review.get("reviewBody"))
    author = _first(review.get("author")) or _first(review.get("publisher"))
    url = _text(review.get("url")) or None
    since, until = _days(_text(review.get("temporalCoverage")))
    english = _first(reviewed.get("workTranslation"))
    status = _text(review.get("creativeWorkStatus")).casefold()
    return checked(
        Facts(
            id=_id_of(review, url, wording),
            wording=wording,
            harm=_harm_of(review) or harm or _no_harm(),
            verdict=verdict_of({name: _text(value) for name, value in rating.items()}),
            correction=body or explained or _text(review.get("description")),
            source_name=_text(author.get("name")) if isinstance(author, Mapping) else _text(author),
            paraphrases=tuple(_texts(reviewed.get("alternateName"))),
            language=_language(review.get("inLanguage") or reviewed.get("inLanguage")),
            english=_text(english.get("text")) if isinstance(english, Mapping) else "",
            source_url=url,
            source_date=_source_date(_text(review.get("datePublished")), _text(review.get("dateModified"))),
            note=explained if body else "",
            valid_from=since,
            valid_until=until,
            retired={"obsolete": True, "published": False}.get(status),
        )
    )


def _no_harm() -> str:
    harms = ", ".join(models.labels().harms)
    raise BadClaim(f"không nói thuộc tác hại nào; cho biết bằng --harm, một trong {harms}")


def _ours(review: Mapping[str, Any]) -> bool:
    return isinstance(review.get("@id"), str) and review["@id"].startswith(_OURS)


def _id_of(review: Mapping[str, Any], url: str | None, wording: str) -> str:
    if _ours(review):
        return str(review["@id"].removeprefix(_OURS))
    # The same review read again is the same claim, edited or not: by its name, else by its page and wording.
    name = review.get("@id")
    unique = name if isinstance(name, str) and name and not name.startswith("_:") else f"{url} {wording}"
    start = "-".join(word for word in words(wording)[:8] if word.isascii())[:40].strip("-_").replace("_", "-")
    digest = hashlib.sha256(str(unique).encode("utf-8", "replace")).hexdigest()[:10]
    # An edited wording must not give another name where the review has one of its own.
    return f"cr-{digest}" if unique == name or not start else f"{start}-{digest}"


def _harm_of(review: Mapping[str, Any]) -> str:
    harms = models.labels().harms
    for one in _listed(review.get("keywords")):
        term = one.get("termCode") if isinstance(one, Mapping) else one
        for word in _text(term).split(","):
            if word.strip() in harms:
                return word.strip()
    return ""


def _days(coverage: str) -> tuple[date | None, date | None]:
    if not coverage:
        return None, None
    ends = coverage.split("/")
    try:
        if len(ends) > 2:
            raise ValueError(coverage)
        first, last = (
            None if end in {"..", ""} else date.fromisoformat(end[:10]) for end in (ends[0], ends[-1])
        )
    except ValueError:
        raise BadClaim(f"temporalCoverage {coverage[:60]!r}: viết NĂM-THÁNG-NGÀY/NĂM-THÁNG-NGÀY") from None
    return first, last


def _source_date(published: str, modified: str) -> str:
    """Return the day of publication, with that of the last change where it is another."""
    days = [found.group() for one in (published, modified) if (found := _DAY.match(one))]
    return "/".join(dict.fromkeys(days))


def _language(given: Any) -> str:
    one = _first(given)
    if isinstance(one, Mapping):
        one = one.get("alternateName") or one.get("name")
    return _text(one) or "vi"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _first(value: Any) -> Any:
    listed = _listed(value)
    return listed[0] if listed else None


def _texts(value: Any) -> list[str]:
    return [text for one in _listed(value) if (text := _text(one))]


def _text(value: Any) -> str:
    """Return a text or number as text, also one written as `{"@value": …}`; "" for all else."""
    one = _first(value)
    if isinstance(one, Mapping):
        one = one.get("@value", "")
    return str(one).strip() if isinstance(one, str | int | float) and not isinstance(one, bool) else ""


def _nodes(found: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(found, dict):
        yield found
        for value in found.values():
            yield from _nodes(value, depth + 1)
    elif isinstance(found, list):
        for value in found:
            yield from _nodes(value, depth + 1)


def _resolved(value: Any, named: Mapping[str, dict[str, Any]], depth: int = 0) -> Any:
    if depth > 3:
        return value
    if isinstance(value, list):
        return [_resolved(one, named, depth + 1) for one in value]
    if isinstance(value, dict):
        if set(value) == {"@id"} and isinstance(value["@id"], str):
            return named.get(value["@id"], value)
        return {key: _resolved(one, named, depth + 1) for key, one in value.items()}
    return value
