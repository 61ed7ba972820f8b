"""Any number of posts to measure with: made of sentences of real posts, the same ones each time."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path

from search.engine import Document

SHARED = Path(os.environ.get("KIEMTIN_TEST_SHARED", Path(__file__).parents[2] / "shared"))
_FILES = ("posts_train.jsonl", "posts_unlabelled.jsonl", "news_comments.jsonl")
_END = re.compile(r"(?<=[.!?\n])\s+")
_PAGE = 1000
_KINDS = ("article", "comment", "forum_post", "import")
_ACTS = ("claim", "news", "opinion", "question", "testimony", "debunk", "advert", "other")
_HARMS = ("cure", "vaccine", "situation", "fraud", "conspiracy")
_STATES = ("queued", "decided", "dismissed")
_START = datetime(2026, 1, 1, tzinfo=UTC)


def shared_files(*names: str) -> list[Path]:
    """Return files of the shared data; ends the program with the reason when one is absent."""
    found = [SHARED / "data" / name for name in names]
    if missing := [str(path) for path in found if not path.exists()]:
        raise SystemExit(
            f"{', '.join(missing)} absent; set KIEMTIN_TEST_SHARED to the folder that holds data/"
        )
    return found


@cache
def sentences() -> tuple[str, ...]:
    """Return every sentence of 20 to 300 characters of the real posts and comments."""
    found: dict[str, None] = {}
    for path in shared_files(*_FILES):
        for line in path.open(encoding="utf-8"):
            for sentence in _END.split(json.loads(line)["text"]):
                if 20 <= len(sentence) <= 300 and any(c.isalpha() for c in sentence):
                    found[sentence.strip()] = None
    return tuple(found)


def texts(number: int, seed: int = 1) -> Iterator[str]:
    """Yield `number` texts of one to six real sentences each."""
    choose = random.Random(seed)
    parts = sentences()
    for _ in range(number):
        yield " ".join(choose.choices(parts, k=choose.randint(1, 6)))


def documents(number: int, first: int = 1) -> Iterator[Document]:
    """Yield documents with ids from `first` on; one in fifty is flagged, over 40 sources and 300 days."""
    from search.vectors import embed  # heavy; not all that need a text need a vector

    choose = random.Random(first)
    source = texts(number, first)
    post_id = first
    while page := list(islice(source, _PAGE)):
        for text, vector in zip(page, embed(page), strict=True):
            yield _document(post_id, text, vector, choose)
            post_id += 1


def _document(post_id: int, text: str, vector: tuple[float, ...], choose: random.Random) -> Document:
    flagged = choose.random() < 0.02
    return Document(
        post_id=post_id,
        version=1,
        title=text[:60],
        text=text,
        url=f"https://trang.example/bai/{post_id}",
        source=f"Nguồn {choose.randrange(40)}",
        kind=choose.choice(_KINDS),
        act=choose.choice(_ACTS),
        harms=tuple(choose.sample(_HARMS, choose.randint(1, 2))) if flagged else (),
        flagged=flagged,
        protected=not flagged and choose.random() < 0.5,
        uncertain=choose.random() < 0.03,
        harmful=choose.random(),
        cluster_id=post_id - post_id % 3,
        state=choose.choice(_STATES) if flagged else "",
        published=_START + timedelta(seconds=choose.randrange(300 * 86_400)),
        vector=vector,
    )
