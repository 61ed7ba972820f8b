"""Takes posts in, a batch a transaction: a post is accepted whole, with the work it owes, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store import cluster
from store.keys import Keys
from store.records import lock
from store.tables import Post, Revision
from store.text import content_hash, normalise
from store.vocabulary import PostKind, TaskKind
from store.work_tables import Task

Fate = Literal["new", "copy", "edited", "seen", "forgotten"]

MAX_TEXT = 200_000


class PostRefused(Exception):
    """A post cannot be accepted; the message says why, for the person who sent it."""


@dataclass(frozen=True)
class Incoming:
    """A post as a crawler or an import brings it. `handle` is the author's name as published, if any."""

    key: str
    kind: PostKind
    text: str
    capture_id: int
    title: str = ""
    url: str | None = None
    row: int | None = None
    language: str = "vi"
    published_at: datetime | None = None
    handle: str | None = None
    quotes: tuple[str, ...] = field(default=())
    modified_at: datetime | None = None
    position: int | None = None
    parent: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    again: str | None = None


@dataclass(frozen=True)
class Accepted:
    """What became of one incoming post."""

    post_id: int
    fate: Fate


def clean(text: str) -> str:
    """Return `text` as it is kept; raises `PostRefused` when nothing can be read in it or it is too long."""
    kept = normalise(text)
    if not any(c.isalnum() for c in kept):
        raise PostRefused("bài không có chữ nào")
    if len(kept) > MAX_TEXT:
        raise PostRefused(f"bài dài {len(kept)} ký tự, quá {MAX_TEXT}")
    return kept


def accept(
    session: Session, source_id: int, posts: Sequence[Incoming], keys: Keys, at: datetime | None = None
) -> list[Accepted]:
    """Write a batch of posts of one source; texts must have passed `clean`.

    A key seen before with the same text only moves `last_seen_at`; with another text it becomes a new
    version. Anything new or edited owes a `score` task. Returns one fate for each post, in order:
    `copy` is a new post whose text another post has, exactly; `forgotten` one that was purged, which is not
    taken in again.
    """
    lock(session, "accept")
    now = at or datetime.now(UTC)
    result: dict[int, Accepted] = {}
    for turn in _turns([incoming.key for incoming in posts]):
        fates = _accept_once(session, source_id, [posts[i] for i in turn], keys, now)
        result.update(zip(turn, fates, strict=True))
    return [result[i] for i in range(len(posts))]


def tally(accepted: Sequence[Accepted]) -> Counter[str]:
    """Return how many posts met each fate, as counters named `post/FATE`."""
    return Counter(f"post/{one.fate}" for one in accepted)


def _turns(keys: Sequence[str]) -> list[list[int]]:
    """Split positions so that no key comes twice in a turn and the order of each key is kept."""
    turns: list[list[int]] = []
    count: Counter[str] = Counter()
    for index, key in enumerate(keys):
        if count[key] == len(turns):
            turns.append([])
        turns[count[key]].append(index)
        count[key] += 1
    return turns


def _accept_once(
    session: Session, source_id: int, posts: Sequence[Incoming], keys: Keys, now: datetime
) -> list[Accepted]:
    # Two queries for the whole batch: the posts known by key, purged or not, and the texts known by hash.
    purged_key = {keys.forgotten(incoming.key): incoming.key for incoming in posts}
    asked = select(Post).where(Post.key.in_([*purged_key, *purged_key.values()]))
    known = {purged_key.get(post.key, post.key): post for post in session.scalars(asked)}
    hashes = [content_hash(incoming.text) for incoming in posts]
    seen_texts = set(session.scalars(select(Post.content_hash).where(Post.content_hash.in_(set(hashes)))))
    fates: list[Fate] = []
    for incoming, content in zip(posts, hashes, strict=True):
        fates.append(_fate(known.get(incoming.key), content, seen_texts))
        seen_texts.add(content)
    changed = [i for i, fate in enumerate(fates) if fate not in {"seen", "forgotten"}]
    staying = {
        i: known[posts[i].key].cluster_id
        for i in changed
        if fates[i] == "edited" and not _leave(session, known[posts[i].key], posts[i].text, now)
    }
    moving = [i for i in changed if i not in staying]
    assigned = cluster.assign(session, [(hashes[i], posts[i].text) for i in moving], now)
    clusters = staying | dict(zip(moving, assigned, strict=True))
    for i in changed:
        post = known.get(posts[i].key)
        if post is None:
            post = known[posts[i].key] = _new(source_id, posts[i], keys, now)
            session.add(post)
        _write_version(post, posts[i], hashes[i], clusters[i])
    for incoming, fate in zip(posts, fates, strict=True):
        if fate != "forgotten":
            known[incoming.key].last_seen_at = now
    session.flush()
    _owe(session, [known[posts[i].key] for i in changed], now)
    return [Accepted(known[incoming.key].id, fate) for incoming, fate in zip(posts, fates, strict=True)]


def _fate(post: Post | None, content: str, seen_texts: set[str]) -> Fate:
    if post is None:
        return "copy" if content in seen_texts else "new"
    if post.purged_at is not None:
        return "forgotten"
    return "seen" if post.content_hash == content else "edited"


def _new(source_id: int, incoming: Incoming, keys: Keys, now: datetime) -> Post:
    handle = incoming.handle
    return Post(
        key=incoming.key,
        source_id=source_id,
        capture_id=incoming.capture_id,
        row=incoming.row,
        url=incoming.url,
        kind=incoming.kind,
        language=incoming.language,
        published_at=incoming.published_at,
        first_seen_at=now,
        author=keys.pseudonym(str(source_id), handle) if handle else None,
        author_sealed=keys.seal(handle) if handle else None,
        version=0,
    )


def _write_version(post: Post, incoming: Incoming, content: str, cluster_id: int) -> None:
    post.version += 1
    post.title = normalise(incoming.title)
    post.text = incoming.text
    post.quotes = [quote for quote in map(normalise, incoming.quotes) if quote]
    post.modified_at = incoming.modified_at
    post.position = incoming.position
    post.parent = incoming.parent
    post.facts = incoming.facts
    post.again = incoming.again
    post.content_hash = content
    post.capture_id = incoming.capture_id
    post.cluster_id = cluster_id


def _leave(session: Session, post: Post, text: str, now: datetime) -> bool:
    """Say whether an edited post leaves its cluster: only one that has copies does."""
    copy = session.scalar(
        select(Post.id)
        .where(Post.cluster_id == post.cluster_id, Post.id != post.id)
        .order_by(Post.id)
        .limit(1)
    )
    if copy is None:
        cluster.sign_again(session, post.cluster_id, text)
        return False
    cluster.leave(session, post)
    # The copies are looked at again, for the case of the cluster may have shown this post.
    session.add(Task(kind=TaskKind.SCORE, subject_id=copy, owed_at=now, due_at=now))
    return True


def _owe(session: Session, posts: Sequence[Post], now: datetime) -> None:
    if not posts:
        return
    session.execute(
        insert(Revision),
        [
            {
                "post_id": post.id,
                "version": post.version,
                "title": post.title,
                "text": post.text,
                "content_hash": post.content_hash,
                "capture_id": post.capture_id,
                "seen_at": now,
            }
            for post in posts
        ],
    )
    session.execute(
        insert(Task),
        [{"kind": TaskKind.SCORE, "subject_id": post.id, "owed_at": now, "due_at": now} for post in posts],
    )
