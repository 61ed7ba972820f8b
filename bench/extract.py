"""Text extraction: ours against newspaper4k and plain trafilatura, on the real pages with gold text."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from newspaper import Article
from trafilatura import bare_extraction

from bench.corpus import SHARED
from bench.measure import Measure
from crawlers.articles import read_article

ROUNDS = 15


def run() -> Iterable[Measure]:
    """Measure text F1 against the gold text of each page, and pages a second."""
    pages = {"vnexpress": _vnexpress(), "thanhnien": _thanhnien()}
    for name, (body, gold) in pages.items():
        ours, reference = f1(_ours(body), gold), f1(_newspaper(body), gold)
        yield Measure(
            "extract", f"text F1, {name}, against newspaper4k", round(ours, 4), round(reference, 4),
            "≥ 0.97 and ≥ reference", ours >= 0.97 and ours >= reference, "F1",
        )  # fmt: skip
    bodies = [body for body, _ in pages.values()]
    ours_speed = _pages_a_second(_ours, bodies)
    for label, reader in (("newspaper4k", _newspaper), ("trafilatura alone", _trafilatura)):
        speed = _pages_a_second(reader, bodies)
        yield Measure(
            "extract", f"speed, against {label}", round(ours_speed, 1), round(speed, 1), "≥ 10 pages/s",
            ours_speed >= 10, "pages/s",
        )  # fmt: skip


def f1(text: str, gold: str) -> float:
    """Return the F1 of two texts as bags of words."""
    ours, theirs = (Counter(re.findall(r"\w+", t.lower())) for t in (text, gold))
    common = sum((ours & theirs).values())
    return 2 * common / (sum(ours.values()) + sum(theirs.values())) if common else 0.0


def _ours(body: bytes) -> str:
    return read_article(body, "https://trang.example/bai.html").text


def _newspaper(body: bytes) -> str:
    article = Article("https://trang.example/bai.html", language="vi", fetch_images=False)
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
