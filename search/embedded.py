"""The embedded engine: a tantivy index in a folder, shared by the processes of one machine."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import tantivy
from filelock import FileLock, Timeout
from tantivy import Occur

from search.engine import FACETS, Document, Hit, IndexBroken, IndexBusy, Query, Results
from search.terms import Term, highlight, parse, words
from store.text import fold

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_HEAP = 64_000_000
_WAIT = timedelta(seconds=60)
_REBUILD_COMMIT = 50_000
_DIACRITICS_BOOST = 2.0


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("post_id", stored=True, indexed=True, fast=True)
    for name in ("folded", "exact"):
        builder.add_text_field(name, tokenizer_name="words", index_option="position")
    builder.add_bytes_field("title", stored=True)
    builder.add_bytes_field("text", stored=True)
    for name in FACETS:
        builder.add_text_field(name, tokenizer_name="raw", fast=True, index_option="basic")
    builder.add_float_field("harmful", fast=True)
    builder.add_integer_field("published", indexed=True, fast=True)
    builder.add_integer_field("week", fast=True)
    return builder.build()


@dataclass
class _Open:
    name: str
    index: tantivy.Index


class TantivyEngine:
    """See `search.engine.SearchEngine`.

    The folder holds `index-…` and a file `current` that names the one in use. A write holds the lock
    file, so processes take turns; the lock goes with its process. tantivy commits are atomic: a killed
    write leaves the index as it was before.
    """

    def __init__(self, folder: Path, wait: timedelta = _WAIT) -> None:
        self.folder = folder
        self._wait = wait
        self._schema = _schema()
        self._reader: _Open | None = None
        self._guard = threading.Lock()

    def put(self, documents: Iterable[Document]) -> None:
        made = [(document.post_id, self._made(document)) for document in documents]
        if not made:
            return
        with self._writing() as index:
            writer = index.writer(_HEAP, 1)
            for post_id, document in made:
                writer.delete_documents_by_term("post_id", post_id)
                writer.add_document(document)
            writer.commit()
            writer.wait_merging_threads()

    def delete(self, post_ids: Sequence[int]) -> None:
        with self._writing() as index:
            writer = index.writer(_HEAP, 1)
            for post_id in post_ids:
                writer.delete_documents_by_term("post_id", post_id)
            writer.commit()
            writer.wait_merging_threads()

    def search(self, query: Query) -> Results:
        searcher = self._searcher()
        terms = parse(query.text)
        asked = self._asked(query, terms)
        field = {"newest": "published", "harmful": "harmful"}.get(query.order)
        if field is None and not terms:
            field = "published"
        # Documents without a time have no value to be ordered by; tantivy puts them last.
        found = searcher.search(asked, limit=max(1, query.limit), offset=query.offset, order_by_field=field)
        hits = found.hits[: query.limit]
        counted = searcher.aggregate(asked, _AGGREGATIONS)
        return Results(
            total=int(counted["total"]["value"]),
            hits=tuple(self._hit(searcher.doc(address), float(score or 0), terms) for score, address in hits),
            facets={
                name: {str(bucket["key"]): int(bucket["doc_count"]) for bucket in counted[name]["buckets"]}
                for name in FACETS
            },
            weeks=tuple(
                sorted(
                    (date.fromordinal(int(bucket["key"])), int(bucket["doc_count"]))
                    for bucket in counted["week"]["buckets"]
                )
            ),
        )

    def count(self) -> int:
        return int(self._searcher().num_docs)

    def rebuild(
        self, documents: Iterable[Document], progress: Callable[[int], None] = lambda done: None
    ) -> None:
        with self._locked(None):
            old = self._current()
            name = f"index-{secrets.token_hex(6)}"
            index = self._create(name)
            writer = index.writer(_HEAP, 1)
            done = 0
            for document in documents:
                writer.add_document(self._made(document))
                done += 1
                if done % 500 == 0:
                    progress(done)
                if done % _REBUILD_COMMIT == 0:
                    writer.commit()
            writer.commit()
            writer.wait_merging_threads()
            progress(done)
            self._point_to(name)
            for path in self.folder.glob("index-*"):
                if path.name not in {name, old}:
                    shutil.rmtree(path, ignore_errors=True)
            if old is not None:
                shutil.rmtree(self.folder / old, ignore_errors=True)

    def close(self) -> None:
        with self._guard:
            self._reader = None

    def _made(self, document: Document) -> tantivy.Document:
        made = tantivy.Document()
        made.add_integer("post_id", document.post_id)
        said = (
            document.text
            if document.text.startswith(document.title)
            else f"{document.title}\n{document.text}"
        )
        found = words(said)
        made.add_text("exact", " ".join(found))
        made.add_text("folded", " ".join(fold(word) for word in found))
        made.add_bytes("title", document.title.encode("utf-8", "replace"))
        made.add_bytes("text", document.text.encode("utf-8", "replace"))
        for name in ("source", "kind", "act", "state"):
            if value := getattr(document, name):
                made.add_text(name, value)
        for harm in document.harms:
            made.add_text("harm", harm)
        for name in ("flagged", "protected", "uncertain"):
            made.add_text(name, _yes(getattr(document, name)))
        made.add_float("harmful", document.harmful)
        if document.published is not None:
            made.add_integer("published", int(document.published.timestamp()))
            day = document.published.astimezone(VIETNAM).date()
            made.add_integer("week", day.toordinal() - day.weekday())
        return made

    def _asked(self, query: Query, terms: Sequence[Term]) -> tantivy.Query:
        parts: list[tuple[Occur, tantivy.Query]] = [(Occur.Must, tantivy.Query.all_query())]
        for term in terms:
            parts.append(
                (Occur.MustNot, self._term("folded", term.folded))
                if term.excluded
                else (Occur.Must, self._either(term))
            )
        chosen = {
            "source": query.sources,
            "kind": query.kinds,
            "act": query.acts,
            "harm": query.harms,
            "state": query.states,
        }
        for name in ("flagged", "protected", "uncertain"):
            wanted = getattr(query, name)
            if wanted is not None:
                chosen[name] = (_yes(wanted),)
        for name, values in chosen.items():
            if values:
                parts.append(
                    (Occur.Must, _unscored(tantivy.Query.term_set_query(self._schema, name, list(values))))
                )
        if query.since is not None or query.until is not None:
            parts.append((Occur.Must, _unscored(self._between(query.since, query.until))))
        return tantivy.Query.boolean_query(parts)

    def _either(self, term: Term) -> tantivy.Query:
        exact = tantivy.Query.boost_query(self._term("exact", term.words), _DIACRITICS_BOOST)
        return tantivy.Query.boolean_query(
            [(Occur.Should, self._term("folded", term.folded)), (Occur.Should, exact)]
        )

    def _term(self, field: str, said: tuple[str, ...]) -> tantivy.Query:
        if len(said) == 1:
            return tantivy.Query.term_query(self._schema, field, said[0], "freq")
        return tantivy.Query.phrase_query(self._schema, field, list(said))

    def _between(self, since: datetime | None, until: datetime | None) -> tantivy.Query:
        low = int(since.timestamp()) if since is not None else -(2**62)
        high = int(until.timestamp()) if until is not None else 2**62
        return tantivy.Query.range_query(
            self._schema, "published", tantivy.FieldType.Integer, low, high, include_upper=False
        )

    def _hit(self, document: tantivy.Document, score: float, terms: Sequence[Term]) -> Hit:
        text = bytes(document.get_first("text") or b"").decode()
        snippet, ranges = highlight(text, terms)
        return Hit(
            post_id=int(document.get_first("post_id") or 0),
            score=score,
            title=bytes(document.get_first("title") or b"").decode(),
            snippet=snippet,
            highlights=ranges,
        )

    def _searcher(self) -> tantivy.Searcher:
        with self._guard:
            name = self._current()
            if name is None:
                with self._locked(self._wait):
                    name = self._current() or self._first()
            if self._reader is None or self._reader.name != name:
                self._reader = _Open(name, self._open(name))
            try:
                self._reader.index.reload()
            except (ValueError, OSError):
                # It was rebuilt between the two looks, or it is broken: opening it says which.
                self._reader = _Open(name, self._open(self._current() or name))
            return self._reader.index.searcher()

    @contextmanager
    def _writing(self) -> Iterator[tantivy.Index]:
        with self._locked(self._wait):
            index = self._open(self._current() or self._first())
            try:
                yield index
            except (ValueError, OSError) as error:
                raise IndexBroken(f"Không ghi được chỉ mục {self.folder}: {error}. {_REMEDY}") from error

    @contextmanager
    def _locked(self, wait: timedelta | None) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "write.lock", timeout=-1 if wait is None else wait.total_seconds())
        try:
            with lock:
                yield
        except Timeout as error:
            raise IndexBusy(f"Chỉ mục {self.folder} đang được ghi; sẽ thử lại.") from error

    def _current(self) -> str | None:
        try:
            return (self.folder / "current").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def _first(self) -> str:
        name = f"index-{secrets.token_hex(6)}"
        self._create(name)
        self._point_to(name)
        return name

    def _point_to(self, name: str) -> None:
        aside = self.folder / "current.part"
        with aside.open("w", encoding="utf-8") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.folder / "current")

    def _create(self, name: str) -> tantivy.Index:
        path = self.folder / name
        path.mkdir(parents=True)
        return self._ready(tantivy.Index(self._schema, path=str(path)))

    def _open(self, name: str) -> tantivy.Index:
        try:
            return self._ready(tantivy.Index(self._schema, path=str(self.folder / name), reuse=True))
        except (ValueError, OSError) as error:
            raise IndexBroken(f"Không mở được chỉ mục {self.folder / name}: {error}. {_REMEDY}") from error

    @staticmethod
    def _ready(index: tantivy.Index) -> tantivy.Index:
        # Words are split by `search.terms`, for the index and for what is typed alike.
        index.register_tokenizer("words", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        return index


_REMEDY = "Chạy `kiemtin reindex` để dựng lại từ cơ sở dữ liệu."
_AGGREGATIONS: dict[str, Any] = {
    **{name: {"terms": {"field": name, "size": 200}} for name in FACETS},
    "total": {"value_count": {"field": "post_id"}},
    "week": {"terms": {"field": "week", "size": 2000}},
}


def _unscored(query: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, 0.0)


def _yes(value: bool) -> str:
    return "true" if value else "false"
