"""Commands that run the service: demo, run, serve, work, crawl."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from kiemtin import log as logs
from kiemtin.house import House
from kiemtin.screen import bar, say, show_counters, show_found
from kiemtin.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from crawlers.sources import SourceEntry

# What a command needs is imported when it runs: `--help` and `serve` must not wait for the crawler.

log = structlog.get_logger("kiemtin.service")

Port = Annotated[
    int | None, typer.Option(help="Cổng máy chủ nghe; mặc định KIEMTIN_PORT.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Không vẽ thanh tiến độ.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for command in (demo, run, serve, work, crawl):
        app.command()(command)


def demo(
    port: Port = None,
    serve_after: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Mở máy chủ sau khi thu thập trang mẫu.")
    ] = True,
) -> None:
    """Chạy thử trọn đường: thu thập trang mẫu hư cấu, chấm, lập chỉ mục, rồi mở bàn duyệt."""
    from crawlers import sample_site
    from crawlers import sources as source_list
    from crawlers.crawl import crawl as run_crawl
    from kiemtin.worker import only_worker

    settings = load()
    logs.configure(settings)
    house = House(settings)
    if serve_after:
        _require_free(settings.host, settings.port if port is None else port, "KIEMTIN_PORT (hoặc PORT=…)")
    _require_free(settings.host, settings.demo_port, "KIEMTIN_DEMO_PORT")
    _welcome(house)
    site = sample_site.serve(settings.host, settings.demo_port)
    try:
        with only_worker(house.records, settings.data_dir):
            entries = source_list.parse(sample_site.sources(site.url))
            with bar("Thu thập trang mẫu") as move:
                counters = run_crawl(
                    house.records, settings.archive_path, house.keys, entries, on_progress=move
                )
            with bar("Chấm và lập chỉ mục") as move:
                house.worker().until_idle(lambda done, left: move(done, done + left))
        show_counters("Thu thập", counters)
        show_found(house.records)
    finally:
        site.stop()
    if serve_after:
        with _stopping(), only_worker(house.records, settings.data_dir), _working(house):
            _serve(house, port)


def run(port: Port = None) -> None:
    """Chạy trọn dịch vụ trong một tiến trình: thu thập theo lịch, chấm, lập chỉ mục, mở bàn duyệt."""
    from kiemtin.scheduler import CrawlSchedule
    from kiemtin.worker import only_worker

    settings = load()
    logs.configure(settings)
    house = House(settings)
    _welcome(house)
    with _stopping(), only_worker(house.records, settings.data_dir), _working(house):
        if settings.sources_file.exists():
            _sync_sources(house)
            schedule = CrawlSchedule(settings.crawl_minutes)
            schedule.start()
        else:
            say(f"Chưa có {settings.sources_file}: không thu thập. Xem docs/operator.md để thêm nguồn.")
            schedule = None
        try:
            _serve(house, port)
        finally:
            if schedule is not None:
                schedule.stop()


def serve(port: Port = None) -> None:
    """Chỉ mở máy chủ: bàn duyệt, API, /healthz, /metrics."""
    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    with _stopping():
        _serve(house, port)


def work(
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Dừng khi hết việc.")] = False,
    quiet: Quiet = False,
) -> None:
    """Chỉ chấm bài và lập chỉ mục, cho đến khi được bảo dừng."""
    from kiemtin.worker import only_worker

    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    with _stopping() as stop, only_worker(house.records, settings.data_dir):
        worker = house.worker()
        if until_idle:
            with bar("Chấm và lập chỉ mục", quiet=quiet) as move:
                worker.until_idle(lambda done, left: move(done, done + left))
        else:
            log.info("work.started")
            worker.forever(stop)
        log.info("work.stopped", **worker.counters)


def crawl(
    source: Annotated[
        list[str] | None, typer.Option(help="Chỉ nguồn này; dùng được nhiều lần.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Thu thập một lượt mọi nguồn đang bật trong sources.yaml."""
    from crawlers.crawl import crawl as run_crawl
    from crawlers.sources import SourcesError

    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    entries = _sync_sources(house)
    if source:
        unknown = set(source) - {entry.name for entry in entries}
        if unknown:
            raise SourcesError(f"Không có nguồn {', '.join(sorted(unknown))} trong danh sách.")
        entries = [entry for entry in entries if entry.name in source]
    with bar("Thu thập", quiet=quiet) as move:
        counters = run_crawl(
            house.records,
            settings.archive_path,
            house.keys,
            [entry for entry in entries if entry.enabled],
            on_progress=move,
            contact=settings.contact,
        )
    if not quiet:
        show_counters("Thu thập", counters)


def _welcome(house: House) -> None:
    password = house.prepare()
    if password is not None:
        say(
            f"\nTài khoản quản trị đầu tiên: [bold]admin[/]   mật khẩu dùng một lần: [bold]{password}[/]\n"
            "Ghi lại ngay: mật khẩu này không hiện lại. Mất thì chạy `kiemtin user reset admin`.\n"
        )


def _sync_sources(house: House) -> list[SourceEntry]:
    from crawlers import sources as source_list

    entries = source_list.load(house.settings.sources_file)
    with house.records.write() as session:
        source_list.sync(session, entries)
    return entries


def _serve(house: House, port: int | None) -> None:
    import uvicorn

    from review_ui.app import create_app

    settings: Settings = house.settings
    port = settings.port if port is None else port
    _require_free(settings.host, port, "KIEMTIN_PORT (hoặc PORT=…)")
    config = uvicorn.Config(
        create_app(house.desk()),
        host=settings.host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    say(f"Bàn duyệt: [bold]http://{settings.host}:{config.port}[/]   (Ctrl+C để dừng)")
    uvicorn.Server(config).run()
    log.info("serve.stopped")


def _require_free(host: str, port: int, setting: str) -> None:
    """Raise `SettingsError` when another program listens there: better said before the long work."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Không mở được cổng {port} trên {host}: {error.strerror}. Chọn cổng khác bằng {setting}."
            ) from error


@contextmanager
def _working(house: House) -> Iterator[None]:
    """Work in a thread beside the server; at the end the batch in hand is finished."""
    stop = threading.Event()
    thread = threading.Thread(target=house.worker().forever, args=(stop,), name="worker")
    with ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(stop.set)
        thread.start()
        yield


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """End the block cleanly on SIGTERM and on Ctrl+C; gives an event that they set."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        # The first signal asks; a second one, while what is in hand is being finished, insists.
        if stop.is_set():
            raise SystemExit(128 + number)
        stop.set()

    previous = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
