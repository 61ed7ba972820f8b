"""A service is signed in to in every way, and its log and database are then searched for what nobody may read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest

from api.desk import utc_now
from tests.api.provider import CLIENT, SECRET, OpenIdProvider, running
from tests.kiemtin.program import Program


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with running(utc_now) as made:
        made.claims = {"sub": "subject-7", "preferred_username": "hoa@so.example"}
        yield made


def test_no_secret_is_in_the_log_or_bare_in_the_database(tmp_path: Path, provider: OpenIdProvider) -> None:
    program = Program(
        tmp_path,
        settings={
            "KIEMTIN_LOG_LEVEL": "DEBUG", "KIEMTIN_OIDC_ISSUER": provider.url, "KIEMTIN_OIDC_CLIENT_ID": CLIENT,
            "KIEMTIN_OIDC_CLIENT_SECRET": SECRET, "KIEMTIN_METRICS_TOKEN": "token-of-the-metrics",
            "KIEMTIN_HOTLINE_TOKEN": "token-of-the-hotline",
        },
    )  # fmt: skip
    program.run("migrate")
    once = re.search(r"dùng một lần: (\S+)", program.run("user", "add", "hoa"))
    assert once is not None
    password, wrong = "một câu dài để thử nhật ký", "mật khẩu gõ nhầm của hoa"
    process = program.start("serve")
    try:
        program.wait_until_well(process, 240)
        with httpx.Client(base_url=program.url) as browser:
            secrets = used(browser, once.group(1), password, wrong, provider)
    finally:
        process.terminate()
        process.wait(30)
    log = (tmp_path / "serve.log").read_text()
    assert '"path": "/api/v1/sign-in"' in log
    found = {name for name, secret in secrets.items() if secret in log}
    assert found == set()
    # What was given once to be kept by its owner is nowhere in the database but as a hash, or sealed.
    kept = b"".join(path.read_bytes() for path in (tmp_path / "var").glob("kiemtin.db*"))
    bare = {name for name, secret in secrets.items() if secret.encode() in kept}
    assert bare - {"csrf", "csrf after"} == set()


def used(
    browser: httpx.Client, once: str, password: str, wrong: str, provider: OpenIdProvider
) -> dict[str, str]:
    """Sign in by each way there is; return every secret that went over the wire, by a name for it."""
    secrets = {"once": once, "password": password, "wrong": wrong, "client secret": SECRET,
               "metrics": "token-of-the-metrics", "hotline": "token-of-the-hotline"}  # fmt: skip
    first = browser.get("/api/v1/first").json()["csrf"]
    given = {"X-CSRF-Token": first}

    def send(path: str, content: object, headers: dict[str, str]) -> httpx.Response:
        return browser.post(path, json=content, headers=headers)

    assert send("/api/v1/sign-in", {"login": "hoa", "password": wrong}, given).status_code == 401
    assert send("/api/v1/sign-in", {"login": "hoa", "password": once}, given).status_code == 200
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
    assert send("/api/v1/sign-in", {"login": "hoa", "password": password}, given).json()["needs_code"]
    secrets["step"] = browser.cookies["kiemtin_step"]
    assert send("/api/v1/sign-in/code", {"code": codes[0]}, given).status_code == 200
    begun = browser.get("/sign-in/oidc")
    secrets["step of the provider"] = browser.cookies["kiemtin_step"]
    back = httpx.get(begun.headers["Location"]).headers["Location"]
    secrets |= {"state": back.split("state=")[1].split("&")[0], "code": back.split("code=")[1].split("&")[0]}
    assert browser.get(back).status_code == 403  # no account was opened to that name
    return secrets
