"""The embedded index with 300 000 posts: ten questions through our interface, and asked of tantivy itself.

The reference holds the query ready made and takes from tantivy all that an answer needs: the counts, and the
posts of the page. Ours also parses what was typed, looks for newer commits, and marks what was found.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path

import tantivy

from bench.corpus import documents
from bench.measure import Measure
from bench.questions import POSTS, asked, latencies, measures
from search import tantivy_form as form
from search.embedded import TantivyEngine
from search.engine import Query
from search.folder import IndexFolder
from search.terms import parse


def run() -> Iterable[Measure]:
    """Fill an index, then measure it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "search"
        engine = TantivyEngine(path)
        began = time.perf_counter()
        engine.rebuild(lambda: documents(POSTS))
        speed = POSTS / (time.perf_counter() - began)
        yield Measure(
            "search", "filling, with the vectors made", round(speed), None, "≥ 1000 posts/s", speed >= 1000,
            "posts/s",
        )  # fmt: skip
        size = sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) / POSTS
        yield Measure(
            "search", "size on disk", round(size), None, "≤ 3000 bytes a post", size <= 3000, "bytes/post"
        )
        searcher = IndexFolder(path, form.schema(), timedelta()).latest(None).index.searcher()
        ours, raw = {}, {}
        for name, query in asked(engine).items():
            ours[name], raw[name] = latencies(partial(engine.search, query), _raw(searcher, query))
        yield from measures("search", ours, raw, "raw tantivy", 1.2)
        engine.close()


def _raw(searcher: tantivy.Searcher, query: Query) -> Callable[[], object]:
    schema = form.schema()
    terms = parse(query.text)
    counted = form.question(schema, query, terms)
    key = form.order_of(query, terms)
    paged = counted if key is None else form.below(schema, counted, key, query.after)
    limit = query.limit + 1

    def ask() -> object:
        facets = searcher.aggregate(counted, form.AGGREGATIONS)
        found = searcher.search(paged, limit=limit, order_by_field=key).hits
        posts = [searcher.doc(address).get_first("document") for _, address in found[: query.limit]]
        return facets, [json.loads(post or b"") for post in posts]

    return ask
