"""Pages in Chromium: shown as a reader sees them, by the rules of their hosts, within limits, and cut off."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from store.records import Records
from tests.crawlers.hostile import Answer as Serve
from tests.crawlers.hostile import Ask, Server, Site, article, head, serving, whole

pytest.importorskip(
    "playwright.async_api", reason="playwright is not installed; pip install 'kiemtin[browser]'"
)
pytest.importorskip("httpcore", reason="httpcore is not installed; pip install 'kiemtin[browser]'")
from PIL import Image

from crawlers.addresses import Allowed
from crawlers.arrival import CannotShow
from crawlers.browser import Browser, BrowserAbsent, Shown
from crawlers.reach import Answer, Limits, NotReached, Reach

CHROMIUM = Path(os.environ.get("KIEMTIN_TEST_CHROMIUM", "/usr/bin/chromium"))
HERE, ELSEWHERE = "127.1.0.1", "127.1.0.2"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(),
        reason=f"{CHROMIUM} is absent; apt-get install chromium, or set KIEMTIN_TEST_CHROMIUM",
    ),
]


@contextmanager
def sites(here: Mapping[str, Serve], elsewhere: Mapping[str, Serve] | None = None) -> Iterator[Server]:
    """Serve two sites, `here` and `elsewhere`, both of which a browser of `show` may reach."""
    with serving({"here": Site(here), "elsewhere": Site(elsewhere or {})}) as server:
        yield server


def show(
    records: Records, server: Server, path: str, limits: Limits | None = None, host: str = HERE
) -> Shown:
    browser = Browser(
        records, CHROMIUM, contact="Sở Thử Nghiệm, lienhe@kiemtin.example", opened=(HERE, ELSEWHERE),
        limits=limits or Limits(),
    )  # fmt: skip
    return browser.show(f"http://{host}:{server.port}{path}")


def told(text: str, ask: Ask) -> str:
    """Put the roots of the sites in the place of HERE and ELSEWHERE."""
    port = ask.base.rsplit(":", 1)[1]
    roots = {"ELSEWHERE": f"http://{ELSEWHERE}:{port}", "HERE": f"http://{HERE}:{port}"}
    return re.sub("ELSEWHERE|HERE", lambda found: roots[found[0]], text)


def page(body: str) -> Serve:
    html = f"<!doctype html><meta charset=utf-8>{body}"
    return lambda ask: whole(told(html, ask).encode())(ask)


def leads(url: str) -> Serve:
    return lambda ask: whole(b"", f"Location: {told(url, ask)}", status="302 Found")(ask)


def image(colour: str) -> Serve:
    body = BytesIO()
    Image.new("RGB", (20, 20), colour).save(body, "PNG")
    return whole(body.getvalue(), "Content-Type: image/png")


class Trap:
    """Sockets of this machine that nothing may come to."""

    def __init__(self) -> None:
        self.tcp = socket.create_server(("127.0.0.2", 0))
        self.port: int = self.tcp.getsockname()[1]
        # For the name localhost.
        self.local = socket.create_server(("127.0.0.1", self.port))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.2", self.port))
        for one in (self.tcp, self.local, self.udp):
            one.setblocking(False)

    def caught(self) -> list[str]:
        """Close, and return what came."""
        found = []
        for name, one in (("tcp", self.tcp), ("localhost", self.local), ("udp", self.udp)):
            try:
                one.recv(1) if name == "udp" else one.accept()[0].close()
                found.append(name)
            except BlockingIOError:
                pass
            one.close()
        return found


def test_a_page_is_shown_as_scripts_have_made_it(sqlite: Records) -> None:
    body = """<style>body {margin: 0} #block {width: 400px; height: 300px}</style><div id=block></div>
        <p id=said></p><img src="/xa.png" loading=lazy style="margin-top: 7000px"><script>
        block.style.background = "rgb(10, 120, 60)";
        fetch("/loi.json").then(r => r.json()).then(loi => { said.textContent = loi.noi; });
        document.title = [navigator.language, Intl.DateTimeFormat().resolvedOptions().timeZone, innerWidth,
            innerHeight, Notification.permission, document.cookie, navigator.userAgent].join("|");
        navigator.serviceWorker?.register("/sw.js"); new Worker("/tho.js");</script>"""
    packed = gzip.compress(f"<!doctype html><meta charset=utf-8>{body}".encode())
    said = whole('{"noi": "Lời do mã dựng nên"}'.encode(), "Content-Type: application/json")
    answers = {
        "/bai": whole(packed, "Content-Encoding: gzip", "Content-Type: text/html", "Set-Cookie: a=1"),
        "/loi.json": said,
        "/xa.png": image("red"),
    }
    before = psutil.Process().children(recursive=True)
    with sites(answers) as server:
        shown = show(sqlite, server, "/bai#cuoi")
        assert set(server.asked["here"]) >= {"/robots.txt", "/bai", "/loi.json", "/xa.png", "/tho.js"}
    assert psutil.Process().children(recursive=True) == before
    with Image.open(BytesIO(shown.picture)) as picture:
        assert (picture.format, picture.width) == ("PNG", 1280)
        assert 7300 < picture.height < 7500
        assert picture.convert("RGB").getpixel((399, 299)) == (10, 120, 60)
        assert picture.convert("RGB").getpixel((401, 299)) == (255, 255, 255)
        assert (255, 0, 0) in {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
    assert '<p id="said">Lời do mã dựng nên</p>' in shown.document
    title = shown.document.split("<title>")[1].split("</title>")[0].split("|")
    assert title[1] in {"Asia/Ho_Chi_Minh", "Asia/Saigon"}
    assert title[0:1] + title[2:6] == ["vi-VN", "1280", "1600", "denied", ""]
    assert "KiemTin/" in title[6]
    assert "Sở Thử Nghiệm, lienhe@kiemtin.example" in title[6]
    assert shown.browser.startswith("Chromium 1")
    landing = shown.arrival.page
    assert landing.exchange.body == packed
    assert landing.exchange.ip == HERE
    assert ("User-Agent", title[6]) in landing.exchange.request_headers
    assert {one.url.rsplit("/", 1)[1] for one in shown.resources} == {"loi.json", "xa.png", "tho.js"}
    assert not any(name.lower() == "cookie" for one in shown.resources for name, _ in one.request_headers)


def test_nothing_of_this_machine_is_reached_whatever_the_page_tries(sqlite: Records) -> None:
    trap = Trap()
    inside = f"127.0.0.2:{trap.port}"
    body = """<h1>Bài</h1><link rel=preconnect href="http://INSIDE"><link rel=dns-prefetch href="//localhost">
        <link rel=stylesheet href="http://INSIDE/kieu.css"><script src="http://INSIDE/ma.js"></script>
        <img src="http://INSIDE/anh.png"><img src="http://localhost:PORT/anh.png">
        <img src="http://169.254.169.254/latest/meta-data/"><img src="http://[::ffff:127.0.0.2]:PORT/">
        <img src="http://2130706434:PORT/so.png"><img src="http://metadata.google.internal/x">
        <img src="/dan-vao.png"><iframe src="http://INSIDE/khung"></iframe><iframe src="/dan-vao"></iframe>
        <img src="HERE/tot.png"><img src="ELSEWHERE/tot.png"><iframe src="ELSEWHERE/khung"></iframe><script>
        fetch("http://INSIDE/fetch", {mode: "no-cors"}).catch(() => 0);
        fetch("http://INSIDE/post", {mode: "no-cors", method: "POST", body: "x"}).catch(() => 0);
        navigator.sendBeacon("http://INSIDE/beacon", "x");
        new EventSource("http://INSIDE/events"); new WebSocket("ws://INSIDE/ws");
        window.open("http://INSIDE/popup");
        new Worker(URL.createObjectURL(new Blob([`fetch("http://INSIDE/worker", {mode: "no-cors"});
            new WebSocket("ws://INSIDE/worker-ws"); importScripts("http://INSIDE/import.js")`])));
        new SharedWorker("/chung.js");
        const peer = new RTCPeerConnection({iceServers: [{urls: "stun:INSIDE"},
            {urls: "turn:INSIDE?transport=tcp", username: "a", credential: "b"}]});
        peer.createDataChannel("x"); peer.createOffer().then(offer => peer.setLocalDescription(offer));
        try { new WebTransport("https://INSIDE/"); } catch (e) {}
        setTimeout(() => document.title = "đã thử", 700); fetch("/cham");
        </script>""".replace("INSIDE", inside).replace("PORT", str(trap.port))

    def slow(ask: Ask) -> Iterator[bytes]:
        ask.pause(1.5)
        return whole(b"")(ask)

    shared = f'new WebSocket("ws://{inside}/s-ws"); fetch("http://{inside}/s", {{mode: "no-cors"}});'
    answers = {
        "/bai": page(body), "/tot.png": image("green"), "/dan-vao.png": leads(f"http://{inside}/dan"),
        "/dan-vao": leads(f"http://{inside}/dan"), "/cham": slow,
        "/chung.js": whole(shared.encode(), "Content-Type: text/javascript"),
    }  # fmt: skip
    with sites(answers, {"/tot.png": image("green"), "/khung": page("<p>Khung</p>")}) as server:
        shown = show(sqlite, server, "/bai")
        assert {"/tot.png", "/dan-vao", "/dan-vao.png"} <= set(server.asked["here"])
        assert {"/tot.png", "/khung"} <= set(server.asked["elsewhere"])
    assert trap.caught() == []
    assert "<title>đã thử</title>" in shown.document
    # Each of the tries that came by the way that is looked at.
    assert shown.refused["host/private"] >= 11
    assert shown.refused["page/websocket"] == 1
    assert shown.refused["page/eventsource"] == 1
    assert shown.refused["page/sends"] + shown.refused["page/ping"] == 2
    assert {one.ip for one in shown.resources} == {HERE, ELSEWHERE}


def test_redirects_are_followed_and_a_document_has_its_own_address(sqlite: Records) -> None:
    frame = "<script>parent.postMessage(location.pathname, '*')</script>"
    body = """<h1>Bài</h1><img src="dan.png"><iframe src="/dan-khung"></iframe><p id=said></p>
        <script>onmessage = e => said.textContent = e.origin + e.data</script>"""
    here = {
        "/cu/bai": leads("ELSEWHERE/moi/bai"),
        "/dan-khung": page("không phải khung này"),
    }
    elsewhere = {
        "/moi/bai": page(body), "/moi/dan.png": leads("HERE/that.png"),
        "/dan-khung": leads("HERE/khung?a=1&b=2"),
    }  # fmt: skip
    with sites(here | {"/that.png": image("green"), "/khung?a=1&b=2": page(frame)}, elsewhere) as server:
        shown = show(sqlite, server, "/cu/bai")
        assert f'<p id="said">http://{HERE}:{server.port}/khung</p>' in shown.document
        assert "/that.png" in server.asked["here"]
        assert server.asked["elsewhere"][0] == "/robots.txt"
    assert [one.exchange.status for one in shown.arrival.chain] == [302, 200]
    assert shown.arrival.page.exchange.url.endswith("/moi/bai")


def test_a_page_stays_where_it_is_and_sends_nothing(sqlite: Records) -> None:
    body = """<h1>Bài gốc</h1><form id=f method=post action=/gui><input name=a></form><script>
        alert("chào"); f.submit(); fetch("/gui", {method: "POST", body: "x"}).catch(() => 0);
        setTimeout(() => location = "/khac", 100)</script>"""
    with sites({"/bai": page(body)}) as server:
        shown = show(sqlite, server, "/bai", Limits(loading=3))
        assert set(server.asked["here"]) == {"/robots.txt", "/bai"}
    assert "Bài gốc" in shown.document
    assert shown.refused["page/leaves"] >= 1
    assert shown.refused["page/sends"] == 1


def test_what_has_no_end_and_what_is_too_large_is_left_and_the_page_shown(sqlite: Records) -> None:
    body = """<div style="height: 30000px">Bài</div><img src=/to.png><img src=/khong-noi.png><img src=/bom.png>
        <img src=/im.png><script>setInterval(() => fetch("/x?" + Math.random()).catch(() => 0), 1)</script>"""

    def endless(ask: Ask) -> Iterator[bytes]:
        yield head("Content-Type: image/png")
        while True:
            yield b"x" * 100_000

    def silent(ask: Ask) -> Iterator[bytes]:
        ask.pause(60)
        return iter(())

    bomb = gzip.compress(bytes(50_000_000))
    answers = {
        "/bai": page(body), "/khong-noi.png": endless, "/im.png": silent,
        "/to.png": lambda ask: iter((head("Content-Length: 100000000", "Content-Type: image/png"),)),
        "/bom.png": whole(bomb, "Content-Encoding: gzip", "Content-Type: image/png"),
    }  # fmt: skip
    limits = Limits(requests=40, size=3_000_000, one=1_000_000, loading=3, seconds=60, height=5000)
    began = time.monotonic()
    with sites(answers) as server:
        shown = show(sqlite, server, "/bai", limits)
        assert len(server.asked["here"]) <= 40
    assert time.monotonic() - began < limits.seconds
    assert shown.refused["capture/oversize"] == 3
    assert shown.refused["limit/requests"] > 10
    assert shown.refused["fetch/timeout"] >= 1
    assert sum(len(one.body) for one in shown.resources) < limits.size
    with Image.open(BytesIO(shown.picture)) as picture:
        assert picture.size == (1280, 5000)


def test_a_script_that_never_ends_does_not_hold_the_browser(sqlite: Records) -> None:
    before = psutil.Process().children(recursive=True)
    began = time.monotonic()
    answers = {"/bai": page("<h1>Bài</h1><script>while (true);</script>")}
    with sites(answers) as server, pytest.raises(CannotShow, match="không hiện xong trong 5 giây"):
        show(sqlite, server, "/bai", Limits(loading=2, seconds=5))
    assert time.monotonic() - began < 60
    assert psutil.Process().children(recursive=True) == before


ROBOTS = whole(b"User-agent: *\nDisallow: /", "Content-Type: text/plain")
REFUSALS: dict[str, tuple[dict[str, Serve], dict[str, Serve], str]] = {
    "rules forbid": ({"/robots.txt": ROBOTS, "/bai": whole(article("Bài"))}, {}, "không cho phép"),
    "no rules": ({"/robots.txt": whole(b"", status="503 Busy")}, {}, "Không đọc được robots.txt"),
    "rules of where it leads": ({"/bai": leads("ELSEWHERE/bai")}, {"/robots.txt": ROBOTS}, "không cho phép"),
    "gone": ({}, {}, "không còn: máy chủ trả lời 404"),
    "broken": ({"/bai": whole(b"", status="500 Oops")}, {}, "máy chủ trả lời 500"),
    "no page": ({"/bai": whole(b"%PDF", "Content-Type: application/pdf")}, {}, "Không phải trang web"),
    "leads inside": ({"/bai": leads("http://127.0.0.2/")}, {}, r"127\.0\.0\.2"),
    "leads in a circle": ({"/bai": leads("HERE/bai")}, {}, "quá nhiều lần"),
    "leads nowhere": ({"/bai": leads("http://[")}, {}, "máy chủ trả lời 302"),
    "leads to no port": ({"/bai": leads("http://127.1.0.1:99999/")}, {}, "trả lời 302"),
    "leads to no web": ({"/bai": leads("ftp://127.1.0.1/")}, {}, "Không đọc được robots.txt"),
    "too large": ({"/bai": whole(b"x" * 20_000)}, {}, "quá lớn"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_no_browser_is_started_for_what_is_not_to_be_shown(sqlite: Records, name: str) -> None:
    here, elsewhere, why = REFUSALS[name]
    with sites(here, elsewhere) as server:
        with pytest.raises(CannotShow, match=why):
            show(sqlite, server, "/bai", Limits(one=10_000))
        assert ("/bai" in server.asked["here"]) == ("rules" not in name or "where" in name)
        assert "/bai" not in server.asked["elsewhere"]


def test_a_host_is_asked_by_its_name_and_must_prove_that_it_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    key, certificate = certified("localhost", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda sock, name, ours: heard.append(str(name))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Host"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    async def ask(host: str) -> Answer:
        async with Reach(Allowed(["127.0.0.1", "::1"]), "thử", Limits()) as reach:
            return await reach.ask(f"https://{host}:{server.server_port}/")

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            with pytest.raises(NotReached, match="CERTIFICATE_VERIFY_FAILED"):
                asyncio.run(ask("localhost"))
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            heard.clear()
            answer = asyncio.run(ask("localhost"))
            with pytest.raises(NotReached, match="CERTIFICATE_VERIFY_FAILED"):
                asyncio.run(ask("127.0.0.1"))
        finally:
            server.shutdown()
            thread.join()
    assert heard[:2] == ["localhost", f"localhost:{server.server_port}"]
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    assert answer.exchange.certificate == hashlib.sha256(der).hexdigest()
    assert answer.exchange.ip == "127.0.0.1"


def certified(name: str, folder: Path) -> tuple[Path, Path]:
    """Write a key and a certificate for a name that vouches for itself; return where they are."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "khoa.pem", folder / "chung-thu.pem"
    paths[0].write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    paths[1].write_bytes(made.public_bytes(Encoding.PEM))
    return paths


def test_an_address_inside_is_refused(sqlite: Records) -> None:
    trap = Trap()
    for url in (f"http://127.0.0.2:{trap.port}/", f"http://localhost:{trap.port}/", "file:///etc/passwd"):
        with pytest.raises(CannotShow, match=r"leads to|Không phải địa chỉ"):
            Browser(sqlite, CHROMIUM, opened=(HERE,)).show(url)
    assert trap.caught() == []


def test_where_there_is_no_browser_it_is_said_how_to_get_one(sqlite: Records) -> None:
    with pytest.raises(BrowserAbsent, match="apt-get install chromium, hoặc đặt KIEMTIN_CHROMIUM"):
        Browser(sqlite, Path("/nowhere/chromium"))
    broken = Browser(sqlite, Path("/bin/false"), opened=(HERE,))
    answers = {"/bai": whole(article("Bài"))}
    with sites(answers) as server, pytest.raises(BrowserAbsent, match="không chạy được"):
        broken.show(f"http://{HERE}:{server.port}/bai")
