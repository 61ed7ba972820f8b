"""How the index, documents and questions look to Elasticsearch; reads and writes nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from search.alike import NEAR, first_words, least_shared
from search.engine import FACETS, VECTOR, Document, Hit, Probe, Query, Results
from search.source import source
from search.terms import Term, excerpt, parse

# Raised with every change of SETTINGS or MAPPINGS; an index of another form asks for a reindex.
FORM = 2
_DIACRITICS_BOOST = 2.0

_SIZES = ("min_shingle_size", "max_shingle_size")
# Words are split by `search.terms`, one definition for both engines; the server folds and joins them.
SETTINGS: Mapping[str, Any] = {
    "index": {"refresh_interval": "1s", "max_result_window": 10_000, "max_shingle_diff": 1},
    "analysis": {
        "filter": {"pairs": {"type": "shingle", **dict.fromkeys(_SIZES, 2), "output_unigrams": False}},
        "analyzer": {
            "said": {"tokenizer": "whitespace", "filter": ["lowercase"]},
            "fold": {"tokenizer": "whitespace", "filter": ["lowercase", "asciifolding"]},
            "shingle": {"tokenizer": "whitespace", "filter": ["lowercase", "asciifolding", "pairs"]},
        },
    },
}  # fmt: skip
_KEPT_ONLY = {"type": "keyword", "index": False, "doc_values": False}
MAPPINGS: Mapping[str, Any] = {
    "dynamic": "strict",
    "_meta": {"form": FORM},
    "_source": {"excludes": ["said"]},
    "properties": {
        "post_id": {"type": "long"},
        "version": {"type": "long"},
        "cluster_id": {"type": "long"},
        "said": {
            "type": "text",
            "analyzer": "said",
            "fields": {
                "fold": {"type": "text", "analyzer": "fold"},
                "shingle": {"type": "text", "analyzer": "shingle", "norms": False},
            },
        },
        "title": _KEPT_ONLY,
        "text": _KEPT_ONLY,
        "url": _KEPT_ONLY,
        **{name: {"type": "keyword"} for name in ("source", "kind", "act", "harm", "province", "state")},
        **{name: {"type": "boolean"} for name in ("flagged", "protected", "uncertain")},
        "harmful": {"type": "double"},
        "published": {"type": "date", "format": "epoch_second"},
        "vector": {
            "type": "dense_vector",
            "dims": VECTOR,
            "index": True,
            "similarity": "cosine",
            "index_options": {"type": "int8_hnsw"},
        },
    },
}
_SHOWN = ("post_id", "title", "text")
_AGGREGATIONS: Mapping[str, Any] = {
    **{name: {"terms": {"field": name, "size": 200}} for name in FACETS},
    "week": {
        "date_histogram": {
            "field": "published",
            "calendar_interval": "week",
            "time_zone": "Asia/Ho_Chi_Minh",
            "format": "yyyy-MM-dd",
            "min_doc_count": 1,
        }
    },
}


def made(document: Document) -> dict[str, Any]:
    """Return the body of a document; what is empty is left out, so that facets do not count it."""
    kept = source(document)
    if document.vector:
        kept["vector"] = list(document.vector)
    return {name: value for name, value in kept.items() if value not in ("", None, [])}


def kept(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `search.source.read` reads, from the body of a document."""
    empty = {"title": "", "text": "", "url": "", "source": "", "kind": "", "act": "", "state": ""}
    return {**empty, "harm": [], "province": [], "published": None, **body}


def question(query: Query) -> dict[str, Any]:
    """Return the body of a search."""
    terms = parse(query.text)
    body: dict[str, Any] = {
        "query": _matching(query, terms),
        "size": max(0, query.limit) + 1,
        "sort": _sort(query, terms),
        "track_scores": True,
        "track_total_hits": True,
        "_source": list(_SHOWN),
        "aggs": dict(_AGGREGATIONS),
    }
    if after := _values(query.after, len(body["sort"])):
        body["search_after"] = after
    return body


def results(query: Query, answer: Mapping[str, Any]) -> Results:
    """Return the answer to a search."""
    terms = parse(query.text)
    limit = max(0, query.limit)
    page = answer["hits"]["hits"][:limit]
    more = limit and len(answer["hits"]["hits"]) > limit
    found = answer["aggregations"]
    scored = query.order == "relevance" and bool(terms)
    return Results(
        total=int(answer["hits"]["total"]["value"]),
        hits=tuple(hit(one, float(one["_score"] or 0) if scored else 0.0, terms) for one in page),
        facets={name: _counts(found[name]["buckets"]) for name in FACETS},
        weeks=tuple(
            (date.fromisoformat(bucket["key_as_string"]), int(bucket["doc_count"]))
            for bucket in found["week"]["buckets"]
        ),
        next=_cursor(page[-1]["sort"]) if more else "",
    )


def hit(one: Mapping[str, Any], score: float, terms: Sequence[Term]) -> Hit:
    """Return a hit; the same code as for the embedded engine finds what to mark."""
    body = kept(one["_source"])
    snippet, ranges = excerpt(body["title"], body["text"], terms)
    return Hit(int(body["post_id"]), score, body["title"], snippet, ranges)


def alike_by_words(probe: Probe, size: int) -> dict[str, Any]:
    """Return the body that ranks by BM25 the posts with a share of the first words of a text."""
    said = first_words(probe.text)
    any_of = {
        "bool": {
            "should": [{"match": {"said.fold": word}} for word in said],
            "minimum_should_match": least_shared(len(said)),
            **_others(probe),
        }
    }
    return {"query": any_of if said else {"match_none": {}}, "size": size, "_source": list(_SHOWN)}


def alike_by_vector(probe: Probe, size: int) -> dict[str, Any]:
    """Return the body that ranks by cosine."""
    near: dict[str, Any] = {
        "field": "vector",
        "query_vector": list(probe.vector),
        "k": size,
        "num_candidates": max(size, 200),
        "similarity": NEAR,
    }
    if others := _others(probe):
        near["filter"] = {"bool": others}
    return {"knn": near, "size": size, "_source": list(_SHOWN)}


def _others(probe: Probe) -> dict[str, Any]:
    own = probe.not_in_cluster
    return {} if own is None else {"must_not": [{"term": {"cluster_id": own}}]}


def _matching(query: Query, terms: Sequence[Term]) -> dict[str, Any]:
    narrowed: list[dict[str, Any]] = [
        {"terms": {name: list(values)}} for name, values in query.filters().items()
    ]
    between = {}
    if query.since is not None:
        between["gte"] = str(int(query.since.timestamp()))
    if query.until is not None:
        between["lt"] = str(int(query.until.timestamp()))
    if between:
        narrowed.append({"range": {"published": between}})
    if query.above >= 0:
        narrowed.append({"range": {"post_id": {"gt": query.above}}})
    return {
        "bool": {
            "must": [_either(term) for term in terms if not term.excluded],
            "must_not": [_folded(term) for term in terms if term.excluded],
            "filter": narrowed,
        }
    }


def _either(term: Term) -> dict[str, Any]:
    if term.prefix:
        return _folded(term)
    kind = "match_phrase" if len(term.words) > 1 else "match"
    exact = {kind: {"said": {"query": " ".join(term.words), "boost": _DIACRITICS_BOOST}}}
    return {"bool": {"should": [_folded(term), exact], "minimum_should_match": 1}}


def _folded(term: Term) -> dict[str, Any]:
    said = " ".join(term.folded)
    if term.prefix:
        return {"constant_score": {"filter": {"prefix": {"said.fold": said}}}}
    if len(term.words) == 1:
        return {"match": {"said.fold": said}}
    # Pairs of words are rarer than words: a phrase reads far less of the index this way.
    return {"match_phrase": {"said.shingle": said}}


def _sort(query: Query, terms: Sequence[Term]) -> list[dict[str, Any]]:
    by_id = {"post_id": "desc"}
    if query.order == "harmful":
        return [{"harmful": "desc"}, by_id]
    if query.order == "newest" or not terms:
        return [{"published": {"order": "desc", "missing": "_last"}}, by_id]
    return [{"_score": "desc"}, by_id]


def _cursor(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _values(cursor: str, number: int) -> list[Any] | None:
    """Return the sort values that a page's `next` holds; None when it holds none of this order."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        return None
    sound = isinstance(values, list) and len(values) == number
    return values if sound and all(isinstance(v, int | float | None) for v in values) else None


def _counts(buckets: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counted = [(str(b.get("key_as_string", b["key"])), int(b["doc_count"])) for b in buckets]
    return dict(sorted(counted, key=lambda pair: (-pair[1], pair[0])))
