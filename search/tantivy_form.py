"""How documents and questions look to tantivy; reads and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import tantivy
from tantivy import Occur

from search.alike import first_words
from search.engine import FACETS, Document, Probe, Query
from search.source import source, week
from search.terms import Term
from store.text import fold

SCALE = 127.0
_DIACRITICS_BOOST = 2.0
# A key of order is unique: seconds since 1697 above, the post_id in the lowest 29 bits.
_ID_BITS = 29
_EPOCH = 1 << 33
_LATEST = (1 << 34) - 1
AGGREGATIONS: dict[str, Any] = {
    **{name: {"terms": {"field": name, "size": 200}} for name in FACETS},
    "total": {"value_count": {"field": "post_id"}},
    "week": {"terms": {"field": "week", "size": 2000}},
}


def schema() -> tantivy.Schema:
    """Return the fields of the index."""
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("post_id", stored=True, indexed=True, fast=True)
    builder.add_integer_field("version", fast=True)
    builder.add_integer_field("cluster_id", indexed=True)
    for name in ("folded", "exact"):
        builder.add_text_field(name, tokenizer_name="words", index_option="position")
    for name in ("document", "vector"):
        builder.add_bytes_field(name, stored=True)
    for name in FACETS:
        builder.add_text_field(name, tokenizer_name="raw", fast=True, index_option="basic")
    for name in ("published", "newest", "harmful"):
        builder.add_integer_field(name, indexed=True, fast=True)
    builder.add_integer_field("week", fast=True)
    return builder.build()


def made(document: Document) -> tantivy.Document:
    """Return a document as tantivy takes it."""
    made = tantivy.Document()
    kept = source(document)
    for name in ("post_id", "version", "cluster_id"):
        made.add_integer(name, kept[name])
    said = kept.pop("said")
    made.add_text("exact", said)
    made.add_text("folded", fold(said))
    made.add_bytes("document", json.dumps(kept, ensure_ascii=False).encode())
    if document.vector:
        made.add_bytes("vector", np.rint(np.asarray(document.vector) * SCALE).astype(np.int8).tobytes())
    for name in ("source", "kind", "act", "state"):
        if kept[name]:
            made.add_text(name, kept[name])
    for name in ("harm", "province"):
        for value in kept[name]:
            made.add_text(name, value)
    for name in ("flagged", "protected", "uncertain"):
        made.add_text(name, _yes(kept[name]))
    made.add_integer("harmful", round(document.harmful * 1e6) << _ID_BITS | document.post_id)
    seconds = kept["published"]
    made.add_integer("newest", _moment(seconds) << _ID_BITS | document.post_id)
    if seconds is not None:
        made.add_integer("published", seconds)
        made.add_integer("week", week(seconds).toordinal())
    return made


def question(schema: tantivy.Schema, query: Query, terms: Sequence[Term]) -> tantivy.Query:
    """Return what all posts asked for match."""
    parts: list[tuple[Occur, tantivy.Query]] = [(Occur.Must, tantivy.Query.all_query())]
    for term in terms:
        wanted = _folded(schema, term) if term.excluded else _either(schema, term)
        parts.append((Occur.MustNot if term.excluded else Occur.Must, wanted))
    for name, values in query.filters().items():
        chosen = [_yes(value) if isinstance(value, bool) else value for value in values]
        parts.append((Occur.Must, _unscored(tantivy.Query.term_set_query(schema, name, chosen))))
    if query.since is not None or query.until is not None:
        low = int(query.since.timestamp()) if query.since is not None else None
        high = int(query.until.timestamp()) if query.until is not None else None
        between = tantivy.Query.range_query(
            schema, "published", tantivy.FieldType.Integer, low, high, include_upper=high is None
        )
        parts.append((Occur.Must, _unscored(between)))
    if query.above >= 0:
        higher = tantivy.Query.range_query(
            schema, "post_id", tantivy.FieldType.Integer, query.above, None, include_lower=False
        )
        parts.append((Occur.Must, _unscored(higher)))
    return tantivy.Query.boolean_query(parts)


def order_of(query: Query, terms: Sequence[Term]) -> str | None:
    """Return the key to order by, or None for relevance; without words nothing is more relevant."""
    if query.order == "harmful":
        return "harmful"
    return "newest" if query.order == "newest" or not terms else None


def below(schema: tantivy.Schema, asked: tantivy.Query, key: str, after: str) -> tantivy.Query:
    """Return `asked` without the pages up to the key `after`."""
    if not number(after):
        return asked
    rest = tantivy.Query.range_query(
        schema, key, tantivy.FieldType.Integer, None, number(after), include_upper=False
    )
    return tantivy.Query.boolean_query([(Occur.Must, asked), (Occur.Must, _unscored(rest))])


def number(after: str) -> int:
    """Return the number that a page's `next` holds; 0 when it holds none."""
    return int(after) if after.isascii() and after.isdigit() and len(after) < 20 else 0


def alike(schema: tantivy.Schema, probe: Probe, least: int) -> tantivy.Query:
    """Return what posts match that have at least so many of the first words of a text."""
    said = first_words(probe.text)
    if not said:
        return tantivy.Query.empty_query()
    any_of = [(Occur.Should, tantivy.Query.term_query(schema, "folded", word, "freq")) for word in said]
    asked = tantivy.Query.boolean_query(any_of, minimum_number_should_match=least)
    if probe.not_in_cluster is None:
        return asked
    own = tantivy.Query.term_query(schema, "cluster_id", probe.not_in_cluster)
    return tantivy.Query.boolean_query([(Occur.Must, asked), (Occur.MustNot, own)])


def _either(schema: tantivy.Schema, term: Term) -> tantivy.Query:
    if term.prefix:
        return _folded(schema, term)
    exact = tantivy.Query.boost_query(_said(schema, "exact", term.words), _DIACRITICS_BOOST)
    return tantivy.Query.boolean_query([(Occur.Should, _folded(schema, term)), (Occur.Should, exact)])


def _folded(schema: tantivy.Schema, term: Term) -> tantivy.Query:
    if term.prefix:
        # Words hold letters, digits and underscores only: nothing in them means anything to a pattern.
        return tantivy.Query.const_score_query(
            tantivy.Query.regex_query(schema, "folded", term.folded[0] + ".*"), 1.0
        )
    return _said(schema, "folded", term.folded)


def _said(schema: tantivy.Schema, field: str, said: tuple[str, ...]) -> tantivy.Query:
    if len(said) == 1:
        return tantivy.Query.term_query(schema, field, said[0], "freq")
    return tantivy.Query.phrase_query(schema, field, list(said))


def _moment(seconds: int | None) -> int:
    """Return a place in time that is never negative; what has no time stands before all else."""
    return 0 if seconds is None else min(max(seconds + _EPOCH, 1), _LATEST)


def _unscored(query: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, 0.0)


def _yes(value: bool) -> str:
    return "true" if value else "false"
