"""Archived pages in Chromium: from another origin, without a cookie, in silence; and what is said where they fail."""

from __future__ import annotations

import dataclasses

import pytest

from api.tickets import HOLDS, Frame
from kiemtin import listening
from tests.ui.conftest import Running, case_on_screen, needs_chromium
from tests.ui.test_case_in_chromium import keep_page
from tests.ui.test_hostile_in_chromium import COUNTED, counted

pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed; pip install 'kiemtin[browser]'"
)
from playwright.sync_api import BrowserContext, Page, Request, expect

pytestmark = needs_chromium
HTML = '<!doctype html><meta charset="utf-8"><title>x</title><body><h1>Trang gốc</h1><script>document.title = "ran"</script>'


def open_kept(running: Running, page: Page) -> None:
    """Give the reason for looking at the archived page of the case on the screen."""
    case_id = case_on_screen(page)
    keep_page(running, case_id, HTML.encode())
    page.goto(f"{running.url}/cases/{case_id}/kept")
    page.fill("#open-reason", "đối chiếu lời trích")
    page.get_by_role("button", name="Mở bản gốc").click()


def show(page: Page, address: str) -> None:
    page.locator("iframe.kept-page").evaluate("(frame, address) => { frame.src = address }", address)


def test_the_archived_page_is_of_another_origin_where_no_cookie_goes(
    running: Running, context: BrowserContext, page: Page
) -> None:
    asked: list[Request] = []
    context.on("request", lambda request: asked.append(request))  # noqa: PLW0108 it is marked by playwright
    open_kept(running, page)
    frame = page.frame_locator("iframe.kept-page")
    expect(frame.locator("h1")).to_have_text("Trang gốc")
    there = [one for one in asked if one.url.startswith(running.frame)]
    assert {one.url.partition("?")[0].removeprefix(running.frame) for one in there} == {"/page", "/here"}
    assert not [one.url for one in there if "cookie" in one.all_headers()]
    # The same browser has cookies for this host, and the desk gets them.
    assert [
        one for one in asked if one.url.endswith("/kept") and "kiemtin_session" in one.all_headers()["cookie"]
    ]
    assert page.locator("iframe.kept-page").evaluate("frame => frame.contentDocument === null")
    address = next(one.url for one in there if "/page?" in one.url)
    expect(page.locator("[role=alert]")).to_be_hidden()
    # Not for a window, not when it is over, not when a sign of it was changed.
    window = context.new_page()
    window.goto(address)
    expect(window.locator("p")).to_have_text("Trang đã lưu chỉ xem được trong khung của bàn duyệt.")
    window.close()
    with page.expect_response(lambda answer: answer.url.startswith(running.frame)) as forged:
        show(page, address[:-60] + "A" * 60)
    assert forged.value.status == 403
    running.clock.later = HOLDS
    show(page, address)
    expect(frame.locator("[role=alert]")).to_have_text(
        "Địa chỉ của trang đã lưu chỉ có hiệu lực 2 phút và đã hết. Hãy mở lại trang đã lưu."
    )
    assert counted(running, page) == 0
    # That silence means something: no other origin may be framed, the desk's own neither.
    show(page, f"{running.url}/queue")
    page.wait_for_function(COUNTED)
    assert running.elsewhere == []


def test_where_the_other_origin_is_not_reached_the_page_says_so(running: Running, page: Page) -> None:
    closed = listening.at("127.0.0.1", 0, "")
    port = closed.getsockname()[1]
    closed.close()
    key = running.place.keys.frame
    running.app.state.desk = dataclasses.replace(running.app.state.desk, frame=Frame(key, port))
    open_kept(running, page)
    said = page.locator("#kept-body [role=alert]")
    expect(said).to_be_visible()
    expect(said).to_contain_text(f"Không tới được http://127.0.0.1:{port}")
    expect(page.locator("iframe.kept-page")).to_be_hidden()
