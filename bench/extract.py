"""Text extraction: ours against newspaper4k and plain trafilatura, on real pages.

Articles have a gold text; forum pages were counted by hand (`bench/pages.py`). Of a forum page both
references make one text at most, without a message, a time or a thread of its own; it counts for them as one.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from newspaper import Article
from trafilatura import bare_extraction

from bench.corpus import SHARED
from bench.measure import Measure
from bench.pages import COUNTED
from crawlers.reading.articles import read_article
from crawlers.reading.forums import read_forum
from crawlers.reading.page import Raw
from store.vocabulary import PageRole

ROUNDS = 15
_ARTICLE, _FORUM = "https://trang.example/bai.html", "https://dien-dan.example/trang"


def run() -> Iterable[Measure]:
    """Measure text F1 by the gold texts, messages and threads by their counts, and pages a second."""
    references = {"newspaper4k": _newspaper, "trafilatura alone": _trafilatura}
    articles = {"vnexpress": _vnexpress(), "thanhnien": _thanhnien()}
    for name, (body, gold) in articles.items():
        ours = f1(_ours(body), gold)
        for label, read in references.items():
            reference = f1(read(body), gold)
            yield Measure(
                "extract", f"text F1, {name}, against {label}", round(ours, 4), round(reference, 4),
                "≥ 0.97 and ≥ reference", ours >= 0.97 and ours >= reference, "F1",
            )  # fmt: skip
    for name, counted in COUNTED.items():
        body = _file(name).read_bytes()
        one = max(bool(read(body).strip()) for read in references.values())
        for what, ours, there in zip(("messages", "threads"), _found(body), counted, strict=True):
            if there:
                yield Measure(
                    "extract", f"{what} of {name.rpartition('.')[0]}, against a text a page", ours, int(one),
                    f"{there}, as counted", ours == there, what,
                )  # fmt: skip
    bodies = [body for body, _ in articles.values()]
    speed = _pages_a_second(_ours, bodies)
    for label, read in references.items():
        yield Measure(
            "extract", f"speed, against {label}", round(speed, 1), round(_pages_a_second(read, bodies), 1),
            "≥ 10 pages/s", speed >= 10, "pages/s",
        )  # fmt: skip


def f1(text: str, gold: str) -> float:
    """Return the F1 of two texts as bags of words."""
    ours, theirs = (Counter(re.findall(r"\w+", t.lower())) for t in (text, gold))
    common = sum((ours & theirs).values())
    return 2 * common / (sum(ours.values()) + sum(theirs.values())) if common else 0.0


def _ours(body: bytes) -> str:
    return read_article(Raw(body, _ARTICLE, datetime.now(UTC))).items[0].text


def _found(body: bytes) -> tuple[int, int]:
    """Return how many messages have words, a time and a permalink of their own, and how many threads."""
    page = read_forum(Raw(body, _FORUM, datetime.now(UTC)))
    messages = {
        (item.url, item.anchor) for item in page.items if item.text and item.published and item.anchor
    }
    return len(messages), len(
        {lead.url for lead in page.leads if lead.role is PageRole.THREAD and not page.items}
    )


def _newspaper(body: bytes) -> str:
    article = Article(_ARTICLE, language="vi", fetch_images=False)
    article.download(input_html=body.decode())
    article.parse()
    return f"{article.title}\n{article.text}"


def _trafilatura(body: bytes) -> str:
    found = bare_extraction(body.decode(), include_comments=False)
    return f"{found.title}\n{found.text}" if found is not None and not isinstance(found, dict) else ""


def _pages_a_second(reader: Callable[[bytes], str], bodies: list[bytes]) -> float:
    for body in bodies:
        reader(body)
    began = time.perf_counter()
    for _ in range(ROUNDS):
        for body in bodies:
            reader(body)
    return ROUNDS * len(bodies) / (time.perf_counter() - began)


def _vnexpress() -> tuple[bytes, str]:
    gold = json.loads(_file("vnexpress_2025-10-22.gold.json").read_text(encoding="utf-8"))["V1"]
    lines = [gold.get("title", ""), *gold["body"]["summary"]]
    lines += [line for part in gold["body"]["sections"] for line in part["headline"] + part["paragraphs"]]
    return _file("vnexpress_2025-10-22.html").read_bytes(), "\n".join(lines)


def _thanhnien() -> tuple[bytes, str]:
    gold = json.loads(_file("thanhnien_2023-09-13.gold.json").read_text(encoding="utf-8"))
    lines = [gold["title"], gold.get("sapo") or "", *gold["paragraphs"]]
    return _file("thanhnien_2023-09-13.html").read_bytes(), "\n".join(lines)


def _file(name: str) -> Path:
    path = SHARED / "html" / name
    if not path.exists():
        raise SystemExit(f"{path} is absent; set KIEMTIN_TEST_SHARED to the folder that holds html/")
    return path
