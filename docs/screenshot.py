"""Makes the pictures of the documentation from a demo of its own: `make screenshot`."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from demo import ASSETS, PROGRAM, ROOT, free_port, surroundings, wait
from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright

CHROMIUM = os.environ.get("KIEMTIN_TEST_CHROMIUM", "/usr/bin/chromium")
PASSWORD = "một câu ngắn dễ nhớ"
COLOURS = 64
# Pages that need no preparation: the name of the picture, and the address.
PAGES = {
    "queue": "/queue", "second-reviews": "/second-reviews", "search": "/search?q=uong%20nuoc%20toi",
    "sources": "/sources", "claims": "/claims", "quality": "/quality", "complaints": "/complaints",
    "complaint-form": "/complaints/new", "corrections": "/corrections", "trends": "/trends",
    "dashboard": "/dashboard", "reports": "/reports", "bundles": "/bundles", "work": "/work",
    "drift": "/drift",
    "policy": "/policy", "audit": "/audit?verify=true", "people": "/people", "settings": "/settings",
    "permissions": "/permissions", "filters": "/filters", "tokens": "/tokens",
    "adjudication": "/adjudication",
    "second-factor": "/second-factor", "reauthenticate": "/reauthenticate",
    "sessions": "/sessions", "breaks": "/breaks", "setup": "/setup",
    "public-corrections": "/public/corrections", "public-transparency": "/public/transparency",
}  # fmt: skip


def main() -> None:
    """Write desk.png and desk-dark.png, 1280 × 800, and one picture of each page in pages/."""
    (ASSETS / "pages").mkdir(parents=True, exist_ok=True)
    with surroundings() as environment, tempfile.TemporaryFile("w+") as shown:
        port = free_port()
        line = [*PROGRAM, "demo", "--port", str(port)]
        server = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=shown, text=True)
        try:
            wait(f"http://127.0.0.1:{port}/healthz")
            shown.seek(0)
            once = re.search(r"mật khẩu dùng một lần:\s+(\S+)", shown.read())
            if once is None:
                raise SystemExit("the demo printed no one-time password")
            _photograph(f"http://127.0.0.1:{port}", once.group(1))
        finally:
            server.terminate()
            server.wait()


def _photograph(url: str, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
        page = context.new_page()
        page.goto(url)
        _keep(page, "pages/sign-in.png")
        page.fill("#login", "admin")
        page.fill("#password", password)
        page.keyboard.press("Enter")
        page.fill("#current", password)
        page.fill("#new", PASSWORD)
        page.fill("#again", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("#triage[data-case]")
        _keep(page, "pages/tour.png")
        context.add_cookies([{"name": "kiemtin_tour", "value": "off", "url": url}])
        page.goto(f"{url}/?lane=cure")
        page.keyboard.press("d")
        page.keyboard.press("1")
        page.wait_for_selector(".toast")
        _keep(page, "desk.png", colours=256)
        for name, address in PAGES.items():
            page.goto(url + address)
            _keep(page, f"pages/{name}.png")
        _of_one(page, url)
        _dark(context, page, url)
        browser.close()


def _of_one(page: Page, url: str) -> None:
    """Take what is of one thing: a case and its form, a claim, a report, a correction being written."""
    page.goto(f"{url}/?lane=scam")
    case = page.get_attribute("#triage", "data-case")
    claim = page.request.get(f"{url}/api/v1/claims").json()["claims"][0]["id"]
    week = page.request.get(f"{url}/api/v1/dashboard").json()
    period = sorted(re.findall(r"\d{4}-W\d{2}", str(week)))[-1:] or ["2026-W01"]
    for name, address in {
        "triage-scam": "/?lane=scam", "case": f"/cases/{case}", "referral-form": f"/cases/{case}/referral",
        "claim": f"/claims/{claim}", "report": f"/reports/{period[0]}",
        "correction-form": f"/corrections/{claim}",
    }.items():  # fmt: skip
        answer = page.goto(url + address)
        if answer is not None and answer.ok:
            _keep(page, f"pages/{name}.png")
        else:
            print(f"{name}: {answer.status if answer else 'no answer'}, no picture")


def _dark(context: BrowserContext, page: Page, url: str) -> None:
    context.add_cookies([{"name": "kiemtin_theme", "value": "dark", "url": url}])
    page.goto(f"{url}/?lane=scam")
    _keep(page, "desk-dark.png", colours=256)


def _keep(page: Page, name: str, colours: int = COLOURS) -> None:
    """Keep a picture in few colours: small, and the same letters."""
    path: Path = ASSETS / name
    page.screenshot(path=str(path))
    with Image.open(path) as image:
        image.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.relative_to(ROOT), path.stat().st_size)


if __name__ == "__main__":
    main()
