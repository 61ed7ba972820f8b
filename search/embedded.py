"""The embedded engine: a tantivy index in a folder, shared by the processes of one machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tantivy

from search import tantivy_form as form
from search.alike import CANDIDATES, NEAR, first_words, fuse, least_shared
from search.engine import FACETS, Document, Hit, Probe, Query, Results
from search.folder import IndexFolder, Opened
from search.source import read
from search.terms import Term, excerpt, parse

_HEAP = 64_000_000
_WAIT = timedelta(seconds=60)
_CHUNK = 500


class TantivyEngine:
    """See `search.engine.SearchEngine`, and `search.folder` for how processes share the folder.

    tantivy commits are atomic: a killed write leaves the index as it was before.
    """

    def __init__(self, folder: Path, wait: timedelta = _WAIT) -> None:
        self._schema = form.schema()
        self._folder = IndexFolder(folder, self._schema, wait)
        self._reader: Opened | None = None
        self._guard = threading.Lock()

    def put(self, documents: Iterable[Document]) -> dict[int, str]:
        """Write documents in one commit."""
        newest = _newest_of_each(documents)
        if not newest:
            return {}
        with self._folder.writing() as index, self._folder.telling():
            there = _versions_in(index.searcher(), self._schema, list(newest))
            wanted = [
                document for document in newest.values() if document.version >= there.get(document.post_id, 0)
            ]
            if wanted:
                writer = index.writer(_HEAP, 1)
                _add(writer, wanted, again=bool(there))
                _finish(writer)
        return {}

    def delete(self, post_ids: Sequence[int]) -> None:
        """Take posts out in one commit."""
        if not post_ids:
            return
        with self._folder.writing() as index, self._folder.telling():
            writer = index.writer(_HEAP, 1)
            for post_id in post_ids:
                writer.delete_documents_by_term("post_id", post_id)
            _finish(writer)

    def refresh(self) -> None:
        """Do nothing: every search looks at what was committed last."""

    def search(self, query: Query) -> Results:
        """Answer a question; the facets and the page come from one moment of the index."""
        searcher = self._searcher()
        terms = parse(query.text)
        asked = form.question(self._schema, query, terms)
        key = form.order_of(query, terms)
        # tantivy sets room aside for all that is asked for, and ends the process where there is not enough.
        limit = min(max(0, query.limit), searcher.num_docs)
        with self._folder.telling():
            counted = searcher.aggregate(asked, form.AGGREGATIONS)
            if key is None:
                offset = min(form.number(query.after), searcher.num_docs)
                found = searcher.search(asked, limit=limit + 1, offset=offset).hits
                more = str(offset + limit)
            else:
                paged = form.below(self._schema, asked, key, query.after)
                found = searcher.search(paged, limit=limit + 1, order_by_field=key).hits
                more = str(found[limit - 1][0]) if limit and len(found) >= limit else ""
            page = [
                _hit(_source(searcher, address), 0.0 if key else float(score or 0), terms)
                for score, address in found[:limit]
            ]
        return Results(
            total=int(counted["total"]["value"]),
            hits=tuple(page),
            facets={name: _counts(counted[name]) for name in FACETS},
            weeks=tuple(
                sorted(
                    (date.fromordinal(int(bucket["key"])), int(bucket["doc_count"]))
                    for bucket in counted["week"]["buckets"]
                )
            ),
            next=more if len(found) > limit > 0 else "",
        )

    def similar(self, probe: Probe) -> tuple[Hit, ...]:
        """Rank the posts that share words by BM25 and by vector."""
        searcher = self._searcher()
        with self._folder.telling():
            least = least_shared(len(first_words(probe.text)))
            asked = form.alike(self._schema, probe, least)
            limit = min(CANDIDATES, max(1, searcher.num_docs))
            by_words = [address for _, address in searcher.search(asked, limit=limit).hits]
            loose = form.alike(self._schema, probe, 1)
            candidates = [searcher.doc(address) for _, address in searcher.search(loose, limit=limit).hits]
            by_id = {int(document.get_first("post_id") or 0): document for document in candidates}
            words_first = [int(i) for i in searcher.fast_field_values("post_id", by_words) if i is not None]
            fused = fuse([words_first, _by_vector(by_id, probe)])[: probe.limit]
            return tuple(
                _hit(json.loads(bytes(by_id[post_id].get_first("document") or b"")), score, [])
                for post_id, score in fused
                if post_id in by_id
            )

    def count(self) -> int:
        """Return how many posts are in the index."""
        return int(self._searcher().num_docs)

    def versions(self, after: int = -1, limit: int = 5000) -> list[tuple[int, int]]:
        """Read post_id and version of many posts from columns, without their texts."""
        searcher = self._searcher()
        above = tantivy.Query.range_query(
            self._schema, "post_id", tantivy.FieldType.Integer, after, None, include_lower=False
        )
        with self._folder.telling():
            room = min(limit, max(1, searcher.num_docs))
            hits = searcher.search(above, limit=room, order_by_field="post_id", order=tantivy.Order.Asc).hits
            versions = searcher.fast_field_values("version", [address for _, address in hits])
        return [(int(key), int(version or 0)) for (key, _), version in zip(hits, versions, strict=True)]

    def fetch(self, post_ids: Sequence[int]) -> dict[int, Document]:
        """Return documents as they were put, without their vectors."""
        if not post_ids:
            return {}
        searcher = self._searcher()
        with self._folder.telling():
            asked = tantivy.Query.term_set_query(self._schema, "post_id", list(post_ids))
            hits = searcher.search(asked, limit=len(post_ids)).hits
            found = [read(_source(searcher, address)) for _, address in hits]
        return {document.post_id: document for document in found}

    def rebuild(
        self,
        documents: Callable[[], Iterable[Document]],
        changed: Callable[[], Iterable[Document]] = tuple,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Build a new index; writers wait for it, so `changed` is asked once."""
        done = 0
        with self._folder.replacing() as index:
            writer = index.writer(_HEAP, 1)
            source = iter(documents())
            while made := list(islice(source, _CHUNK)):
                with self._folder.telling():
                    _add(writer, made, again=False)
                done += len(made)
                progress(done)
            with self._folder.telling():
                _add(writer, _newest_of_each(changed()).values(), again=True)
                _finish(writer)
            progress(done)

    def close(self) -> None:
        """Let go of the index."""
        with self._guard:
            self._reader = None

    def _searcher(self) -> tantivy.Searcher:
        with self._guard:
            self._reader = self._folder.latest(self._reader)
            return self._reader.index.searcher()


def _newest_of_each(documents: Iterable[Document]) -> dict[int, Document]:
    newest: dict[int, Document] = {}
    for document in documents:
        held = newest.get(document.post_id)
        if held is None or document.version >= held.version:
            newest[document.post_id] = document
    return newest


def _versions_in(searcher: tantivy.Searcher, schema: tantivy.Schema, post_ids: list[int]) -> dict[int, int]:
    asked = tantivy.Query.term_set_query(schema, "post_id", post_ids)
    found = [address for _, address in searcher.search(asked, limit=len(post_ids)).hits]
    ids = searcher.fast_field_values("post_id", found)
    versions = searcher.fast_field_values("version", found)
    return {int(i): int(v or 0) for i, v in zip(ids, versions, strict=True) if i is not None}


def _add(writer: tantivy.IndexWriter, documents: Iterable[Document], *, again: bool) -> None:
    for document in documents:
        if again:
            writer.delete_documents_by_term("post_id", document.post_id)
        writer.add_document(form.made(document))


def _finish(writer: tantivy.IndexWriter) -> None:
    writer.commit()
    writer.wait_merging_threads()


def _by_vector(by_id: dict[int, tantivy.Document], probe: Probe) -> list[int]:
    vectors = {
        post_id: np.frombuffer(bytes(kept), dtype=np.int8)
        for post_id, document in by_id.items()
        if (kept := document.get_first("vector"))
    }
    if not vectors or not probe.vector:
        return []
    matrix = np.stack(list(vectors.values())).astype(np.float32) / form.SCALE
    near = matrix @ np.asarray(probe.vector, dtype=np.float32)
    ranked = sorted(zip(near, vectors, strict=True), key=lambda pair: (-pair[0], -pair[1]))
    return [post_id for cosine, post_id in ranked if cosine >= NEAR]


def _source(searcher: tantivy.Searcher, address: tantivy.DocAddress) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(bytes(searcher.doc(address).get_first("document") or b"{}"))
    return kept


def _hit(source: dict[str, Any], score: float, terms: Sequence[Term]) -> Hit:
    snippet, ranges = excerpt(source["title"], source["text"], terms)
    return Hit(source["post_id"], score, source["title"], snippet, ranges)


def _counts(facet: Any) -> dict[str, int]:
    buckets = [(str(bucket["key"]), int(bucket["doc_count"])) for bucket in facet["buckets"]]
    return dict(sorted(buckets, key=lambda pair: (-pair[1], pair[0])))
