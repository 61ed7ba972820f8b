"""Clusters of near copies: exact ones by content hash, near ones by MinHash LSH over folded shingles.

Posts are compared without diacritics, so a copy without dấu joins its original. A cluster is known
by its leader, the post that opened it: a copy of a copy of a copy cannot drag a cluster away.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from store.tables import Band, Cluster, Post
from store.text import words

# 25 bands of 5 rows: two posts of Jaccard 0.7 share a band with probability 0.99, of 0.3 with 0.06
# (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4.2). Candidates are then compared whole.
_BANDS, _ROWS = 25, 5
_PERMUTATIONS = 128
_SEED = 20_200_123
_SHINGLE = 5
SIMILAR = 0.7

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


def assign(session: Session, posts: Sequence[tuple[str, str]], at: datetime) -> list[int]:
    """Return the cluster of each (content hash, text), making what is missing; sizes grow by one a post.

    The caller holds the lock that makes it the only one assigning. Two queries read what the batch needs.
    """
    stored = session.execute(
        select(Post.content_hash, Post.cluster_id).where(Post.content_hash.in_({h for h, _ in posts}))
    )
    exact: dict[str, int] = {row.content_hash: row.cluster_id for row in stored}
    fresh = {h: text for h, text in posts if h not in exact}
    signed = dict(zip(fresh, signatures(list(fresh.values())), strict=True))
    keys = {h: band_keys(signature) for h, signature in signed.items() if signature is not None}
    known = _candidates(session, {key for some in keys.values() for key in some})
    added: dict[int, int] = defaultdict(int)
    result = []
    for content_hash, _ in posts:
        cluster = exact.get(content_hash)
        if cluster is None:
            signature = signed[content_hash]
            cluster = _nearest(known, keys.get(content_hash, []), signature)
            if cluster is None:
                cluster = _open(session, signature, keys.get(content_hash, []), at)
                if signature is not None:
                    for key in keys[content_hash]:
                        known[key][cluster] = signature
            exact[content_hash] = cluster
        added[cluster] += 1
        result.append(cluster)
    for cluster, number in added.items():
        session.execute(update(Cluster).where(Cluster.id == cluster).values(size=Cluster.size + number))
    return result


def leave(session: Session, post: Post) -> None:
    """Take `post` out of its cluster, which has other posts, because its text changed."""
    session.execute(update(Cluster).where(Cluster.id == post.cluster_id).values(size=Cluster.size - 1))


def sign_again(session: Session, cluster_id: int, text: str) -> None:
    """Give a cluster of one post the signature of its new `text`; it keeps its case and its history."""
    (signature,) = signatures([text])
    session.execute(delete(Band).where(Band.cluster_id == cluster_id))
    session.execute(update(Cluster).where(Cluster.id == cluster_id).values(signature=_packed(signature)))
    if signature is not None:
        _add_bands(session, cluster_id, band_keys(signature))


def _candidates(session: Session, keys: set[int]) -> dict[int, dict[int, Signature]]:
    known: dict[int, dict[int, Signature]] = defaultdict(dict)
    ordered = sorted(keys)
    for start in range(0, len(ordered), 5000):
        rows = session.execute(
            select(Band.key, Band.cluster_id, Cluster.signature)
            .join(Cluster, Cluster.id == Band.cluster_id)
            .where(Band.key.in_(ordered[start : start + 5000]), Cluster.signature.is_not(None))
        )
        for key, cluster, signature in rows:
            known[key][cluster] = np.frombuffer(signature or b"", "<u4")
    return known


def _nearest(
    known: dict[int, dict[int, Signature]], keys: Sequence[int], signature: Signature | None
) -> int | None:
    if signature is None:
        return None
    seen = {cluster: other for key in keys for cluster, other in known.get(key, {}).items()}
    ranked = [(similarity(signature, other), -cluster) for cluster, other in seen.items()]
    best = max(ranked, default=None)
    return -best[1] if best is not None and best[0] >= SIMILAR else None


def _open(session: Session, signature: Signature | None, keys: Sequence[int], at: datetime) -> int:
    cluster = Cluster(signature=_packed(signature), size=0, created_at=at)
    session.add(cluster)
    session.flush()
    _add_bands(session, cluster.id, keys)
    return cluster.id


def _add_bands(session: Session, cluster_id: int, keys: Sequence[int]) -> None:
    if keys:
        session.execute(insert(Band), [{"key": key, "cluster_id": cluster_id} for key in set(keys)])


def _packed(signature: Signature | None) -> bytes | None:
    return None if signature is None else signature.astype("<u4").tobytes()
