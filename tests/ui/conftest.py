"""The desk in Chromium: the real application on loopback, over real records, index and model."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select

from api import accounts
from api.desk import Desk
from api.frame import Doors, create_frame
from api.tickets import Frame
from kiemtin import listening
from review_ui.app import create_app
from search.engine import SearchEngine
from search.open import open_engine
from store import installation
from store.archive import Archive
from store.installation_tables import SetupState
from store.records import Records
from store.tables import Decision
from tests.conftest import cache
from tests.databases import sqlite_at
from tests.factory import HARMFUL, HARMLESS, Place, work

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CHROMIUM = Path(os.environ.get("KIEMTIN_TEST_CHROMIUM", "/usr/bin/chromium"))
PASSWORD = "mot cau ngan de nho"
# Milliseconds; a machine may have much else to do.
PATIENCE = 120_000

needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(),
        reason=f"{CHROMIUM} is absent; apt-get install chromium, or set KIEMTIN_TEST_CHROMIUM",
    ),
]


class Door:
    """The application behind a door that a test can shut: what decides a case then waits before it."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.open = threading.Event()
        self.open.set()
        self.knocked = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/decide"):
            self.knocked.set()
            await asyncio.to_thread(self.open.wait)
        await self.app(scope, receive, send)


class Clock:
    """The time of day, until a test moves it on."""

    later = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.later


@dataclass
class Running:
    """A served desk, and the origin of its archived pages."""

    url: str
    frame: str
    app: FastAPI
    records: Records
    password: str
    engine: SearchEngine
    place: Place
    archive: Archive
    door: Door
    clock: Clock
    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    records = sqlite_at(tmp_path / "k.db")
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    place = Place(records)
    place.take(*HARMFUL, HARMLESS)
    work(records, engine)
    password = accounts.ensure_admin(records)
    assert password is not None
    with records.write() as session:
        installation.set_setup(session, SetupState.PUT_OFF, "system", datetime.now(UTC))
    archive, clock = Archive(tmp_path / "archive"), Clock()
    doors = [listening.at("127.0.0.1", 0, "") for _ in range(2)]
    port, frame_port = (one.getsockname()[1] for one in doors)
    frame = Frame(place.keys.frame, frame_port)
    app = create_app(Desk(records, engine, archive, clock=clock, frame=frame, cache=cache()))
    door = Door(Doors(app, create_frame(app), frame_port))
    server = uvicorn.Server(uvicorn.Config(door, log_level="warning"))
    thread = threading.Thread(target=server.run, args=(doors,))
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the server did not start"
    url, frame = (f"http://127.0.0.1:{one}" for one in (port, frame_port))
    yield Running(url, frame, app, records, password, engine, place, archive, door, clock)
    door.open.set()
    server.should_exit = True
    thread.join()
    engine.close()
    records.close()


@pytest.fixture
def context(running: Running) -> Iterator[BrowserContext]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        made = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
        made.set_default_timeout(PATIENCE)
        made.on("console", lambda message: running.console.append(f"{message.type}: {message.text}"))
        made.on("weberror", lambda error: running.console.append(str(error.error)))
        made.on(
            "request",
            lambda r: (
                running.elsewhere.append(r.url)
                if not r.url.startswith((running.url, running.frame))
                else None
            ),
        )
        yield made
        browser.close()


@pytest.fixture
def page(running: Running, context: BrowserContext) -> Page:
    """A page whose reviewer has signed in and chosen a password."""
    return sign_in_first(running, context)


def sign_in_first(running: Running, context: BrowserContext) -> Page:
    """Sign the first administrator in, with a password of their own."""
    page = context.new_page()
    page.goto(f"{running.url}/queue")
    # Each page puts the focus somewhere itself once it is drawn; whoever is quicker is told so in the console.
    page.wait_for_selector("#login:focus")
    page.fill("#login", "admin")
    page.fill("#password", running.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password")
    page.wait_for_selector("#current:focus")
    page.fill("#current", running.password)
    page.fill("#new", PASSWORD)
    page.fill("#again", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#triage[data-case]")
    # A key that comes before the scripts is nobody's.
    page.wait_for_load_state()
    return page


def case_on_screen(page: Page) -> str:
    return page.locator("#triage").get_attribute("data-case") or ""


def press(page: Page, key: str) -> str:
    """Press a key and wait until the next case has the focus; return the case that stood there."""
    before = case_on_screen(page)
    page.keyboard.press(key)
    page.wait_for_function(
        "b => document.querySelector('#triage').dataset.case !== b && document.activeElement.hasAttribute('data-focus')",
        arg=before,
    )
    return before


def decide(page: Page, *keys: str) -> str:
    """Open the sheet of an outcome by a key, pick a reason by another; return the case that stood there."""
    for key in keys[:-1]:
        page.keyboard.press(key)
    return press(page, keys[-1])


def decisions(running: Running) -> int:
    with running.records.read() as session:
        return (
            session.scalar(select(func.count()).select_from(Decision).where(Decision.undone_at.is_(None)))
            or 0
        )
