"""Clusters of near copies: exact ones by content hash, near ones by MinHash LSH over folded shingles.

Posts are compared without diacritics, so a copy without dấu joins its original. A cluster is known
by its leader, the post that opened it: a copy of a copy of a copy cannot drag a cluster away.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from store.place_tables import PostPlace
from store.tables import Band, Cluster, Post
from store.text import words

# 25 bands of 5 rows: two posts of Jaccard 0.7 share a band with probability 0.99, of 0.3 with 0.06
# (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4.2). Candidates are then compared whole.
_BANDS, _ROWS = 25, 5
_PERMUTATIONS = 128
_SEED = 20_200_123
_SHINGLE = 5
SIMILAR = 0.7
# Clusters that a batch makes are younger than all that are stored.
_NEWEST = 1 << 62

Signature = NDArray[np.uint32]


def signatures(texts: Sequence[str]) -> list[Signature | None]:
    """Return the MinHash of each text, (128,) uint32, or None for one without words."""
    sets = [shingles(text) for text in texts]
    digests = RMinHash.digests_from_token_sets(sets, num_perm=_PERMUTATIONS, seed=_SEED)
    return [
        np.array(digest, np.uint32) if found else None for digest, found in zip(digests, sets, strict=True)
    ]


def shingles(text: str) -> list[str]:
    """Return the distinct 5-character shingles of the folded words of `text`, sorted."""
    joined = " ".join(words(text))
    return sorted({joined[i : i + _SHINGLE] for i in range(max(1, len(joined) - _SHINGLE + 1))} - {""})


def similarity(one: Signature, other: Signature) -> float:
    """Return the estimated Jaccard similarity of two signatures, standard error at most 0.044."""
    return float(np.mean(one == other))


def band_keys(signature: Signature) -> list[int]:
    """Return one signed 64-bit key for each band."""
    keys = []
    for band in range(_BANDS):
        rows = signature[band * _ROWS : (band + 1) * _ROWS].astype("<u4").tobytes()
        keys.append(
            int.from_bytes(
                hashlib.blake2b(rows, digest_size=8, salt=bytes([band])).digest(), "big", signed=True
            )
        )
    return keys


@dataclass(eq=False)
class _Home:
    """A cluster that posts of this batch may join; `id` is None while it is being made. `rank` is its age."""

    id: int | None
    rank: int
    signature: Signature | None
    joined: int = 0


def assign(session: Session, posts: Sequence[tuple[str, str]], at: datetime) -> list[int]:
    """Return the cluster of each (content hash, text), making what is missing; sizes grow by one a post.

    The caller holds the lock that makes it the only one assigning. Two queries read what the batch needs,
    and what it makes is written at its end.
    """
    exact = _exact(session, {content_hash for content_hash, _ in posts})
    fresh = {h: text for h, text in posts if h not in exact}
    signed = dict(zip(fresh, signatures(list(fresh.values())), strict=True))
    keys = {h: band_keys(signature) for h, signature in signed.items() if signature is not None}
    known = _candidates(session, {key for some in keys.values() for key in some})
    made: list[tuple[_Home, list[int]]] = []
    homes = []
    for content_hash, _ in posts:
        home = exact.get(content_hash)
        if home is None:
            mine = keys.get(content_hash, [])
            home = _nearest(known, mine, signed[content_hash])
            if home is None:
                home = _Home(None, _NEWEST + len(made), signed[content_hash])
                made.append((home, mine))
                for key in mine:
                    known[key].append(home)
            exact[content_hash] = home
        home.joined += 1
        homes.append(home)
    _write(session, made, at)
    for home in {*homes} - {home for home, _ in made}:
        session.execute(update(Cluster).where(Cluster.id == home.id).values(size=Cluster.size + home.joined))
    return [home.id or 0 for home in homes]


def near(session: Session, cluster_id: int) -> set[int]:
    """Return the other clusters whose leaders are as alike as copies are. Two queries."""
    signature = session.scalar(select(Cluster.signature).where(Cluster.id == cluster_id))
    if signature is None:
        return set()
    keys = select(Band.key).where(Band.cluster_id == cluster_id)
    rows = session.execute(
        select(Cluster.id, Cluster.signature)
        .join(Band, Band.cluster_id == Cluster.id)
        .where(Band.key.in_(keys), Cluster.id != cluster_id, Cluster.signature.is_not(None))
        .distinct()
    )
    own = np.frombuffer(signature, "<u4")
    return {row[0] for row in rows if similarity(own, np.frombuffer(row[1] or b"", "<u4")) >= SIMILAR}


def leave(session: Session, post: Post) -> None:
    """Take `post` out of its cluster, which has other posts, because its text changed."""
    session.execute(update(Cluster).where(Cluster.id == post.cluster_id).values(size=Cluster.size - 1))


def part(session: Session, cluster_id: int, content_hash: str, at: datetime) -> int:
    """Give the posts of a cluster that have this text a cluster of their own; return its id.

    The caller holds the lock `accept`. Later posts with the text join the new cluster; the old one is known
    by a text that it still has. Raises `ValueError` where no post has the text, or all have.
    """
    found = session.execute(
        select(Post.id, Post.content_hash, Post.text).where(Post.cluster_id == cluster_id).order_by(Post.id)
    ).all()
    moved = [row for row in found if row.content_hash == content_hash]
    stay = [row for row in found if row.content_hash != content_hash]
    if not moved or not stay:
        raise ValueError(f"cluster {cluster_id} cannot be parted at {content_hash}")
    (signature,) = signatures([moved[0].text])
    new = Cluster(signature=_packed(signature), size=len(moved), created_at=at)
    session.add(new)
    session.flush()
    if signature is not None:
        _add_bands(session, [(key, new.id) for key in set(band_keys(signature))])
    ids = [row.id for row in moved]
    session.execute(update(Post).where(Post.id.in_(ids)).values(cluster_id=new.id))
    session.execute(update(PostPlace).where(PostPlace.post_id.in_(ids)).values(cluster_id=new.id))
    session.execute(update(Cluster).where(Cluster.id == cluster_id).values(size=len(stay)))
    if found[0].content_hash == content_hash:
        sign_again(session, cluster_id, stay[0].text)
    return new.id


def sign_again(session: Session, cluster_id: int, text: str) -> None:
    """Give a cluster of one post the signature of its new `text`; it keeps its case and its history."""
    (signature,) = signatures([text])
    session.execute(delete(Band).where(Band.cluster_id == cluster_id))
    session.execute(update(Cluster).where(Cluster.id == cluster_id).values(signature=_packed(signature)))
    if signature is not None:
        _add_bands(session, [(key, cluster_id) for key in set(band_keys(signature))])


def _exact(session: Session, hashes: set[str]) -> dict[str, _Home]:
    rows = session.execute(select(Post.content_hash, Post.cluster_id).where(Post.content_hash.in_(hashes)))
    homes: dict[int, _Home] = {}
    return {
        row.content_hash: homes.setdefault(row.cluster_id, _Home(row.cluster_id, row.cluster_id, None))
        for row in rows
    }


def _candidates(session: Session, keys: set[int]) -> dict[int, list[_Home]]:
    known: dict[int, list[_Home]] = defaultdict(list)
    homes: dict[int, _Home] = {}
    ordered = sorted(keys)
    for start in range(0, len(ordered), 5000):
        rows = session.execute(
            select(Band.key, Band.cluster_id, Cluster.signature)
            .join(Cluster, Cluster.id == Band.cluster_id)
            .where(Band.key.in_(ordered[start : start + 5000]), Cluster.signature.is_not(None))
        )
        for key, cluster, signature in rows:
            if cluster not in homes:
                homes[cluster] = _Home(cluster, cluster, np.frombuffer(signature or b"", "<u4"))
            known[key].append(homes[cluster])
    return known


def _nearest(known: dict[int, list[_Home]], keys: Sequence[int], signature: Signature | None) -> _Home | None:
    """Return the most similar cluster that is similar enough; of equals, the oldest."""
    best: tuple[float, int] = (SIMILAR, -_NEWEST * 2)
    found = None
    for home in {home for key in keys for home in known.get(key, ())}:
        if signature is not None and home.signature is not None:
            fit = (similarity(signature, home.signature), -home.rank)
            if fit >= best:
                best, found = fit, home
    return found


def _write(session: Session, made: Sequence[tuple[_Home, Sequence[int]]], at: datetime) -> None:
    clusters = [
        Cluster(signature=_packed(home.signature), size=home.joined, created_at=at) for home, _ in made
    ]
    session.add_all(clusters)
    session.flush()
    for (home, _), cluster in zip(made, clusters, strict=True):
        home.id = cluster.id
    _add_bands(session, [(key, home.id or 0) for home, keys in made for key in set(keys)])


def _add_bands(session: Session, bands: Sequence[tuple[int, int]]) -> None:
    if bands:
        session.execute(insert(Band), [{"key": key, "cluster_id": cluster} for key, cluster in bands])


def _packed(signature: Signature | None) -> bytes | None:
    return None if signature is None else signature.astype("<u4").tobytes()
