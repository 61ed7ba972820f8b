"""Commands that run the service: demo, run, serve, work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from kiemtin import listening
from kiemtin import log as logs
from kiemtin.house import House
from kiemtin.screen import bar, say, say_notice, show_counters, show_found, watched
from kiemtin.settings import Settings, SettingsError, load
from kiemtin.traces import traced
from store.vocabulary import TaskKind

if TYPE_CHECKING:
    from api.live import Live

# What a command needs is imported when it runs: `--help` and `serve` must not wait for the crawler.

log = structlog.get_logger("kiemtin.service")

Port = Annotated[
    int | None, typer.Option(help="Cổng máy chủ nghe; mặc định KIEMTIN_PORT.", show_default=False)
]
_SCORING = (TaskKind.SCORE, TaskKind.INDEX)
_DEFAULT = (*_SCORING, TaskKind.RENDER, TaskKind.DELIVER)
_HERE = "127.0.0.1"
_PORT = "KIEMTIN_PORT (hoặc PORT=…)"
Quiet = Annotated[bool, typer.Option("--quiet", help="Không vẽ thanh tiến độ.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for command in (demo, run, serve, work):
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

    settings = load()
    logs.configure(settings)
    house = House(settings)
    if serve_after:
        wanted = settings.port if port is None else port
        listening.at(settings.host, wanted, _PORT).close()
        listening.beside(settings, wanted).close()
    listening.at(_HERE, settings.demo_port, "KIEMTIN_DEMO_PORT").close()
    _welcome(house)
    _put_setting_up_off(house)
    site = sample_site.serve(_HERE, settings.demo_port)
    try:
        entries = source_list.parse(sample_site.sources(site.url))
        with watched() as move:
            counters = run_crawl(
                house.records, house.archive(), house.keys, entries, on_progress=move, opened=(_HERE,)
            )
        with bar("Chấm và lập chỉ mục") as move:
            house.crew(_SCORING).until_idle(lambda done, left: move(done, done + left))
        show_counters("Thu thập", counters)
        show_found(house.records)
    finally:
        site.stop()
    if serve_after:
        with stopping(), traced(settings), _working(house, _DEFAULT):
            _serve(house, port, demo=True)


def run(port: Port = None) -> None:
    """Chạy trọn dịch vụ trong một tiến trình: thu thập theo lịch, chấm, lập chỉ mục, mở bàn duyệt."""
    settings = load()
    logs.configure(settings)
    house = House(settings)
    _welcome(house)
    queues: Sequence[TaskKind] = _DEFAULT
    if settings.sources_file.exists():
        house.sync_sources()
        queues = tuple(TaskKind)
    else:
        say(f"Chưa có {settings.sources_file}: không thu thập. Xem docs/operator.md để thêm nguồn.")
    with stopping(), traced(settings), _working(house, queues):
        _serve(house, port)


def serve(port: Port = None) -> None:
    """Chỉ mở máy chủ: bàn duyệt, API, /healthz, /metrics."""
    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    _tell_policy(house)
    with stopping(), traced(settings):
        _serve(house, port)


def work(
    queues: Annotated[
        str, typer.Option(help="Hàng việc, cách nhau bằng dấu phẩy: score, index, crawl, render, deliver.")
    ] = ",".join(_DEFAULT),
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Dừng khi hết việc.")] = False,
    quiet: Quiet = False,
) -> None:
    """Làm việc trong các hàng việc; chạy bao nhiêu tiến trình, trên bao nhiêu máy cũng được.

    Dừng bằng Ctrl+C hay SIGTERM: việc đang làm dở được làm xong. Tiến trình bị ngắt thì việc của nó trở
    lại hàng.
    """
    settings = load()
    logs.configure(settings)
    house = House(settings)
    house.require_ready()
    kinds = _queues(queues)
    _tell_policy(house)
    if TaskKind.CRAWL in kinds:
        house.sync_sources()
    with stopping() as stop, traced(settings):
        crew = house.crew(kinds)
        if until_idle:
            with bar("Chấm và lập chỉ mục", quiet=quiet) as move:
                crew.until_idle(lambda done, left: move(done, done + left))
        else:
            log.info("work.started", queues=kinds)
            crew.forever(stop)
        log.info("work.stopped", **crew.counters)


def _queues(given: str) -> tuple[TaskKind, ...]:
    kinds = []
    for name in filter(None, (part.strip() for part in given.split(","))):
        try:
            kinds.append(TaskKind(name))
        except ValueError as error:
            raise SettingsError(f"Không có hàng việc {name!r}; có: {', '.join(TaskKind)}.") from error
    if not kinds:
        raise SettingsError(f"Chọn ít nhất một hàng việc: {', '.join(TaskKind)}.")
    return tuple(kinds)


def _tell_policy(house: House) -> None:
    """Say when the policy of the settings is not the one in force: a decision switches, a start does not."""
    from kiemtin import given_policy

    if said := given_policy.differs(house.records, house.settings.policy_file):
        say_notice(said)
        log.warning("policy.differs", said=said)


def _welcome(house: House) -> None:
    password = house.prepare()
    _tell_policy(house)
    if password is not None:
        say(
            f"\nTài khoản quản trị đầu tiên: [bold]admin[/]   mật khẩu dùng một lần: [bold]{password}[/]\n"
            "Ghi lại ngay: mật khẩu này không hiện lại. Mất thì chạy `kiemtin user reset admin`.\n"
        )


def _put_setting_up_off(house: House) -> None:
    """Begin a demo with what there is to try, not with setting up; /setup is there all the same."""
    from datetime import UTC, datetime

    from store import audit, installation
    from store.installation_tables import SetupState

    with house.records.write() as session:
        if installation.setup(session) == SetupState.PENDING:
            installation.set_setup(session, SetupState.PUT_OFF, audit.SYSTEM, datetime.now(UTC))


def _show_tour(address: str) -> None:
    from review_ui.tour import STOPS

    lines = [
        f"  {number}. [bold]{stop.name}[/]  {address}{stop.address}\n     {stop.words}"
        for number, stop in enumerate(STOPS, 1)
    ]
    say("\nBảy điều nên xem:\n" + "\n".join(lines) + "\n")


def _serve(house: House, port: int | None, *, demo: bool = False) -> None:
    import uvicorn

    from api.frame import Doors, create_frame
    from review_ui import warm
    from review_ui.app import create_app

    settings: Settings = house.settings
    desk_door = listening.at(settings.host, settings.port if port is None else port, _PORT)
    port = desk_door.getsockname()[1]
    frame_door = listening.beside(settings, port)
    frame_port = frame_door.getsockname()[1]
    app = create_app(house.desk(demo=demo, frame_port=frame_port))
    config = uvicorn.Config(
        Doors(app, create_frame(app), frame_port),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    warm.up()
    if demo:
        _show_tour(f"http://{settings.host}:{port}")
    say(f"Trang đã lưu được xem ở một cổng riêng: {frame_port}")
    say(f"Bàn duyệt: [bold]http://{settings.host}:{port}[/]   (Ctrl+C để dừng)")
    server = uvicorn.Server(config)
    server.handle_exit = _hanging_up(app.state.live, server.handle_exit)  # type: ignore[assignment]
    server.run(sockets=[desk_door, frame_door])
    log.info("serve.stopped")


def _hanging_up(live: Live, then: Callable[[int, FrameType | None], None]) -> object:
    """Let a signal end the streams that pages hold open, for which a server would wait, before all else."""

    def handle(number: int, frame: FrameType | None) -> None:
        live.close()
        then(number, frame)

    return handle


@contextmanager
def _working(house: House, queues: Sequence[TaskKind]) -> Iterator[None]:
    """Work in threads beside the server; at the end the batches in hand are finished."""
    stop = threading.Event()
    thread = threading.Thread(target=house.crew(queues).forever, args=(stop,), name="crew")
    with ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(stop.set)
        thread.start()
        yield


@contextmanager
def stopping() -> Iterator[threading.Event]:
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
