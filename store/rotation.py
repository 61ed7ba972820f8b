"""Changes the key that seals handles and second factors and makes pseudonyms, while everything runs.

Three steps, each whole by itself, so that a kill between or within them loses nothing:

1. `begin` puts a new secret first into the key file, on disk before anything is sealed by it.
2. `reseal` opens what older keys sealed and seals it by the newest, some rows a transaction. What is left to
   do is seen from the rows themselves (each names its key), so a run that was cut off simply goes on.
3. `drop` takes an old secret out of the file when no row is left by it, an hour after the new one at the
   earliest: whoever was about to commit a row sealed by the old one has done so.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import LargeBinary, case, func, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from store import audit, key_file
from store.key_file import KeyFileError, Ring, Sealing
from store.keys import MARK, KeyMissing, Keys, name_of
from store.people_tables import SecondFactor
from store.records import Records
from store.tables import Post

GRACE = timedelta(hours=1)
_BATCH = 500
_OLD_FORM = ""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Held:
    """A key, since when it seals (None: since the file was made), and what is sealed by it now.

    `name` is empty for what older versions sealed without naming the key; `here`: the file has it.
    """

    name: str
    here: bool
    since: datetime | None
    handles: int
    factors: int


@dataclass(frozen=True)
class Resealed:
    """What `reseal` did: handles and second factors sealed anew, and those that no key in the file opens."""

    handles: int
    factors: int
    unopened: int


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the key file at `path` as the only one who changes it or copies it; raises `KeyFileError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(path.name + ".lock"), timeout=0, mode=0o600):
            yield
    except Timeout as error:
        raise KeyFileError(
            f"Tệp khóa {path} đang được đổi hoặc sao lưu; đợi việc ấy xong rồi chạy lại."
        ) from error


def held(records: Records, path: Path) -> list[Held]:
    """Return every key in the file, the newest first, then others that rows name, with what each sealed."""
    ring = key_file.load(path)
    since = {name_of(one.secret): one.since for one in ring.sealing}
    with records.read() as session:
        handles, factors = _by_key(session, Post.author_sealed), _by_key(session, SecondFactor.sealed)
    others = sorted((set(handles) | set(factors)) - set(since))
    return [
        Held(name, name in since, since.get(name), handles[name], factors[name]) for name in (*since, *others)
    ]


def begin(records: Records, path: Path, now: datetime | None = None) -> str | None:
    """Put a new key first into the file and return its name; None when an older change is not done yet.

    That is so while the file has an older key by which rows are sealed: `reseal` goes on with them.
    Call it within `alone`.
    """
    ring = key_file.load(path)
    newest, *older = (name_of(one.secret) for one in ring.sealing)
    unfinished = {*older, _OLD_FORM} if older else set()
    if any(one.handles or one.factors for one in held(records, path) if one.name in unfinished):
        return None
    secret = secrets.token_bytes(key_file.SIZE)
    name = name_of(secret)
    # Told first: an event of a key that was never used is a smaller fault than a key that went untold.
    with records.write() as session:
        audit.append(session, audit.SYSTEM, "keys.rotated", f"key:{name}", before=newest)
    key_file.replace(path, Ring(ring.base, (Sealing(secret, now or datetime.now(UTC)), *ring.sealing)))
    return name


def reseal(
    records: Records, keys: Keys, progress: Progress = lambda done, total: None, batch: int = _BATCH
) -> Resealed:
    """Seal by the newest key what is not yet, and make the pseudonyms of those posts anew.

    A post without a sealed handle keeps its pseudonym: nothing is there to make another of. What no key opens
    stays as it is and is counted. Call it within `alone`; it may be stopped and called again at any time.
    """
    with records.read() as session:
        total = _waiting(session, Post.author_sealed, keys) + _waiting(session, SecondFactor.sealed, keys)
    counts: Counter[str] = Counter()
    last = 0
    while (step := _reseal_handles(records, keys, last, batch)) is not None:
        last, done = step
        counts += done
        progress(counts.total(), total)
    counts += _reseal_factors(records, keys)
    progress(counts.total(), total)
    found = Resealed(counts["handles"], counts["factors"], counts["unopened"])
    with records.write() as session:
        audit.append(
            session, audit.SYSTEM, "keys.resealed", f"key:{keys.names[0]}", handles=found.handles,
            factors=found.factors, unopened=found.unopened,
        )  # fmt: skip
    return found


def drop(records: Records, path: Path, now: datetime | None = None) -> list[str]:
    """Take the older keys by which nothing is sealed out of the file; return their names.

    Raises `KeyFileError` within `GRACE` of the change. Call it within `alone`.
    """
    ring = key_file.load(path)
    newest = ring.sealing[0]
    if newest.since is not None and (now or datetime.now(UTC)) - newest.since < GRACE:
        raise KeyFileError(
            f"Khóa mới có từ {newest.since:%Y-%m-%d %H:%M} UTC; khóa cũ chỉ được bỏ sau đó một giờ, để không"
            " tiến trình nào còn niêm phong bằng khóa cũ."
        )
    used = _used(records, Keys(ring))
    kept = tuple(one for one in ring.sealing if one is newest or name_of(one.secret) in used)
    gone = [name_of(one.secret) for one in ring.sealing if one not in kept]
    if gone:
        with records.write() as session:
            for name in gone:
                audit.append(session, audit.SYSTEM, "keys.dropped", f"key:{name}")
        key_file.replace(path, Ring(ring.base, kept))
    return gone


def _head(column: InstrumentedAttribute[Any]) -> Any:
    return func.substr(column, 1, MARK, type_=LargeBinary)


def _by_key(session: Session, column: InstrumentedAttribute[Any]) -> Counter[str]:
    marked = func.substr(column, 1, 1, type_=LargeBinary) == literal(b"k", LargeBinary)
    name = case((marked, _head(column)), else_=literal(b"", LargeBinary)).label("head")
    named = select(name).where(column.is_not(None)).subquery()
    rows = session.execute(select(named.c.head, func.count()).group_by(named.c.head)).all()
    return Counter({bytes(head)[1 : MARK - 1].decode("ascii", "replace"): number for head, number in rows})


def _waiting(session: Session, column: InstrumentedAttribute[Any], keys: Keys) -> int:
    asked = select(func.count()).where(column.is_not(None), _head(column) != literal(keys.mark, LargeBinary))
    return session.scalar(asked) or 0


def _reseal_handles(records: Records, keys: Keys, last: int, batch: int) -> tuple[int, Counter[str]] | None:
    done: Counter[str] = Counter()
    with records.write() as session:
        rows = session.execute(
            select(Post.id, Post.source_id, Post.author_sealed)
            .where(
                Post.id > last, Post.author_sealed.is_not(None),
                _head(Post.author_sealed) != literal(keys.mark, LargeBinary),
            )
            .order_by(Post.id)
            .limit(batch)
            .with_for_update()
        ).all()  # fmt: skip
        changed = []
        for number, source_id, sealed in rows:
            try:
                handle = keys.unseal(sealed or b"")
            except KeyMissing:
                done["unopened"] += 1
                continue
            author = keys.pseudonym(str(source_id), handle)
            changed.append({"id": number, "author": author, "author_sealed": keys.seal(handle)})
        if changed:
            session.execute(update(Post), changed)
        done["handles"] += len(changed)
    return (rows[-1].id, done) if rows else None


def _reseal_factors(records: Records, keys: Keys) -> Counter[str]:
    done: Counter[str] = Counter()
    with records.write() as session:
        asked = select(SecondFactor).where(_head(SecondFactor.sealed) != literal(keys.mark, LargeBinary))
        for row in session.scalars(asked.with_for_update()):
            try:
                row.sealed = keys.seal_factor(keys.open_factor(row.sealed))
            except KeyMissing:
                done["unopened"] += 1
                continue
            done["factors"] += 1
    return done


def _used(records: Records, keys: Keys) -> set[str]:
    """Return the names of the older keys that sealed something; what names no key is tried."""
    used: set[str] = set()
    with records.read() as session:
        for column in (Post.author_sealed, SecondFactor.sealed):
            asked = select(column).where(
                column.is_not(None), _head(column) != literal(keys.mark, LargeBinary)
            )
            for sealed in session.scalars(asked.execution_options(yield_per=1000)):
                used.add(keys.sealer_of(sealed or b"") or "")
    return used
