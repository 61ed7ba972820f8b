"""A whole referral in Chromium: one proposes, another reviews blind and approves, and the liaison sees it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from api.desk import Desk
from review_ui.app import create_app
from search.open import open_engine
from store.archive import Archive
from store.records import Records
from store.tables import Referral
from store.vocabulary import Role
from tests.conftest import cache
from tests.joined import join
from tests.referable import BASIS, SCAM, referable_case

pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed; pip install 'kiemtin[browser]'"
)
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

CHROMIUM = Path(os.environ.get("KIEMTIN_TEST_CHROMIUM", "/usr/bin/chromium"))
PASSWORD = "mot cau ngan de nho"
SHOTS = os.environ.get("KIEMTIN_TEST_SHOTS", "")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(),
        reason=f"{CHROMIUM} is absent; apt-get install chromium, or set KIEMTIN_TEST_CHROMIUM",
    ),
]
PEOPLE = {"hoa": Role.REVIEWER, "lan": Role.LEAD, "an": Role.LIAISON}


@dataclass
class Served:
    url: str
    records: Records
    case_id: int


@pytest.fixture
def served(sqlite: Records, tmp_path: Path) -> Iterator[Served]:
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    case = referable_case(sqlite)
    for login, role in PEOPLE.items():
        with sqlite.write() as session:
            join(session, login, role, PASSWORD)
    app = create_app(Desk(sqlite, engine, Archive(tmp_path / "archive"), cache=cache()))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(f"http://127.0.0.1:{port}", sqlite, case.id)
    server.should_exit = True
    thread.join()
    engine.close()


@pytest.fixture
def sign_in(served: Served) -> Iterator[Callable[[str], Page]]:
    """Give each person a browser of their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])

        def signed_in(login: str) -> Page:
            context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
            context.set_default_timeout(60_000)
            page = context.new_page()
            page.goto(f"{served.url}/sign-in?next=/settings")
            page.fill("#login", login)
            page.fill("#password", PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{served.url}/settings")
            return page

        yield signed_in
        browser.close()


def clean(page: Page, name: str) -> None:
    """Say that axe finds nothing on a page, and that it fits a narrow screen."""
    found = Axe().run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)
    page.set_viewport_size({"width": 360, "height": 720})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}-phone.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_two_people_refer_a_case_and_the_liaison_sees_it(
    served: Served, sign_in: Callable[[str], Page]
) -> None:
    # Hoa comes upon the case, and `f` opens a form: one key proposes nothing.
    hoa = sign_in("hoa")
    hoa.goto(served.url)
    hoa.wait_for_selector(f"#triage[data-case='{served.case_id}']")
    hoa.keyboard.press("f")
    hoa.wait_for_url(f"**/cases/{served.case_id}/referral")
    clean(hoa, "form")
    hoa.get_by_label(BASIS, exact=False).check()
    hoa.get_by_label("Đính chính").check()
    hoa.fill("#necessity", "Số tài khoản vẫn đang nhận tiền.")
    hoa.keyboard.press("Control+Enter")
    hoa.wait_for_url("**/referrals/1")
    assert "Chờ người thứ hai xem lại độc lập" in hoa.inner_text("main")
    assert hoa.get_by_role("button", name="Phê duyệt").count() == 0

    an = sign_in("an")
    an.goto(f"{served.url}/referrals")
    assert "Số tài khoản" not in an.inner_text("main")
    an.goto(f"{served.url}/referrals/1")
    assert "Không có đề nghị 1" in an.inner_text("main")

    # Lan knows nothing of the proposal until she has reviewed the post.
    lan = sign_in("lan")
    lan.goto(f"{served.url}/referrals")
    lan.get_by_role("link", name="1 đề nghị chờ xem lại độc lập").click()
    lan.wait_for_url("**/second-reviews")
    lan.keyboard.press("j")
    lan.wait_for_url("**/second-reviews/1")
    clean(lan, "blind")
    said = lan.inner_text("main")
    assert SCAM[:30] in said
    assert "Hoa" not in said
    assert "Số tài khoản vẫn" not in said
    lan.locator("input[name=act][value=ad]").check()
    lan.locator("input[name=harms][value=scam]").check()
    lan.locator("input[name=outcome][value=report]").check()
    lan.fill("#reason", "Đòi chuyển tiền trước để nhận trợ cấp.")
    lan.keyboard.press("Control+Enter")
    lan.wait_for_url("**/second-reviews?done=1")
    lan.goto(f"{served.url}/referrals")
    assert "việc của bạn" in lan.inner_text("main")
    clean(lan, "board")
    lan.goto(f"{served.url}/referrals/1")
    clean(lan, "referral")
    lan.get_by_role("button", name="Phê duyệt").click()
    lan.get_by_text("Cán bộ đầu mối gửi gói chứng cứ trước").wait_for()

    an.goto(f"{served.url}/referrals")
    an.get_by_role("link", name="lừa đảo #1").click()
    an.wait_for_url("**/referrals/1")
    assert "Số tài khoản vẫn đang nhận tiền." in an.inner_text("main")
    clean(an, "liaison")
    with served.records.read() as session:
        kept = session.get_one(Referral, 1)
        assert (kept.state, kept.proposer.login, kept.approver and kept.approver.login) == (
            "approved",
            "hoa",
            "lan",
        )
