"""A desk without posts, with people whose passwords are known: what accounts are tested on, quickly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import select

from api import accounts, passwords
from api.desk import Desk
from api.sign_in_rules import Rules
from review.permissions import Person
from review_ui.app import create_app
from search.open import open_engine
from store.archive import Archive
from store.keys import Keys
from store.records import Records
from store.tables import Event, User
from store.vocabulary import Role
from tests.api.conftest import PASSWORD, Clock

# The same function with parameters that take no time; what the real ones are, test_passwords.py asks.
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@dataclass
class Front:
    """The application, and the browsers that come to it."""

    desk: Desk
    clock: Clock = field(default_factory=Clock)

    def rules(self, **changed: Any) -> None:
        """Change how people sign in; browsers made from now on meet it."""
        self.desk = replace(self.desk, sign_in=replace(self.desk.sign_in, **changed))

    def browser(self, address: str = "192.0.2.1", scheme: str = "http") -> Browser:
        client = TestClient(
            create_app(self.desk), base_url=f"{scheme}://desk.example", follow_redirects=False,
            client=(address, 50000),
        )  # fmt: skip
        return Browser(client)

    def signed_in(self, role: Role = Role.REVIEWER, address: str = "192.0.2.1") -> Browser:
        browser = self.browser(address)
        assert browser.sign_in(role.value).status_code == 200
        return browser

    def person(self, login: str) -> Person:
        with self.desk.records.read() as session:
            return accounts.person_of(session, login)

    def events(self) -> list[str]:
        """Return the actions of the audit log, oldest first."""
        with self.desk.records.read() as session:
            return list(session.scalars(select(Event.action).order_by(Event.id)))


@dataclass
class Browser:
    """One browser, with its cookies."""

    client: TestClient

    def sign_in(self, login: str, password: str = PASSWORD) -> Response:
        answer = self.post("/api/v1/sign-in", {"login": login, "password": password}, first=True)
        self.note()
        return answer

    def enter(self, code: str) -> Response:
        answer = self.post("/api/v1/sign-in/code", {"code": code}, first=True)
        self.note()
        return answer

    def note(self) -> None:
        """Take over the token of the session there is now."""
        me = self.client.get("/api/v1/me")
        if me.status_code == 200:
            self.client.headers["X-CSRF-Token"] = me.json()["csrf"]

    def post(self, path: str, content: object = None, *, first: bool = False) -> Response:
        headers = {"X-CSRF-Token": self.client.get("/api/v1/first").json()["csrf"]} if first else {}
        answer: Response = self.client.post(path, json=content, headers=headers)
        return answer

    def form(self, path: str, **fields: Any) -> Response:
        """Send a form as a page would."""
        token = self.client.headers["X-CSRF-Token"]
        answer: Response = self.client.post(path, data={"csrf": token, **fields})
        return answer

    def get(self, path: str) -> Response:
        answer: Response = self.client.get(path)
        return answer

    def status(self, path: str = "/api/v1/me") -> int:
        return self.get(path).status_code

    def enrol(self, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
        """Add an authenticator app; return it, and the recovery codes."""
        secret = self.post("/api/v1/me/second-factor").json()["secret"]
        app = pyotp.TOTP(secret)
        answer = self.post("/api/v1/me/second-factor/confirm", {"code": app.at(clock.now)})
        assert answer.status_code == 200, answer.text
        self.note()
        clock.later(seconds=30)
        return app, answer.json()["codes"]


@contextmanager
def opened(records: Records, folder: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """Open a desk with one person of each role, named as the role."""
    monkeypatch.setattr(passwords, "_HASHER", QUICK)
    monkeypatch.setattr(passwords, "NOBODY", QUICK.hash("nobody"))
    engine = open_engine(f"tantivy:{folder / 'search'}")
    clock = Clock()
    with records.write() as session:
        session.add_all(
            User(
                login=role.value,
                name=role.value.title(),
                role=role,
                password_hash=passwords.kept(PASSWORD),
                created_at=clock.now,
            )
            for role in Role
        )
    yield Front(
        Desk(records, engine, Archive(folder / "archive"), clock=clock, sign_in=Rules(keys=keys)), clock
    )
    engine.close()
