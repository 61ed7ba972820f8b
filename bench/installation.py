"""Databases to measure on, each its own and gone afterwards, and posts taken in as the product does."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import create_engine, text

from bench.corpus import texts
from store.ingest import Incoming, accept, clean
from store.keys import Keys
from store.migrate import migrate
from store.records import Records
from store.tables import Capture, Source
from store.vocabulary import PostKind

_SERVER = os.environ.get("KIEMTIN_TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
_PAGE = 200


@contextmanager
def postgres() -> Iterator[tuple[str, Records]]:
    """Give a migrated PostgreSQL database and its address."""
    with empty_postgres() as records:
        migrate(records)
        yield records.engine.url.render_as_string(hide_password=False), records


@contextmanager
def empty_postgres() -> Iterator[Records]:
    """Give a PostgreSQL database without any table."""
    name = f"kiemtin_bench_{secrets.token_hex(6)}"
    server = create_engine(_SERVER, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    records = Records(server.url.set(database=name).render_as_string(hide_password=False))
    try:
        yield records
    finally:
        records.close()
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def take_in(records: Records, number: int) -> None:
    """Accept `number` posts of a source, all with one capture, an author and an address each."""
    now = datetime.now(UTC)
    with records.write() as session:
        source = Source(name="bench", kind="import", legal_basis="bench", added_at=now)
        session.add(source)
        session.flush()
        capture = Capture(
            source_id=source.id, url="file:///bench", at=now, media_type="application/x-ndjson",
            sha256="0" * 64, warc="bench", offset=0, length=1,
        )  # fmt: skip
        session.add(capture)
        session.flush()
        source_id, capture_id = source.id, capture.id
    posts = [
        Incoming(
            key=f"https://dien-dan.example/chu-de/{i // 20}#bai-{i}",
            url=f"https://dien-dan.example/chu-de/{i // 20}#bai-{i}",
            kind=PostKind.FORUM,
            text=clean(said),
            capture_id=capture_id,
            handle=f"người viết {i % 5000}",
            published_at=now,
        )
        for i, said in enumerate(texts(number))
    ]
    keys = Keys(bytes(32))
    for start in range(0, number, _PAGE):
        with records.write() as session:
            accept(session, source_id, posts[start : start + _PAGE], keys)
