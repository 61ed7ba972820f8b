"""An installation is signed in to in every way; its log and database are then searched for secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyotp
import pytest
import structlog
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api import passwords
from api.desk import utc_now
from kiemtin import log as logs
from kiemtin.house import House
from kiemtin.settings import Settings
from review_ui.app import create_app
from tests.api.people import QUICK
from tests.api.provider import CLIENT, SECRET, OpenIdProvider, running


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
