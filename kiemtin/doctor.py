"""Holds the index against the records, and mends it: the records are the truth."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import select

from kiemtin import documents
from search.engine import SearchEngine, SearchError
from search.source import comparable
from store.records import Records
from store.tables import Post
from store.vocabulary import TaskKind
from store.work_tables import Searchable, Task

PAGE = 5000


@dataclass
class Findings:
    """What is wrong, by post_id. `waiting` posts are owed to the index, and so no fault.

    `missing` are in the records only, `extra` in the index only; `stale` maps those that are in the index in
    another version to that one; `different` are there in the same version with another content (of `sampled`
    posts that were compared).
    """

    records: int = 0
    index: int = 0
    waiting: int = 0
    sampled: int = 0
    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    stale: dict[int, int] = field(default_factory=dict)
    different: list[int] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether the index shows what the records hold."""
        return not (self.missing or self.extra or self.stale or self.different)


def examine(
    records: Records,
    engine: SearchEngine,
    sample: int = 500,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Findings:
    """Compare the version of every post, and the whole content of a sample chosen anew each time.

    Both sides are walked in order of post_id, a page at a time: a million posts need little memory.
    Raises `SearchError`.
    """
    found = Findings()
    engine.refresh()
    with records.read() as session:
        total = documents.count(session)
        owed = set(session.scalars(select(Task.subject_id).where(Task.kind == TaskKind.INDEX)))
    sound: list[int] = []
    for post_id, kept, shown in _abreast(_of_records(records), _of_index(engine)):
        found.records += kept is not None
        found.index += shown is not None
        if kept == shown:
            sound.append(post_id)
        elif post_id not in owed:
            if shown is None:
                found.missing.append(post_id)
            elif kept is None:
                found.extra.append(post_id)
            else:
                found.stale[post_id] = shown
        if (found.records + found.index) % PAGE == 0:
            progress(found.records, total)
    progress(found.records, total)
    found.waiting = len(owed)
    _compare(records, engine, random.sample(sound, min(sample, len(sound))), found)
    return found


def mend(records: Records, engine: SearchEngine, found: Findings) -> int:
    """Write again what is missing, stale or different, take out what is extra; return how many posts.

    The records first take a version above the index's: an engine remembers what it had for a while, even
    of what was deleted. Raises `SearchError`.
    """
    again = sorted({*found.missing, *found.stale, *found.different})
    engine.delete(found.extra)
    for start in range(0, len(again), 500):
        page = again[start : start + 500]
        with records.write() as session:
            for post_id in page:
                kept = session.get(Searchable, post_id)
                above = max(found.stale.get(post_id, 0), kept.version if kept is not None else 0) + 2
                session.merge(Searchable(post_id=post_id, version=above, changed_at=datetime.now(UTC)))
        with records.read() as session:
            errors = engine.put(documents.of_posts(session, page))
        if errors:
            post_id, reason = next(iter(errors.items()))
            raise SearchError(f"{len(errors)} bài không ghi được vào chỉ mục; bài {post_id}: {reason}")
    engine.refresh()
    return len(again) + len(found.extra)


_Versions = Iterator[tuple[int, int]]


def _abreast(ours: _Versions, theirs: _Versions) -> Iterator[tuple[int, int | None, int | None]]:
    """Walk two ordered lists side by side; yield each post_id with its version on either side, or None."""
    kept, shown = next(ours, None), next(theirs, None)
    while kept is not None or shown is not None:
        post_id = min(one[0] for one in (kept, shown) if one is not None)
        left = kept[1] if kept is not None and kept[0] == post_id else None
        right = shown[1] if shown is not None and shown[0] == post_id else None
        yield post_id, left, right
        kept = next(ours, None) if left is not None else kept
        shown = next(theirs, None) if right is not None else shown


def _of_records(records: Records) -> Iterator[tuple[int, int]]:
    after = -1
    while True:
        with records.read() as session:
            page = session.execute(
                select(Post.id, Searchable.version)
                .outerjoin(Searchable, Searchable.post_id == Post.id)
                .where(Post.id > after, Post.purged_at.is_(None))
                .order_by(Post.id)
                .limit(PAGE)
            ).all()
        if not page:
            return
        yield from ((row[0], row[1] or 0) for row in page)
        after = page[-1][0]


def _of_index(engine: SearchEngine) -> Iterator[tuple[int, int]]:
    after = -1
    while page := engine.versions(after, PAGE):
        yield from page
        after = page[-1][0]


def _compare(records: Records, engine: SearchEngine, sample: list[int], found: Findings) -> None:
    found.sampled = len(sample)
    for start in range(0, len(sample), 100):
        page = sample[start : start + 100]
        with records.read() as session:
            ours = {
                one.post_id: comparable(replace(one, vector=())) for one in documents.of_posts(session, page)
            }
        theirs = engine.fetch(page)
        # One that changed since the walk has another version now, and a task of its own.
        found.different += [
            i
            for i in page
            if i in ours and i in theirs and ours[i].version == theirs[i].version and ours[i] != theirs[i]
        ]
