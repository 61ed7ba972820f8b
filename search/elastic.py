"""The engine for many machines: an Elasticsearch cluster. One versioned index stands behind two aliases."""

from __future__ import annotations

import asyncio
import base64
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from elastic_transport import ConnectionError as NoConnection
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, AsyncElasticsearch, BadRequestError, Elasticsearch, NotFoundError
from elasticsearch.helpers import async_streaming_bulk

from search import elastic_form as form
from search.alike import CANDIDATES, fuse
from search.engine import (
    FACETS,
    Document,
    Hit,
    IndexBroken,
    IndexBusy,
    IndexDown,
    Probe,
    Query,
    Results,
    SearchError,
)
from search.source import read

CHUNK = 500
CHUNK_BYTES = 8 * 1024 * 1024
# `changed` is asked again until it gives no more than this, then once after the change of index.
_LITTLE = 1000
_ROUNDS = 10
_REMEDY = "Chạy `kiemtin reindex` để dựng lại từ cơ sở dữ liệu."


@dataclass(frozen=True)
class Access:
    """How to reach a cluster. An API key goes before user and password; none of them is ever logged."""

    hosts: tuple[str, ...]
    index: str = "kiemtin-posts"
    user: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    ca_file: str = ""
    timeout: float = 30.0

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments of a client; raises `SearchError` for a CA file that is none."""
        made: dict[str, Any] = {
            "hosts": list(self.hosts),
            "request_timeout": self.timeout,
            "retry_on_timeout": True,
            "max_retries": 3,
        }
        if self.api_key:
            made["api_key"] = self.api_key
        elif self.user:
            # The client itself would encode a pair as ASCII, and fail on a Vietnamese password.
            made["basic_auth"] = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self.ca_file:
            made["ssl_context"] = self._trusting()
        return made

    def _trusting(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise SearchError(
                f"KIEMTIN_SEARCH_CA_FILE={self.ca_file} không đọc được: {error.strerror or error}."
            ) from error


class ElasticEngine:
    """See `search.engine.SearchEngine`.

    Searches read the alias `NAME`, writes go to `NAME-write`; both lead to one index `NAME-…`. Writing
    asks for the alias, so a missing index is an error and never one made by accident. A document carries
    the version of the records: the cluster itself refuses a late write.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._read = access.index
        self._write = f"{access.index}-write"
        self._client = Elasticsearch(**access.options())
        self._sound = False

    def put(self, documents: Iterable[Document]) -> dict[int, str]:
        """Stream documents in bulks; at most one bulk is on its way, so a slow cluster slows its writers."""
        with self._telling():
            self._make_sure()
            return asyncio.run(self._bulk(self._write, documents, lambda done: None))

    def delete(self, post_ids: Sequence[int]) -> None:
        """Take posts out."""
        if not post_ids:
            return
        lines: list[dict[str, Any]] = [{"delete": {"_id": str(post_id)}} for post_id in post_ids]
        with self._telling():
            self._make_sure()
            answer = self._client.bulk(index=self._write, operations=lines, require_alias=True)
        failed = [item["delete"] for item in answer["items"] if item["delete"]["status"] not in {200, 404}]
        if failed:
            raise SearchError(f"Không xóa được {len(failed)} bài khỏi chỉ mục: {_reason(failed[0])}")

    def refresh(self) -> None:
        """Let searches see all that was written so far."""
        with self._telling():
            self._make_sure()
            self._client.indices.refresh(index=self._write)

    def search(self, query: Query) -> Results:
        """Answer a question in one request."""
        with self._telling():
            self._make_sure()
            try:
                answer = self._client.search(index=self._read, body=form.question(query))
            except BadRequestError:
                if not query.after:
                    raise
                # A cursor that someone has edited asks for what no page ends with.
                return Results(0, (), {name: {} for name in FACETS}, ())
        return form.results(query, dict(answer))

    def similar(self, probe: Probe) -> tuple[Hit, ...]:
        """Ask by words and by vector in one request; the ranks are fused here."""
        bodies = [form.alike_by_words(probe, CANDIDATES)]
        if probe.vector:
            bodies.append(form.alike_by_vector(probe, CANDIDATES))
        lines: list[dict[str, Any]] = [line for body in bodies for line in ({}, body)]
        with self._telling():
            self._make_sure()
            answers = self._client.msearch(index=self._read, searches=lines)["responses"]
        for answer in answers:
            if "error" in answer:
                raise SearchError(f"Elasticsearch từ chối câu hỏi: {_reason(answer)}")
        rankings = [answer["hits"]["hits"] for answer in answers]
        by_id = {int(one["_id"]): one for ranking in rankings for one in ranking}
        fused = fuse([[int(one["_id"]) for one in ranking] for ranking in rankings])[: probe.limit]
        return tuple(form.hit(by_id[post_id], score, []) for post_id, score in fused)

    def count(self) -> int:
        """Return how many posts are in the index."""
        with self._telling():
            self._make_sure()
            return int(self._client.count(index=self._read)["count"])

    def versions(self, after: int = -1, limit: int = 5000) -> list[tuple[int, int]]:
        """Read post_id and version from columns, without the documents."""
        with self._telling():
            self._make_sure()
            answer = self._client.search(
                index=self._read,
                size=limit,
                query={"range": {"post_id": {"gt": after}}},
                sort=[{"post_id": "asc"}],
                source=False,
                docvalue_fields=[{"field": "version"}],
                track_total_hits=False,
            )
        return [(int(one["sort"][0]), int(one["fields"]["version"][0])) for one in answer["hits"]["hits"]]

    def fetch(self, post_ids: Sequence[int]) -> dict[int, Document]:
        """Return documents as they were put, without their vectors."""
        if not post_ids:
            return {}
        with self._telling():
            self._make_sure()
            answer = self._client.mget(
                index=self._read, ids=[str(i) for i in post_ids], source_excludes=["vector"]
            )
        return {
            int(one["_id"]): read(form.kept(one["_source"])) for one in answer["docs"] if one.get("found")
        }

    def rebuild(
        self,
        documents: Callable[[], Iterable[Document]],
        changed: Callable[[], Iterable[Document]] = tuple,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Fill a new index while the old one is written and read, catch up, move both aliases at once."""
        with self._telling():
            name = self._create({})
            try:
                self._fill(name, documents(), progress)
                for _ in range(_ROUNDS):
                    if self._fill(name, changed()) <= _LITTLE:
                        break
                self._client.indices.refresh(index=name)
                old = self._indices()
                self._point_to(name, old)
            except BaseException:
                with suppress(ApiError, TransportError):
                    self._client.indices.delete(index=name, ignore_unavailable=True)
                raise
            self._sound = True
            # A write that was on its way while the aliases moved went to the old index.
            self._fill(name, changed())
            self._client.indices.refresh(index=name)
            for index in old - {name}:
                self._client.indices.delete(index=index, ignore_unavailable=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _fill(
        self, index: str, documents: Iterable[Document], progress: Callable[[int], None] = lambda done: None
    ) -> int:
        number = 0

        def counted() -> Iterator[Document]:
            nonlocal number
            for document in documents:
                number += 1
                yield document

        errors = asyncio.run(self._bulk(index, counted(), progress, alias=False))
        if errors:
            post_id, reason = next(iter(errors.items()))
            raise SearchError(f"{len(errors)} bài không ghi được vào chỉ mục mới; bài {post_id}: {reason}")
        return number

    async def _bulk(
        self,
        index: str,
        documents: Iterable[Document],
        progress: Callable[[int], None],
        *,
        alias: bool = True,
    ) -> dict[int, str]:
        errors: dict[int, str] = {}
        done = 0
        async with AsyncElasticsearch(**self._access.options()) as client:
            answers = async_streaming_bulk(
                client,
                _actions(documents, index, alias=alias),
                chunk_size=CHUNK,
                max_chunk_bytes=CHUNK_BYTES,
                raise_on_error=False,
                raise_on_exception=True,
                max_retries=5,
                initial_backoff=0.5,
                max_backoff=10,
            )
            async for ok, answer in answers:
                done += 1
                item = answer["index"]
                if not ok and item["status"] == 404 and alias:
                    raise IndexBroken(f"Chỉ mục {self._write} không còn. {_REMEDY}")
                # 409: a newer version is there already.
                if not ok and item["status"] != 409:
                    errors[int(item["_id"])] = _reason(item)
                if done % CHUNK == 0:
                    progress(done)
        progress(done)
        return errors

    def _make_sure(self) -> None:
        """Make the first index when there is none, and refuse one of another form."""
        if self._sound:
            return
        found = self._indices()
        if not found:
            with suppress(BadRequestError):  # another process makes it now
                self._create({self._read: {}, self._write: {"is_write_index": True}}, first=True)
            found = self._indices()
        for name in found:
            mapping = self._client.indices.get_mapping(index=name)[name]["mappings"]
            if mapping.get("_meta", {}).get("form") != form.FORM:
                raise IndexBroken(f"Chỉ mục {name} do một phiên bản khác lập. {_REMEDY}")
        self._sound = True

    def _indices(self) -> set[str]:
        try:
            return set(self._client.indices.get_alias(name=self._read))
        except NotFoundError:
            return set()

    def _create(self, aliases: dict[str, Any], *, first: bool = False) -> str:
        # The first one has a fixed name: of two processes that make it one is refused.
        stamp = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
        name = f"{self._read}-{'first' if first else stamp}"
        self._client.indices.create(
            index=name,
            settings=form.SETTINGS,
            mappings=form.MAPPINGS,
            aliases=aliases,
            wait_for_active_shards=1,
        )
        return name

    def _point_to(self, name: str, old: set[str]) -> None:
        actions: list[dict[str, Any]] = [
            {"remove": {"index": index, "aliases": [self._read, self._write]}} for index in old - {name}
        ]
        actions += [
            {"add": {"index": name, "alias": self._read}},
            {"add": {"index": name, "alias": self._write, "is_write_index": True}},
        ]
        self._client.indices.update_aliases(actions=actions)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn the client's errors into those of `search.engine`, which say what to do."""
        where = ", ".join(self._access.hosts)
        try:
            yield
        except TlsError as error:
            raise SearchError(
                f"Không tin được chứng thư TLS của Elasticsearch {where}: đặt KIEMTIN_SEARCH_CA_FILE là chứng"
                f" thư CA của cụm, và dùng tên máy có trong chứng thư. ({error.message})"
            ) from error
        except (NoConnection, ConnectionTimeout) as error:
            raise IndexDown(
                f"Elasticsearch {where} không trả lời; việc lập chỉ mục chờ trong cơ sở dữ liệu."
            ) from error
        except NotFoundError as error:
            self._sound = False
            raise IndexBroken(f"Chỉ mục {self._read} không còn. {_REMEDY}") from error
        except ApiError as error:
            raise _of_status(error, where) from error
        except TransportError as error:
            raise SearchError(f"Không nói chuyện được với Elasticsearch {where}: {error}") from error


def _of_status(error: ApiError, where: str) -> SearchError:
    status = error.status_code
    if status in {401, 403}:
        return SearchError(
            f"Elasticsearch {where} từ chối tài khoản (HTTP {status}): kiểm tra KIEMTIN_SEARCH_API_KEY,"
            " hoặc KIEMTIN_SEARCH_USER và KIEMTIN_SEARCH_PASSWORD."
        )
    if status == 429:
        return IndexBusy(f"Elasticsearch {where} đang quá tải; sẽ thử lại.")
    if status >= 500:
        return IndexDown(f"Elasticsearch {where} chưa dùng được (HTTP {status}); sẽ thử lại.")
    return SearchError(f"Elasticsearch {where} báo lỗi HTTP {status}: {error.message}")


def _reason(item: Any) -> str:
    error = item.get("error", item)
    return str(error.get("reason", error))[:500] if isinstance(error, dict) else str(error)[:500]


async def _actions(
    documents: Iterable[Document], index: str, *, alias: bool
) -> AsyncIterator[dict[str, Any]]:
    source = iter(documents)

    def page() -> list[dict[str, Any]]:
        return [_action(document, index, alias=alias) for document in islice(source, CHUNK)]

    # Documents come from the database and are made here: the next ones while a bulk is on its way.
    coming = asyncio.ensure_future(asyncio.to_thread(page))
    try:
        while actions := await coming:
            coming = asyncio.ensure_future(asyncio.to_thread(page))
            for action in actions:
                yield action
    finally:
        coming.cancel()


def _action(document: Document, index: str, *, alias: bool) -> dict[str, Any]:
    return {
        "_op_type": "index",
        "_index": index,
        "_id": str(document.post_id),
        "_source": form.made(document),
        "version": document.version,
        "version_type": "external_gte",
        **({"require_alias": True} if alias else {}),
    }
