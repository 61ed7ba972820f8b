"""An installation is used in every way that takes a secret; what it writes and shows is then searched for them."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import structlog
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import select

from api import passwords
from api.desk import utc_now
from kiemtin import log as logs
from kiemtin.delivery import signature
from kiemtin.house import House
from kiemtin.settings import Settings
from review_ui.app import create_app
from store import audit, webhooks
from store.delivery import owe
from store.delivery_tables import Delivery
from store.tables import Event
from store.vocabulary import TaskKind
from tests.api.people import QUICK
from tests.api.provider import CLIENT, SECRET, OpenIdProvider, running
from tests.kiemtin.test_delivery import receiving


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with running(utc_now) as made:
        made.claims = {"sub": "subject-7", "preferred_username": "hoa@so.example"}
        yield made


@contextmanager
def logging_as(settings: Settings) -> Iterator[None]:
    """Log as a service with these settings does, to the end of the block."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logs.configure(settings)
    # So that the loggers of this process log as before afterwards.
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:], root.level = before


def test_no_secret_is_in_the_log_or_bare_in_the_database(
    tmp_path: Path,
    provider: OpenIdProvider,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "_HASHER", QUICK)
    settings = Settings(
        data_dir=tmp_path, log_level="DEBUG", log_format="json", oidc_issuer=provider.url, oidc_client_id=CLIENT,
        oidc_client_secret=SecretStr(SECRET), metrics_token=SecretStr("token-of-the-metrics"),
        hotline_token=SecretStr("token-of-the-hotline"),
    )  # fmt: skip
    house = House(settings)
    with logging_as(settings):
        once = house.prepare()
        assert once is not None
        with TestClient(create_app(house.desk()), follow_redirects=False) as browser:
            secrets = used(browser, once, "một câu dài để thử nhật ký", "mật khẩu gõ nhầm của hoa")
    house.engine.close()
    house.records.close()
    log = capsys.readouterr().err
    assert '"path": "/api/v1/sign-in"' in log
    assert {name for name, secret in secrets.items() if secret in log} == set()
    # What was given once to be kept by its owner is nowhere in the database but as a hash, or sealed.
    kept = b"".join(path.read_bytes() for path in settings.data_dir.glob("kiemtin.db*"))
    bare = {name for name, secret in secrets.items() if secret.encode() in kept}
    # The token of forms opens nothing without the session, and a state nothing without the browser's step.
    assert bare <= {"csrf", "csrf after", "state"}


class RefusingMail:
    """A mail server that takes nobody's password."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.asked.append(data.password.decode())
        return AuthResult(success=False, handled=False)


def test_no_secret_of_programs_and_messages_is_in_log_audit_or_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens, webhooks that fail, a mail server that refuses, and a sign-in that breaks the server."""
    monkeypatch.setattr(passwords, "_HASHER", QUICK)
    with receiving() as receiver, refusing_mail() as (mail, port):
        receiver.status = 500
        settings = Settings(
            data_dir=tmp_path, log_level="DEBUG", log_format="json", smtp_host="127.0.0.1", smtp_port=port,
            smtp_security="none", smtp_user="desk", smtp_password=SecretStr("password-of-the-mail"),
            mail_from="Kiểm Tin <desk@example.vn>", webhook_private="127.0.0.1/32",
        )  # fmt: skip
        house = House(settings)
        with logging_as(settings):
            once = house.prepare()
            assert once is not None
            with TestClient(create_app(house.desk()), raise_server_exceptions=False) as browser:
                secrets, errors = programs(browser, once, monkeypatch)
            with house.records.write() as session:
                webhooks.add(session, receiver.url, [], audit.SYSTEM, utc_now())
                owe(session, "webhook", receiver.url, "case.decided", "{}", kind="test", at=utc_now())
                owe(session, "email", "an@example.vn", "Thử", "Thử", kind="test", at=utc_now())
            house.crew([TaskKind.DELIVER]).until_idle()
        hook = house.keys.webhook(receiver.url)
        secrets |= {
            "hook": signature.shown(hook),
            "hook raw": hook.hex(),
            "key file": settings.key_path.read_text().strip(),
        }
        secrets |= {
            "mail": "password-of-the-mail",
            "mail sent": base64.b64encode(b"\0desk\0password-of-the-mail").decode(),
        }
        assert receiver.got
        assert set(mail.asked) == {"password-of-the-mail"}
    with house.records.read() as session:
        told = "\n".join(
            f"{one.actor} {one.action} {one.subject} {one.detail}" for one in session.scalars(select(Event))
        )
        failed = "\n".join(f"{one.error}" for one in session.scalars(select(Delivery)))
    assert "token.created" in told
    assert "mật khẩu (535)" in failed
    house.engine.close()
    house.records.close()
    log = capsys.readouterr().err
    assert "the hasher broke" in log  # the crash is told, and where, but not with what
    for where, text in {"log": log, "audit": told, "errors": "\n".join(errors), "deliveries": failed}.items():
        assert {name for name, secret in secrets.items() if secret in text} == set(), where


def programs(
    browser: TestClient, once: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, str], list[str]]:
    """Use passwords and tokens rightly and wrongly; return the secrets, and the text of each refusal."""
    wrong, password = "mật khẩu gõ nhầm của lan", "một câu dài khác để thử"
    errors: list[str] = []

    def refused(answer: httpx.Response, status: int) -> None:
        assert answer.status_code == status, answer.text
        errors.append(f"{answer.headers} {answer.text}")

    own = {"X-CSRF-Token": browser.get("/api/v1/first").json()["csrf"]}
    form = {"login": "admin", "password": wrong, "csrf": own["X-CSRF-Token"]}
    refused(browser.post("/sign-in", data=form), 401)
    refused(browser.post("/api/v1/sign-in", json={"login": wrong, "password": wrong}, headers=own), 401)
    refused(browser.post("/api/v1/sign-in", json={"login": "admin", "password": [wrong]}, headers=own), 422)
    assert browser.post("/api/v1/sign-in", json={"login": "admin", "password": once}, headers=own).is_success
    own = {"X-CSRF-Token": browser.get("/api/v1/me").json()["csrf"]}
    change = {"current": wrong, "new": password}
    answer = browser.post("/api/v1/me/password", json=change, headers=own)
    refused(answer, answer.status_code)
    assert answer.is_error
    assert browser.post("/api/v1/me/password", json={**change, "current": once}, headers=own).is_success
    own = {"X-CSRF-Token": browser.get("/api/v1/me").json()["csrf"]}
    asked = {"name": "bảng", "scopes": ["read"], "days": 7}
    token = browser.post("/api/v1/tokens", json=asked, headers=own).json()["token"]
    program = {"Authorization": f"Bearer {token}"}
    browser.cookies.clear()
    assert browser.get("/api/v1/me", headers=program).status_code in {200, 403}
    refused(browser.get("/api/v1/me", headers={"Authorization": f"Bearer {token}x"}), 401)
    refused(browser.get("/api/v1/audit", headers=program), 403)
    refused(browser.get("/khong-co", headers=program), 404)

    def broken(*_: object) -> bool:
        raise RuntimeError("the hasher broke")

    own = {"X-CSRF-Token": browser.get("/api/v1/first").json()["csrf"]}
    monkeypatch.setattr(passwords, "matches", broken)
    refused(browser.post("/api/v1/sign-in", json={"login": "admin", "password": password}, headers=own), 500)
    return {
        "once": once,
        "wrong": wrong,
        "password": password,
        "token": token,
        "token wrong": token + "x",
    }, errors


@contextmanager
def refusing_mail() -> Iterator[tuple[RefusingMail, int]]:
    made = RefusingMail()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(
        made, hostname="127.0.0.1", port=port, authenticator=made.authenticate, auth_require_tls=False,
        auth_required=True,
    )  # fmt: skip
    controller.start()
    try:
        yield made, port
    finally:
        controller.stop()


def used(browser: TestClient, once: str, password: str, wrong: str) -> dict[str, str]:
    """Sign in by each way there is; return every secret that went over the wire, by a name for it."""
    secrets = {"once": once, "password": password, "wrong": wrong, "client secret": SECRET,
               "metrics": "token-of-the-metrics", "hotline": "token-of-the-hotline"}  # fmt: skip
    first = browser.get("/api/v1/first").json()["csrf"]
    given = {"X-CSRF-Token": first}

    def send(path: str, content: object, headers: dict[str, str]) -> httpx.Response:
        return browser.post(path, json=content, headers=headers)

    assert send("/api/v1/sign-in", {"login": "admin", "password": wrong}, given).status_code == 401
    assert send("/api/v1/sign-in", {"login": "admin", "password": once}, given).status_code == 200
    own = {"X-CSRF-Token": browser.get("/api/v1/me").json()["csrf"]}
    secrets |= {"csrf": own["X-CSRF-Token"], "session": browser.cookies["kiemtin_session"]}
    assert send("/api/v1/me/password", {"current": once, "new": password}, own).status_code == 204
    own = {"X-CSRF-Token": browser.get("/api/v1/me").json()["csrf"]}
    secret = send("/api/v1/me/second-factor", None, own).json()["secret"]
    app = pyotp.TOTP(secret)
    codes = send("/api/v1/me/second-factor/confirm", {"code": app.now()}, own).json()["codes"]
    secrets |= {"factor": secret, "csrf after": browser.get("/api/v1/me").json()["csrf"]}
    secrets |= {
        "session after": browser.cookies["kiemtin_session"],
        "device": browser.cookies["kiemtin_device"],
    }
    secrets |= {f"recovery {n}": code for n, code in enumerate(codes)}
    assert send("/api/v1/sign-in", {"login": "admin", "password": password}, given).json()["needs_code"]
    secrets["step"] = browser.cookies["kiemtin_step"]
    assert send("/api/v1/sign-in/code", {"code": codes[0]}, given).status_code == 200
    begun = browser.get("/sign-in/oidc")
    secrets["step of the provider"] = browser.cookies["kiemtin_step"]
    back = httpx.get(begun.headers["Location"]).headers["Location"]
    secrets |= {"state": back.split("state=")[1].split("&")[0], "code": back.split("code=")[1].split("&")[0]}
    assert browser.get(back).status_code == 403  # no account was opened to that name
    return secrets
