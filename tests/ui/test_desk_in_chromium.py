"""The desk as a reviewer meets it, in Chromium: the keyboard, search without diacritics, the audit trail.

The application is the real one, on loopback, over real records, index and model.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import func, select

from api import accounts
from api.desk import Desk
from review_ui.app import create_app
from search.engine import SearchEngine
from search.open import open_engine
from store.archive import Archive
from store.migrate import migrate
from store.records import Records
from store.tables import Decision
from tests.factory import HARMFUL, HARMLESS, Place, work

pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed; pip install 'kiemtin[browser]'"
)
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, sync_playwright

CHROMIUM = Path(os.environ.get("KIEMTIN_TEST_CHROMIUM", "/usr/bin/chromium"))
PASSWORD = "mot cau ngan de nho"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(),
        reason=f"{CHROMIUM} is absent; apt-get install chromium, or set KIEMTIN_TEST_CHROMIUM",
    ),
]


@dataclass
class Running:
    """A served desk."""

    url: str
    records: Records
    password: str
    engine: SearchEngine
    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    records = Records(f"sqlite:///{tmp_path / 'k.db'}")
    migrate(records)
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    place = Place(records)
    place.take(*HARMFUL, HARMLESS)
    work(records, engine)
    password = accounts.ensure_admin(records)
    assert password is not None
    app = create_app(Desk(records, engine, Archive(tmp_path / "archive")))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Running(f"http://127.0.0.1:{port}", records, password, engine)
    server.should_exit = True
    thread.join()
    engine.close()
    records.close()


@pytest.fixture
def context(running: Running) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        made = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
        made.on("console", lambda message: running.console.append(f"{message.type}: {message.text}"))
        made.on("weberror", lambda error: running.console.append(str(error.error)))
        made.on(
            "request",
            lambda r: running.elsewhere.append(r.url) if not r.url.startswith(running.url) else None,
        )
        yield made
        browser.close()


@pytest.fixture
def page(running: Running, context: BrowserContext) -> Page:
    """A page whose reviewer has signed in and chosen a password."""
    page = context.new_page()
    page.goto(f"{running.url}/queue")
    page.fill("#login", "admin")
    page.fill("#password", running.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password")
    page.fill("#current", running.password)
    page.fill("#new", PASSWORD)
    page.fill("#again", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#triage[data-case]")
    return page


def case_on_screen(page: Page) -> str:
    return page.locator("#triage").get_attribute("data-case") or ""


def press(page: Page, key: str) -> str:
    """Press a key and wait until the next case has the focus; return the case that stood there."""
    before = case_on_screen(page)
    page.keyboard.press(key)
    page.wait_for_function(
        "b => document.querySelector('#triage').dataset.case !== b && document.activeElement.hasAttribute('data-focus')",
        arg=before,
    )
    return before


def decisions(running: Running) -> int:
    with running.records.read() as session:
        return (
            session.scalar(select(func.count()).select_from(Decision).where(Decision.undone_at.is_(None)))
            or 0
        )


def test_a_reviewer_decides_ten_cases_by_keyboard_finds_a_post_and_sees_the_trail(
    running: Running, page: Page
) -> None:
    press(page, "d")
    assert "Đã ghi: Bỏ qua" in page.locator(".toast").inner_text()
    undone = case_on_screen(page)
    press(page, "d")
    press(page, "u")
    assert case_on_screen(page) == undone
    assert decisions(running) == 1
    for _ in range(2):
        press(page, "p")
    page.keyboard.press("c")
    assert page.evaluate("document.activeElement.id") == "correction"
    page.keyboard.type(" Xin đọc kỹ nguồn chính thức.")
    press(page, "Control+Enter")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.keyboard.type("Bán thuốc giả, đề nghị gỡ bài.")
    press(page, "Control+Enter")
    page.keyboard.press("e")
    page.keyboard.type("Cần bác sĩ xem.")
    press(page, "Control+Enter")
    page.keyboard.press("s")
    page.keyboard.type("Đọc lại sau.")
    press(page, "Control+Enter")
    first = press(page, "j")
    second = press(page, "k")
    assert (case_on_screen(page), second != first) == (first, True)
    while decisions(running) < 10:
        press(page, "d")
    assert decisions(running) == 10

    work(running.records, running.engine)
    page.keyboard.press("/")
    page.wait_for_url("**/search**")
    page.keyboard.press("/")
    page.keyboard.type("sach vi rut, nha toi khoi han")
    page.wait_for_selector("mark.found")
    assert "sạch vi rút" in page.locator(".hits").inner_text()
    assert "q=sach" in page.url

    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/audit")
    trail = page.locator("tbody").inner_text()
    for action in ("case.decided", "case.undone", "case.escalated", "case.skipped", "case.released"):
        assert action in trail
    page.get_by_role("button", name="Kiểm tra chuỗi").click()
    page.wait_for_selector("#verdict .notice-done")
    assert running.elsewhere == []
    assert running.console == []


def test_the_last_case_leaves_a_useful_empty_desk(running: Running, page: Page) -> None:
    for _ in range(len(HARMFUL)):
        if not page.locator("#triage[data-case]").count():
            break
        press(page, "d")
    page.wait_for_selector("text=Hết ca trong làn này")
    assert page.locator(".outcomes").count() == 0
    assert running.console == []


def test_a_doubled_key_press_decides_one_case(running: Running, page: Page) -> None:
    page.evaluate(
        "for (let i = 0; i < 2; i++) document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'd', bubbles: true}))"
    )
    page.wait_for_selector(".toast")
    assert decisions(running) == 1


def test_the_desk_works_without_scripts(running: Running, context: BrowserContext, page: Page) -> None:
    plain = context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    plain.add_cookies(context.cookies())  # type: ignore[arg-type]
    bare = plain.new_page()
    bare.goto(f"{running.url}/")
    bare.get_by_role("button", name="Bỏ qua").click()
    assert "done=" in bare.url
    assert bare.get_by_role("button", name="Hoàn tác").is_visible()
    assert decisions(running) == 1


def test_the_language_the_theme_and_the_underlines_can_be_chosen(running: Running, page: Page) -> None:
    assert page.locator("mark.mark").first.evaluate("e => getComputedStyle(e).textDecorationLine") != "none"
    page.keyboard.press("h")
    assert page.locator("mark.mark").first.evaluate("e => getComputedStyle(e).textDecorationLine") == "none"
    page.get_by_role("button", name="English").click()
    page.wait_for_selector("html[lang=en]")
    assert page.get_by_role("button", name=re.compile("Dismiss")).is_visible()
    assert page.locator("body.no-marks").count() == 1
    page.goto(f"{running.url}/settings")
    page.select_option("#theme", "dark")
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector("html[data-theme=dark]")
    assert running.console == []


PLACES = ("/", "/cases/1", "/queue", "/queue?lane=decided", "/search", "/search?q=toi", "/sources", "/claims", "/claims/new", "/audit?verify=true",
          "/people", "/settings", "/password", "/nothing")  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_wrong_on_any_page(
    running: Running, context: BrowserContext, page: Page, theme: str, width: int
) -> None:
    context.add_cookies([{"name": "kiemtin_theme", "value": theme, "url": running.url}])
    page.set_viewport_size({"width": width, "height": 800})
    axe = Axe()
    for place in PLACES:
        page.goto(f"{running.url}{place}")
        if place == "/":
            page.keyboard.press("c")
        results = axe.run(page)
        assert results.violations_count == 0, f"{place}: {results.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (
            f"{place} is wider than the screen"
        )


def test_axe_finds_nothing_wrong_on_sign_in(running: Running, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{running.url}/sign-in")
    assert Axe().run(page).violations_count == 0
    assert running.console == []
