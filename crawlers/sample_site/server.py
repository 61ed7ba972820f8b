"""Serves the sample site on loopback, from a thread of this process."""

from __future__ import annotations

from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from crawlers.sample_site.pages import render


@dataclass(frozen=True)
class RunningSite:
    """A sample site that answers at `url` until it is stopped."""

    url: str
    _server: ThreadingHTTPServer
    _thread: Thread

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def serve(host: str = "127.0.0.1", port: int = 0) -> RunningSite:
    """Start the site; port 0 is any free one. Raises `OSError` when the port is taken."""
    server = ThreadingHTTPServer((host, port), _Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="sample-site", daemon=True)
    thread.start()
    return RunningSite(f"http://{host}:{server.server_address[1]}", server, thread)


def sources(base_url: str) -> list[dict[str, Any]]:
    """Return the sources of a site at `base_url`, as `crawlers.sources.parse` takes them."""
    basis = "Trang mẫu hư cấu của chính Kiểm Tin"
    return [
        {
            "name": "Báo Phù Sa (mẫu)", "kind": "rss", "url": f"{base_url}/rss.xml",
            "legal_basis": basis, "rate": 50,
        },
        {
            "name": "Diễn đàn Bến Nước (mẫu)", "kind": "forum", "url": f"{base_url}/dien-dan/",
            "legal_basis": basis, "rate": 50,
        },
    ]  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    server_version = "SampleSite"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        page = render(urlsplit(self.path).path, f"http://{self.headers.get('Host', '127.0.0.1')}")
        same = self.headers.get("If-None-Match") == page.etag
        self.send_response(304 if same else page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", "0" if same else str(len(page.body)))
        self.send_header("ETag", page.etag)
        self.end_headers()
        if with_body and not same:
            self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the crawl tells what was asked for."""
