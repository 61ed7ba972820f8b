"""Makes the pictures of the documentation from a demo of its own: `make screenshot`."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "docs" / "assets"
CHROMIUM = os.environ.get("KIEMTIN_TEST_CHROMIUM", "/usr/bin/chromium")
PASSWORD = "một câu ngắn dễ nhớ"
LARGEST = 300_000


def main() -> None:
    """Write desk.png and desk-dark.png, 1280 × 800."""
    ASSETS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "KIEMTIN_DATA_DIR": folder, "KIEMTIN_DEMO_PORT": str(_free_port())}
        program = [sys.executable, "-m", "kiemtin"]
        shown = subprocess.run(
            [*program, "demo", "--no-serve"],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        once = re.search(r"mật khẩu dùng một lần:\s+(\S+)", shown)
        if once is None:
            raise SystemExit("the demo printed no one-time password")
        port = _free_port()
        server = subprocess.Popen([*program, "serve", "--port", str(port)], cwd=ROOT, env=environment)
        try:
            _wait(f"http://127.0.0.1:{port}/healthz")
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
        page.fill("#login", "admin")
        page.fill("#password", password)
        page.keyboard.press("Enter")
        page.fill("#current", password)
        page.fill("#new", PASSWORD)
        page.fill("#again", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("#triage[data-case]")
        page.goto(f"{url}/?lane=cure")
        page.keyboard.press("d")
        page.keyboard.press("1")
        page.wait_for_selector(".toast")
        _keep(page, "desk.png")
        context.add_cookies([{"name": "kiemtin_theme", "value": "dark", "url": url}])
        page.goto(f"{url}/?lane=scam")
        _keep(page, "desk-dark.png")
        browser.close()


def _keep(page: Page, name: str) -> None:
    path = ASSETS / name
    page.screenshot(path=str(path))
    if path.stat().st_size > LARGEST:
        with Image.open(path) as image:
            image.convert("P", palette=Image.Palette.ADAPTIVE).save(path, optimize=True)
    print(path.relative_to(ROOT), path.stat().st_size)


def _wait(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise SystemExit("the server did not become well within a minute")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


if __name__ == "__main__":
    main()
