"""Walks every route: none changes anything for a foreign page, and every answer carries the headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select

from api import csp_reports, hotline
from review_ui.app import create_app
from store.base import Base
from store.keys import Keys
from store.records import Records
from store.vocabulary import Role
from tests.api.people import Front

HEADERS = {
    "Content-Security-Policy": r"default-src 'none';.*form-action 'self'; base-uri 'none'; frame-ancestors 'none'; report-uri /csp-report",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": r"camera=\(\), microphone=\(\), geolocation=\(\)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": ".+",
    "X-Request-Id": "[0-9a-f]{16}",
}
# Reports of a hotline carry a token of their own, those of browsers nothing; no cookie is looked at.
WITHOUT_SESSION = {hotline.PATH, csp_reports.PATH}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def routes(found: Any) -> Iterator[tuple[str, str]]:
    """Yield method and path of every route, with something in place of its parameters."""
    for route in found.routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods - {"HEAD", "OPTIONS"}):
                yield method, re.sub(r"\{[^}]+\}", "1", route.path)
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router)


def walked(front: Front, methods: set[str]) -> list[tuple[str, str]]:
    found = [pair for pair in routes(create_app(front.desk)) if pair[0] in methods]
    assert len(found) > 25
    return found


def rows(records: Records) -> dict[str, int]:
    with records.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


@pytest.mark.parametrize(
    "foreign",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "guessed"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
    ],
)
def test_no_state_changes_for_a_foreign_page(front: Front, foreign: dict[str, str]) -> None:
    admin = front.signed_in(Role.ADMIN)
    admin.get("/api/v1/first")
    before = rows(front.desk.records)
    for method, path in walked(front, UNSAFE):
        if path in WITHOUT_SESSION:
            continue
        answer = admin.client.request(method, path, headers=foreign, json={})
        assert answer.status_code == 403, (method, path, answer.status_code)
    assert rows(front.desk.records) == before
    assert admin.status() == 200


def test_a_form_of_another_site_without_the_field_changes_nothing(front: Front) -> None:
    admin = front.signed_in(Role.ADMIN)
    del admin.client.headers["X-CSRF-Token"]
    admin.get("/sign-in")
    for method, path in walked(front, UNSAFE):
        if path not in WITHOUT_SESSION:
            answer = admin.client.request(method, path, data={"csrf": "guessed"})
            assert answer.status_code == 403, (method, path, answer.status_code)


def test_reading_changes_nothing_but_what_the_audit_log_keeps_of_it(front: Front) -> None:
    admin = front.signed_in(Role.ADMIN)
    before = rows(front.desk.records)
    for _method, path in walked(front, {"GET"}):
        admin.client.request("GET", path, headers={"X-CSRF-Token": ""})
    after = rows(front.desk.records)
    assert {name for name in after if after[name] != before[name]} <= {"event"}


def test_no_answer_is_without_its_headers(front: Front) -> None:
    admin, stranger = front.signed_in(Role.ADMIN), front.browser()
    pages = [path for _, path in walked(front, {"GET"})]
    files = ["/static/desk.css", "/static/nothing.css", "/vendor/htmx.min.js", "/nothing", "/api/v1/nothing"]
    for path in [*pages, *files]:
        for browser in (admin, stranger):
            answer = browser.get(path)
            for name, expected in HEADERS.items():
                given = answer.headers.get(name, "")
                assert re.fullmatch(expected, given), (path, name, given)
            assert "Strict-Transport-Security" not in answer.headers
            assert "server" not in answer.headers
            if "text/html" in answer.headers.get("Content-Type", ""):
                public = path.startswith("/public/") and answer.status_code == 200
                kept = "public, max-age=300" if public else "no-store"
                assert answer.headers["Cache-Control"] == kept, path
    for wrong in ({"Content-Length": "9999999"}, {"Transfer-Encoding": "chunked"}):
        answer = stranger.client.post("/sign-in", headers=wrong)
        assert all(name in answer.headers for name in HEADERS)


@pytest.mark.parametrize("path", ["/sign-in", "/static/desk.css", "/nothing", "/api/v1/me"])
def test_over_tls_browsers_are_told_to_stay_there(front: Front, path: str) -> None:
    front.rules(proxies=("192.0.2.1",))
    answer = front.browser().client.get(path, headers={"X-Forwarded-Proto": "https"})
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("from_proxy", [True, False])
def test_cookies_are_secure_and_addresses_true_behind_a_trusted_proxy_alone(
    front: Front, from_proxy: bool
) -> None:
    front.rules(proxies=("10.0.0.0/24",))
    browser = front.browser("10.0.0.7" if from_proxy else "203.0.113.66")
    browser.client.headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 198.51.100.4"}
    first = browser.client.get("/api/v1/first")
    token = first.json()["csrf"]
    answer = browser.client.post(
        "/api/v1/sign-in", json={"login": "reviewer", "password": "một câu ngắn dễ nhớ"},
        headers={"X-CSRF-Token": token, "Cookie": f"kiemtin_first={token}"},
    )  # fmt: skip
    cookies = answer.headers.get_list("Set-Cookie")
    assert {cookie.split("=")[0] for cookie in cookies} == {"kiemtin_session", "kiemtin_device"}
    for cookie in (*cookies, first.headers["Set-Cookie"]):
        assert "HttpOnly" in cookie
        assert re.search("samesite=(lax|strict)", cookie, re.IGNORECASE)
        assert ("Secure" in cookie) == from_proxy
    listed = front.signed_in(Role.ADMIN, "10.0.9.9").get("/api/v1/people/reviewer/sessions").json()
    # What a browser writes of itself stands left of what the proxy adds, and is not believed.
    assert listed[0]["address"] == ("198.51.100.4" if from_proxy else "203.0.113.66")


def test_keys_are_not_shown_where_rules_are(front: Front) -> None:
    assert "Keys" not in repr(front.desk.sign_in)
    assert isinstance(front.desk.sign_in.keys, Keys)
