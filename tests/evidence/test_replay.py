"""The WACZ of a bundle opens in ReplayWeb.page, served on this machine, in Chromium: the article can be read."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.evidence.conftest import Ready
from tests.evidence.made import URL

CHROMIUM = Path(os.environ.get("KIEMTIN_TEST_CHROMIUM", "/usr/bin/chromium"))
PLAYER = "<!doctype html><meta charset=utf-8><script src=/ui.js></script>" + (
    f'<replay-web-page source="/pages.wacz" url="{URL}" replayBase="/" embed="replayonly"'
    ' style="display:block;height:700px"></replay-web-page>'
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(),
        reason=f"{CHROMIUM} is absent; apt-get install chromium, or set KIEMTIN_TEST_CHROMIUM",
    ),
]


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of ReplayWeb.page, from the npm registry, or from KIEMTIN_TEST_REPLAYWEBPAGE (its .tgz)."""
    folder = tmp_path_factory.mktemp("player")
    given = os.environ.get("KIEMTIN_TEST_REPLAYWEBPAGE")
    if given:
        shutil.copy(given, folder / "replaywebpage.tgz")
    elif shutil.which("npm"):
        done = subprocess.run(
            ["npm", "pack", "--silent", "replaywebpage"],
            cwd=folder,
            capture_output=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip("npm gives no replaywebpage here; set KIEMTIN_TEST_REPLAYWEBPAGE to its .tgz")
    else:
        pytest.skip(
            "npm is absent; apt-get install npm, or set KIEMTIN_TEST_REPLAYWEBPAGE to replaywebpage's .tgz"
        )
    with tarfile.open(next(folder.glob("*.tgz"))) as file:
        file.extractall(folder, filter="data")
    return folder / "package"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_article_is_visible_in_replay_web_page(ready: Ready, player: Path) -> None:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed; pip install 'kiemtin[browser]'"
    )
    with zipfile.ZipFile(ready.path) as file:
        (player / "pages.wacz").write_bytes(file.read("pages.wacz"))
    (player / "play.html").write_text(PLAYER, encoding="utf-8")
    with served(player) as address, playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{address}/play.html")
        # The player shows the archived page in a frame within its own.
        article = page.frame_locator("iframe").frame_locator("iframe").locator("#bai")
        article.wait_for(timeout=90_000)
        shown = article.inner_text()
        browser.close()
    assert "Thuốc nam đặc trị F0" in shown
    assert "Nguyễn Thị Hoa" not in shown
