"""A running application over real records, with posts in it and people of every role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from api.desk import Desk
from api.frame import create_frame
from api.tickets import Frame
from review_ui.app import create_app
from search.open import open_engine
from store.archive import Archive
from store.keys import Keys
from store.records import Records
from store.vocabulary import Role
from tests.conftest import cache
from tests.factory import HARMFUL, HARMLESS, NOW, Place
from tests.joined import join

if TYPE_CHECKING:
    from tests.api.people import Front

FRAME = "https://luu.example"
PASSWORD = "một câu ngắn dễ nhớ"


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass
class House:
    """The application and what it stands on."""

    desk: Desk
    place: Place
    clock: Clock
    one_time: dict[str, str] = field(default_factory=dict)

    def client(self) -> TestClient:
        """Return a browser that nobody has signed in with."""
        return TestClient(create_app(self.desk), base_url="http://desk.example", follow_redirects=False)

    def framed(self) -> TestClient:
        """Return a browser at the origin of archived pages."""
        return TestClient(create_frame(create_app(self.desk)), base_url=FRAME, follow_redirects=False)

    def signed_in(self, role: Role = Role.REVIEWER) -> TestClient:
        """Return a browser signed in as the person of a role, its token set for unsafe requests."""
        client = self.client()
        sign_in(client, role.value, PASSWORD)
        return client


def sign_in(client: TestClient, login: str, password: str) -> int:
    """Sign in through the API; return the status."""
    first = client.get("/api/v1/first").json()["csrf"]
    answer = client.post(
        "/api/v1/sign-in", json={"login": login, "password": password}, headers={"X-CSRF-Token": first}
    )
    if answer.status_code == 200:
        client.headers["X-CSRF-Token"] = client.get("/api/v1/me").json()["csrf"]
    return answer.status_code


@pytest.fixture
def house(sqlite: Records, tmp_path: Path) -> Iterator[House]:
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    place = Place(sqlite)
    place.take(*HARMFUL, HARMLESS)
    place.work(engine)
    clock = Clock()
    frame = Frame(place.keys.frame, url=FRAME)
    desk = Desk(sqlite, engine, Archive(tmp_path / "archive"), clock=clock, frame=frame, cache=cache())
    made = House(desk, place, clock)
    for role in Role:
        with sqlite.write() as session:
            join(session, role.value, role, PASSWORD)
    yield made
    engine.close()


@pytest.fixture
def reviewer(house: House) -> TestClient:
    return house.signed_in()


@pytest.fixture
def take(reviewer: TestClient) -> Callable[[], dict[str, object]]:
    """Lease the next case and give what a decision on it must carry."""

    def taken() -> dict[str, object]:
        lease = reviewer.post("/api/v1/lanes/all/next").json()
        case = reviewer.get(f"/api/v1/cases/{lease['case_id']}").json()
        return {
            "case_id": lease["case_id"],
            "version": lease["version"],
            "token": lease["token"],
            "seen": case["content_hash"],
        }

    return taken


@pytest.fixture
def front(sqlite: Records, tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A desk without posts, for what concerns accounts alone."""
    from tests.api.people import opened

    with opened(sqlite, tmp_path, keys, monkeypatch) as made:
        yield made
