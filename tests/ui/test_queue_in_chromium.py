"""What lives on by itself on the pages of the queue: others' cases leave, the break is called to mind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from api import live
from review import queue
from tests.factory import person
from tests.ui.conftest import Running, case_on_screen, needs_chromium

pytestmark = needs_chromium


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 0.05)


def test_a_case_that_another_takes_leaves_the_list_with_a_line(running: Running, page: Page) -> None:
    minh = person(running.records, "minh")
    page.goto(f"{running.url}/queue")
    row = page.locator("tr[data-row]").nth(1)
    case = int(row.get_attribute("data-row") or 0)
    with running.records.write() as session:
        queue.lease(session, minh, case, datetime.now(UTC))
    expect(page.locator("[data-live]")).to_have_text(f"Minh vừa nhận ca {case}.")
    expect(page.locator(f'[data-row="{case}"]')).to_have_count(0, timeout=15_000)
    assert running.console == []


def test_the_case_on_the_screen_says_that_it_was_handed_over_elsewhere_and_a_break_is_due(
    running: Running, page: Page
) -> None:
    expect(page.locator(".break")).to_be_hidden()
    page.evaluate(
        "localStorage.setItem('kiemtin.working', JSON.stringify({since: Date.now() - 51 * 60000, last: Date.now(), quiet: 0}))"
    )
    page.keyboard.press("Shift")
    expect(page.locator(".break")).to_contain_text("51")
    page.get_by_role("button", name="Tôi nghỉ rồi").click()
    expect(page.locator(".break")).to_be_hidden()
    held = int(case_on_screen(page))
    minh = person(running.records, "minh")
    later = datetime.now(UTC) + queue.LEASE
    with running.records.write() as session:
        queue.expire(session, later)
        queue.lease(session, minh, held, later)
    expect(page.locator("[data-live]")).to_contain_text("Minh đã nhận, giao hoặc xử lý")
    expect(page.locator("[data-live] a")).to_be_visible()
    assert running.console == []
