"""The case page and its decisions in Chromium: fifty cases by keyboard, a slow server, two people at one case."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations, islice

import pytest
from sqlalchemy import func, select

from store.archived import Exchange
from store.case_tables import CopyMark, Note
from store.tables import Capture, Case, Decision, Event, Post
from store.vocabulary import Role
from tests.factory import HARMFUL, NOW
from tests.joined import join
from tests.ui.conftest import (
    PASSWORD,
    PATIENCE,
    Running,
    case_on_screen,
    decide,
    decisions,
    needs_chromium,
    press,
)

pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed; pip install 'kiemtin[browser]'"
)
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = needs_chromium


def test_a_reviewer_triages_fifty_cases_by_keyboard_alone_in_both_languages(
    running: Running, page: Page
) -> None:
    more = [f"{one} {two}" for one, two in islice(combinations(HARMFUL, 2), 45)]
    running.place.take(*more, keys=[f"more {i}" for i in range(len(more))])
    running.place.work(running.engine)
    seen = []
    for turn in range(50):
        if turn == 25:
            page.locator("[name=language]").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector("html[lang=en]")
        if turn % 10 == 9:
            page.keyboard.press("d")
            page.keyboard.type("viết lý do riêng")
            seen.append(press(page, "Control+Enter"))
        elif turn % 10 == 4:
            page.keyboard.press("c")
            page.keyboard.press("Control+a")
            page.keyboard.type("Không đúng như vậy.")
            seen.append(press(page, "Control+Enter"))
        else:
            seen.append(decide(page, "dpr"[turn % 3], str(1 + turn % 5)))
    assert len(set(seen)) == decisions(running) == 50
    assert "Recorded:" in page.locator(".toast").inner_text()
    with running.records.read() as session:
        made = session.scalars(select(Decision)).all()
    assert all(one.reason for one in made)
    assert {one.act is not None for one in made if one.outcome == "protected"} == {True}
    assert sum(one.reason == "viết lý do riêng" for one in made) == 5
    # What was picked in English is recorded in the words of the records.
    assert {one.reason for one in made if one.outcome == "dismiss"} <= {
        "Không nói về COVID-19", "Đúng theo nguồn đã kiểm chứng", "Không gây hại cho ai",
        "Chuyện cũ, nay không còn tác hại", "Không đủ rõ để kết luận", "viết lý do riêng",
    }  # fmt: skip
    assert running.console == running.elsewhere == []


def test_no_key_acts_while_the_server_is_slow_and_none_reaches_the_next_case(
    running: Running, page: Page
) -> None:
    first = case_on_screen(page)
    running.door.open.clear()
    page.keyboard.press("d")
    page.keyboard.press("1")
    assert running.door.knocked.wait(PATIENCE / 1000)
    expect(page.locator(".waiting")).not_to_be_empty()
    for key in ("1", "d", "1", "p", "1", "e", "1", "j", "s", "u", "Control+Enter", "Enter"):
        page.keyboard.press(key)
    page.evaluate("document.querySelector('#triage form[hx-post$=leave]').requestSubmit()")
    assert case_on_screen(page) == first
    running.door.open.set()
    page.wait_for_selector(".toast")
    second = case_on_screen(page)
    assert second != first
    assert page.locator("details.outcome[open]").count() == 0
    with running.records.read() as session:
        assert [str(one.case_id) for one in session.scalars(select(Decision))] == [first]
        assert session.get_one(Case, int(second)).state == "leased"
        done = session.scalars(
            select(Event.action).where(Event.action.in_(("case.released", "case.escalated")))
        )
        assert done.all() == []
    decide(page, "d", "2")
    assert decisions(running) == 2
    assert running.console == []


def colleague(running: Running, context: BrowserContext) -> Page:
    """Sign another reviewer in, in a browser of their own."""
    with running.records.write() as session:
        join(session, "minh", Role.REVIEWER, PASSWORD)
    page = context.browser.new_page(viewport={"width": 1280, "height": 800})  # type: ignore[union-attr]
    page.set_default_timeout(PATIENCE)
    page.goto(f"{running.url}/sign-in")
    page.fill("#login", "minh")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#triage[data-case]")
    page.wait_for_load_state()
    return page


def test_two_people_fight_for_one_case_and_one_of_them_decides_it(
    running: Running, context: BrowserContext, page: Page
) -> None:
    other = colleague(running, context)
    wanted = case_on_screen(page)
    assert case_on_screen(other) != wanted
    other.goto(f"{running.url}/cases/{wanted}")
    assert "giữ bởi" in other.locator(".case-head").inner_text()
    other.keyboard.press("l")
    other.wait_for_selector("text=đang do người khác giữ")
    running.clock.later = timedelta(minutes=11)
    other.goto(f"{running.url}/cases/{wanted}")
    other.keyboard.press("l")
    other.wait_for_selector(f"#triage[data-case='{wanted}']")
    page.keyboard.press("d")
    press(page, "1")
    assert "Bạn không còn giữ ca" in page.locator("[role=alert]").inner_text()
    assert decisions(running) == 0
    decide(other, "p", "2")
    with running.records.read() as session:
        (made,) = session.scalars(select(Decision)).all()
        assert (str(made.case_id), made.user.login) == (wanted, "minh")


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Another host: its address, and what it was asked for."""
    asked: list[str] = []

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


PAGE = """<!doctype html><meta charset="utf-8"><title>x</title><body><h1>Trang gốc</h1>
<img src="{0}/a.png"><link rel="stylesheet" href="{0}/a.css"><style>@import "{0}/b.css"; h1 {{ background: url({0}/b.png) }}</style>
<script src="{0}/a.js"></script><script>document.body.innerText = "ran"</script>
<iframe src="{0}/"></iframe><video src="{0}/a.mp4" autoplay></video></body>"""


def keep_page(running: Running, case_id: str, body: bytes) -> None:
    with running.archive as archive, running.records.write() as session:
        sent = (("Content-Type", "text/html"),)
        stored = archive.exchange([Exchange(NOW, "http://forum.example/1", 200, sent, body)])
        post = session.get_one(Post, session.get_one(Case, int(case_id)).post_id)
        capture = Capture(
            source_id=post.source_id, url="http://forum.example/1", at=NOW, media_type="text/html",
            sha256=stored.sha256, warc=stored.warc, offset=stored.offset, length=stored.length,
        )  # fmt: skip
        session.add(capture)
        session.flush()
        post.capture_id = capture.id


def test_copies_notes_and_the_archived_page_by_key(
    running: Running, page: Page, elsewhere: tuple[str, list[str]]
) -> None:
    case_id = case_on_screen(page)
    host, asked = elsewhere
    keep_page(running, case_id, PAGE.format(host).encode())
    with running.records.read() as session:
        text = session.get_one(Post, session.get_one(Case, int(case_id)).post_id).text
    running.place.take(f"{text} Nhớ nhé!", f"{text} Gửi cả nhà", keys=["gần", "gần nữa"])
    running.place.work(running.engine)
    page.reload()
    assert "2 bản gần giống chưa xác nhận" in page.locator("#uncovered").inner_text()
    page.keyboard.press("y")
    expect(page.locator(".variant-same")).to_have_count(1)
    assert "1 bản gần giống chưa xác nhận" in page.locator("#uncovered").inner_text()
    expect(page.locator("[data-key=y]")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator(".variant-different")).to_have_count(1)
    expect(page.locator("#uncovered")).to_be_empty()
    page.keyboard.press("n")
    page.keyboard.type("hỏi trạm y tế")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#notes li")).to_have_count(1)
    page.keyboard.press("v")
    page.fill("#open-reason", "đối chiếu lời trích")
    page.get_by_role("button", name="Mở bản gốc").click()
    frame = page.frame_locator("iframe.kept-page")
    expect(frame.locator("h1")).to_have_text("Trang gốc")
    assert frame.locator("iframe").count() == 0
    # Of no origin: not even this page, whose frame it is, can look into it, nor it out.
    assert page.locator("iframe.kept-page").evaluate("frame => frame.contentDocument === null")
    page.keyboard.press("Escape")
    expect(page.locator("#kept")).to_be_hidden()
    assert case_on_screen(page) == case_id
    page.keyboard.press("?")
    assert page.locator("dialog#keys").get_by_text("bản sao: mở, cùng lời, khác, tách").is_visible()
    page.keyboard.press("d")
    page.keyboard.press("Escape")
    assert page.locator("details.outcome[open]").count() == 0
    # From the text, Tab reaches what can be concluded, in the order of the bar.
    page.locator("[data-focus]").focus()
    reached: list[str] = []
    while "s" not in reached and page.evaluate("document.activeElement !== document.body"):
        page.keyboard.press("Tab")
        key = page.evaluate(
            "document.activeElement.closest('.outcomes') && document.activeElement.dataset.key"
        )
        reached += [key] if key else []
    assert "".join(reached).replace("f", "") == "dpcres"
    decide(page, "r", "1")
    page.keyboard.press("o")
    expect(page.locator(".toast [data-key=o] span")).to_have_text("Đã chép")
    with running.records.read() as session:
        (made,) = session.scalars(select(Decision)).all()
        assert (made.snapshot["copies_total"], made.snapshot["uncovered_total"]) == (2, 1)
        assert session.scalar(select(func.count()).select_from(CopyMark)) == 2
        assert session.scalar(select(func.count()).select_from(Note)) == 1
    assert asked == []


def test_the_desk_fits_a_phone_and_its_header_one_row(running: Running, page: Page) -> None:
    for width in (1024, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.locator("header.top").bounding_box()["height"] < 60, width  # type: ignore[index]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 360, "height": 740})
    for part, pane in (("why", ".why"), ("lanes", ".lanes"), ("case", ".pane.case")):
        page.locator(f"[data-tab-of={part}]").click()
        assert page.locator(pane).is_visible()
        assert page.locator(".pane:visible").count() == 1
    for key in "dpcres":
        summary = page.locator(f".outcomes [data-key={key}]")
        assert summary.bounding_box()["y"] > 370, key  # type: ignore[index]
        summary.click()
        box = page.locator("details.outcome[open] .sheet").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= 360
    page.locator("[data-key=p]").click()
    assert Axe().run(page).violations_count == 0
    page.locator("details.outcome[open] [data-pick='3']").click()
    page.wait_for_selector(".toast")
    assert decisions(running) == 1
    assert running.console == []
