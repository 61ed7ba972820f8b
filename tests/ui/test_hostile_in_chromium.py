"""Hostile texts in a real browser: no dialog, nothing in the console, nothing that the content policy has to stop."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page

from kiemtin.work.crew import Crew
from kiemtin.work.index import Indexing
from tests.hostile.conftest import act, fill, speak
from tests.hostile.corpus import MARKUP
from tests.ui.conftest import Running, needs_chromium, sign_in_first

pytestmark = needs_chromium
TEXTS = {f"markup: {name}": text for name, text in MARKUP.items()}
TELL = """addEventListener('securitypolicyviolation', e => console.error(`stopped ${e.effectiveDirective} ${e.blockedURI}`));
addEventListener('error', e => console.error(`failed ${e.message}`), true);"""
COUNTED = "fetch('/metrics').then(a => a.text()).then(t => /^kiemtin_csp_reports_total.* [1-9]/m.test(t))"


@pytest.fixture
def told(running: Running, context: BrowserContext) -> list[str]:
    """What a page did that text never does: dialogs, new windows, downloads."""
    found: list[str] = []
    context.add_init_script(TELL)

    def watch(page: Page) -> None:
        page.on("dialog", lambda dialog: (found.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda popup: found.append(popup.url))
        page.on("download", lambda download: found.append(download.url))

    context.on("page", watch)
    return found


def counted(running: Running, page: Page) -> float:
    text = page.request.get(f"{running.url}/metrics").text()
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("kiemtin_csp_reports_total")
    )


def test_no_page_with_hostile_texts_makes_a_browser_do_anything(
    running: Running, context: BrowserContext, told: list[str]
) -> None:
    cases = fill(running.records, TEXTS)
    speak(running.records, TEXTS, cases)
    act(running.records, TEXTS, cases)
    Crew(running.records, [Indexing(running.records, running.engine)]).until_idle()
    page = sign_in_first(running, context)
    # What the model says to a case takes it seconds; tests/hostile/test_pages.py looks at that page.
    page.route("**/explanation", lambda route: route.fulfill(status=204))
    paths = [
        "/queue?lane=all",
        "/search?q=covid&order=newest",
        "/reports/2026-W47",
        "/sources",
        "/claims",
        "/referrals/1",
    ]
    paths += [f"/cases/{case}" for case in cases]
    paths += ["/public/corrections", *(f"/public/corrections/claim-{number}" for number in range(0, 12, 2))]
    for path in paths:
        answer = page.goto(running.url + path)
        assert answer is not None
        assert answer.ok, path
        assert (told, running.console, running.elsewhere) == ([], [], []), path
    assert counted(running, page) == 0
    # That silence means something: the same text as markup is stopped, seen here, reported and counted.
    page.evaluate(
        "text => document.body.insertAdjacentHTML('beforeend', text)", MARKUP["broken out of an attribute"]
    )
    page.wait_for_function(COUNTED)
    assert any("stopped script-src-attr inline" in line for line in running.console)
    assert told == []
