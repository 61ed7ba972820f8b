"""Elasticsearch: 100 000 posts in bulk, and ten questions over 300 000, against the plain client.

The reference of the bulk is `helpers.async_streaming_bulk` with the same index settings, mapping, chunks and
ids, given bodies that are ready made; ours is given documents. They take turns of 10 000 posts, each into an
index of its own. The reference of a question is its ready-made body sent by the plain client.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

from elasticsearch import AsyncElasticsearch, Elasticsearch
from elasticsearch.helpers import async_streaming_bulk

from bench.corpus import documents
from bench.measure import Measure
from bench.questions import POSTS, asked, latencies, measures
from search import elastic_form as form
from search.elastic import CHUNK, CHUNK_BYTES, Access, ElasticEngine
from search.engine import Document

_BULK = 100_000
_TURN = 10_000


def run() -> Iterable[Measure]:
    """Fill an index beside a plain one, fill it up, then ask."""
    url = os.environ.get("KIEMTIN_TEST_ELASTICSEARCH_URL", "")
    if not url:
        raise SystemExit("set KIEMTIN_TEST_ELASTICSEARCH_URL to an Elasticsearch that may be filled")
    name = f"kiemtin-bench-{secrets.token_hex(4)}"
    engine = ElasticEngine(Access((url,), name))
    source = documents(POSTS)
    with _cleared(url, name) as client:
        client.indices.create(index=f"{name}-raw", settings=form.SETTINGS, mappings=form.MAPPINGS)
        engine.count()  # makes the index
        ours = raw = 0.0
        for turn in range(_BULK // _TURN):
            page = list(islice(source, _TURN))
            bodies = [form.made(document) for document in page]
            # Each goes first as often as the other.
            if turn % 2:
                raw += _raw(url, f"{name}-raw", page, bodies)
            ours += _ours(engine, page)
            if not turn % 2:
                raw += _raw(url, f"{name}-raw", page, bodies)
        yield Measure(
            "elasticsearch", "bulk of 100 000 posts, against async_streaming_bulk", round(_BULK / ours),
            round(_BULK / raw), "≥ 0.85 × raw", raw >= 0.85 * ours, "posts/s",
        )  # fmt: skip
        client.indices.delete(index=f"{name}-raw")
        engine.put(source)
        engine.refresh()
        size = client.indices.stats(index=name)["_all"]["primaries"]["store"]["size_in_bytes"] / POSTS
        yield Measure(
            "elasticsearch", "size on disk", round(size), None, "≤ 5000 bytes a post", size <= 5000,
            "bytes/post",
        )  # fmt: skip
        mine, plain = {}, {}
        for label, query in asked(engine).items():
            body = form.question(query)
            mine[label], plain[label] = latencies(
                partial(engine.search, query), partial(client.search, index=name, body=body)
            )
        yield from measures("elasticsearch", mine, plain, "the plain client", 1.2)
    engine.close()


def _ours(engine: ElasticEngine, page: Sequence[Document]) -> float:
    began = time.perf_counter()
    errors = engine.put(page)
    taken = time.perf_counter() - began
    if errors:
        raise SystemExit(f"{len(errors)} posts were refused: {next(iter(errors.values()))}")
    return taken


def _raw(url: str, index: str, page: Sequence[Document], bodies: Sequence[dict[str, Any]]) -> float:
    actions = [
        {
            "_op_type": "index", "_index": index, "_id": str(document.post_id), "_source": body,
            "version": document.version, "version_type": "external_gte",
        }
        for document, body in zip(page, bodies, strict=True)
    ]  # fmt: skip

    async def stream() -> None:
        async with AsyncElasticsearch(url) as client:
            async for _ in async_streaming_bulk(
                client, actions, chunk_size=CHUNK, max_chunk_bytes=CHUNK_BYTES
            ):
                pass

    began = time.perf_counter()
    asyncio.run(stream())
    return time.perf_counter() - began


@contextmanager
def _cleared(url: str, name: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(url, request_timeout=120) as client:
        try:
            yield client
        finally:
            for index in client.indices.get(index=f"{name}*"):
                client.indices.delete(index=index)
