"""Serves the sample site on loopback, from a thread of this process."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from crawlers.sample_site.pages import Page, render


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
    thread = Thread(target=server.serve_forever, name="sample-site", daemon=True)
    thread.start()
    return RunningSite(f"http://{host}:{server.server_address[1]}", server, thread)


def run_forever(host: str = "127.0.0.1", port: int = 8377) -> None:
    """Serve the site until Ctrl+C. Raises `OSError` when the port is taken."""
    with ThreadingHTTPServer((host, port), _Handler) as server, suppress(KeyboardInterrupt):
        server.serve_forever()


def sources(base_url: str) -> list[dict[str, Any]]:
    """Return the sources of a site at `base_url`, as `crawlers.sources.parse` takes them."""
    kinds = {
        "Báo Phù Sa (mẫu)": ("feed", "/rss.xml"),
        "Diễn đàn Bến Nước (mẫu)": ("forum", "/dien-dan/"),
    }
    return [
        {
            "name": name,
            "kind": kind,
            "url": f"{base_url.rstrip('/')}{path}",
            "language": "vi",
            "legal_basis": "Trang mẫu hư cấu của chính Kiểm Tin",
            "rate": 50,
        }
        for name, (kind, path) in kinds.items()
    ]


class _Handler(BaseHTTPRequestHandler):
    server_version = "SampleSite"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        page = render(urlsplit(self.path).path, f"http://{self.headers.get('Host', '127.0.0.1')}")
        if page.status == 200 and self._has(page):
            self.send_response(304)
            body = b""
        else:
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
            body = page.body
        self.send_header("ETag", page.etag)
        self.send_header("Last-Modified", page.last_modified)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _has(self, page: Page) -> bool:
        """Say whether the client has this page already; an entity tag outranks a date."""
        tag = self.headers.get("If-None-Match")
        if tag is not None:
            return tag == page.etag
        return self.headers.get("If-Modified-Since") == page.last_modified

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the crawl tells what was asked for."""
