"""A server is ready before it is asked: its first pages are compiled, and collections look at little."""

from __future__ import annotations

import gc

from review_ui import warm
from review_ui.page import environment


def test_the_first_pages_are_compiled_and_what_lives_on_is_looked_at_no_more() -> None:
    before = gc.get_threshold()
    try:
        warm.up()
        assert gc.get_freeze_count() > 100_000
        assert gc.get_threshold()[0] == 20_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
    pages = environment("vi")
    assert pages.cache is not None
    compiled = {name for _loader, name in pages.cache.keys()}  # noqa: SIM118 (its cache is no mapping)
    assert {"triage.html", "_triage.html", "_outcomes.html", "_copies.html", "queue.html"} <= compiled
