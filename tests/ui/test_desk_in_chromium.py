"""The desk as a reviewer meets it, in Chromium: the keyboard, search without diacritics, the audit trail."""

from __future__ import annotations

import re

import pytest

from tests.factory import HARMFUL, work
from tests.routes import routes
from tests.ui.conftest import Running, case_on_screen, decide, decisions, needs_chromium, press

pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed; pip install 'kiemtin[browser]'"
)
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = needs_chromium


def test_a_reviewer_decides_ten_cases_by_keyboard_finds_a_post_and_sees_the_trail(
    running: Running, page: Page
) -> None:
    decide(page, "d", "1")
    assert "Đã ghi: Bỏ qua" in page.locator(".toast").inner_text()
    undone = case_on_screen(page)
    decide(page, "d", "1")
    press(page, "u")
    assert case_on_screen(page) == undone
    assert decisions(running) == 1
    for _ in range(2):
        decide(page, "p", "1")
    page.keyboard.press("i" if page.locator("[data-key=i]").count() else "c")
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
        decide(page, "d", "1")
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
        decide(page, "d", "1")
    page.wait_for_selector("text=Hết ca trong làn này")
    assert page.locator(".outcomes").count() == 0
    assert running.console == []


def test_a_doubled_key_press_decides_one_case(running: Running, page: Page) -> None:
    page.keyboard.press("d")
    page.evaluate(
        "for (let i = 0; i < 2; i++) document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '1', bubbles: true}))"
    )
    page.wait_for_selector(".toast")
    assert decisions(running) == 1


def test_the_desk_works_without_scripts(running: Running, context: BrowserContext, page: Page) -> None:
    plain = context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    plain.add_cookies(context.cookies())  # type: ignore[arg-type]
    bare = plain.new_page()
    bare.goto(f"{running.url}/")
    bare.locator("summary", has_text="Bỏ qua").click()
    bare.get_by_role("button", name="Không gây hại cho ai").click()
    expect(bare.get_by_role("button", name="Hoàn tác")).to_be_visible()
    assert "done=" in bare.url
    assert decisions(running) == 1


def test_the_language_the_theme_and_the_underlines_can_be_chosen(running: Running, page: Page) -> None:
    assert page.locator("mark.mark").first.evaluate("e => getComputedStyle(e).textDecorationLine") != "none"
    page.keyboard.press("h")
    assert page.locator("mark.mark").first.evaluate("e => getComputedStyle(e).textDecorationLine") == "none"
    page.get_by_role("button", name="English").click()
    page.wait_for_selector("html[lang=en]")
    assert page.locator("summary", has_text="Dismiss").is_visible()
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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_wrong_on_any_page_that_has_an_address_of_its_own(
    running: Running, context: BrowserContext, page: Page, theme: str
) -> None:
    context.add_cookies([{"name": "kiemtin_theme", "value": theme, "url": running.url}])
    given = {"case_id": "1", "login": "admin", "claim_id": "toi-nuoc"}
    axe, seen, wrong = Axe(), [], []
    page.set_viewport_size({"width": 360, "height": 800})
    for path, methods, _ in routes(running.app):
        place = re.sub(r"{(\w+)}", lambda name: given.get(name[1], name[0]), path)
        if "GET" not in methods or "{" in place or path.startswith(("/api/", "/static", "/vendor")):
            continue
        answer = context.request.get(f"{running.url}{place}")
        # Parts of pages, files and the provider's way are no pages.
        if not answer.ok or "<html" not in answer.text():
            continue
        page.goto(f"{running.url}{place}")
        results = axe.run(page)
        wrong += [f"{place}: {results.generate_report()}"] if results.violations_count else []
        wide = page.evaluate("document.documentElement.scrollWidth") > 360
        wrong += [f"{place} is wider than a phone"] if wide else []
        seen.append(place)
    assert not wrong, "\n".join(wrong)
    assert len(seen) > 35, seen


def test_the_mark_of_what_was_recorded_lies_beside_its_words(running: Running, page: Page) -> None:
    decide(page, "d", "1")
    beside = page.locator(".toast > span").first.evaluate("""(line) => {
      const words = document.createRange();
      words.selectNodeContents([...line.childNodes].find((node) => node.nodeType === 3 && node.data.trim()));
      return words.getBoundingClientRect().left >= line.querySelector(".icon").getBoundingClientRect().right;
    }""")
    assert beside
