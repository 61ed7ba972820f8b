"""What makes a new way in asks for a password that was given lately: an open browser is not enough."""

from __future__ import annotations

import re

import pytest

from api.auth import PROVED, PROVED_FOR
from review_ui.app import create_app
from store.vocabulary import Role
from tests.api.conftest import PASSWORD
from tests.api.people import Browser, Front
from tests.routes import routes

LATE = PROVED_FOR.total_seconds() + 1
WAYS_IN: dict[str, object] = {
    "POST /api/v1/tokens": {"name": "báo cáo", "scopes": ["read"], "days": 7},
    "POST /api/v1/me/second-factor": None,
    "POST /api/v1/people": {"login": "moi", "name": "Người mới", "role": "reviewer"},
    "POST /api/v1/people/{login}/role": {"role": "lead"},
    "POST /api/v1/people/{login}/outside": {"name": "x"},
    "POST /api/v1/people/{login}/reset": None,
    "POST /api/v1/people/{login}/second-factor/off": None,
    "POST /api/v1/people/{login}/active": {"active": True},
    "POST /tokens": {"name": "báo cáo", "scopes": "read"},
    "POST /second-factor": {},
    "POST /people": {"login": "moi", "name": "Người mới", "role": "reviewer"},
    "POST /people/{login}/role": {"role": "lead"},
    "POST /people/{login}/outside": {"name": "x"},
    "POST /people/{login}/reset": {},
    "POST /people/{login}/second-factor/off": {},
    "POST /people/{login}/active": {"active": "true"},
    "POST /setup/people": {"login": "moi", "name": "Người mới", "role": "reviewer"},
}

# Nobody comes in by these, or they ask for a code themselves.
OTHERS = frozenset({
    "POST /api/v1/me/second-factor/codes", "POST /second-factor/codes",
    "POST /api/v1/me/second-factor/confirm", "POST /second-factor/confirm",
    "POST /api/v1/me/second-factor/off", "POST /second-factor/off",
    "POST /api/v1/people/{login}/lanes", "POST /people/{login}/lanes",
    "POST /api/v1/people/{login}/sessions/end", "POST /people/{login}/sessions/end",
    "POST /api/v1/people/{login}/sessions/{handle}/end", "POST /people/{login}/sessions/{handle}/end",
    "POST /api/v1/tokens/{token_id}/revoke", "POST /tokens/{token_id}/revoke",
})  # fmt: skip


def send(browser: Browser, way: str) -> int:
    """Go a way with all that it asks for; return the status, 403 where a page leads to the password."""
    path, content = way.removeprefix("POST ").replace("{login}", "reviewer"), WAYS_IN[way]
    if path.startswith("/api/"):
        return browser.post(path, content).status_code
    assert isinstance(content, dict)
    answer = browser.form(path, **content)
    return 403 if answer.headers.get("Location", "").startswith("/reauthenticate") else answer.status_code


def test_every_way_in_asks(front: Front) -> None:
    asking, about = set(), set()
    for path, methods, route in routes(create_app(front.desk)):
        names = {f"{method} {path}" for method in methods}
        if route is not None and PROVED[0] in route.dependencies:
            asking |= names
        if re.search("token|people|factor|account", path):
            about |= {name for name in names if name.startswith("POST ")}
    assert asking == set(WAYS_IN)
    assert about - asking == OTHERS


@pytest.mark.parametrize("way", WAYS_IN)
def test_a_way_in_is_shut_once_the_password_was_long_ago(front: Front, way: str) -> None:
    admin = front.signed_in(Role.ADMIN)
    front.clock.later(seconds=LATE)
    before = front.events()
    assert send(admin, way) == 403
    assert front.events() == before
    assert admin.post("/api/v1/me/reauthenticate", {"password": PASSWORD}).status_code == 204
    assert front.events() == [*before, "signin.proved"]
    assert send(admin, way) != 403
    front.clock.later(seconds=LATE)
    assert send(admin, way) == 403


def test_a_browser_in_which_somebody_else_proved_themselves_is_another_one(front: Front) -> None:
    first, second = front.signed_in(Role.ADMIN), front.signed_in(Role.ADMIN)
    front.clock.later(seconds=LATE)
    assert first.post("/api/v1/me/reauthenticate", {"password": PASSWORD}).status_code == 204
    assert send(first, "POST /api/v1/tokens") == 201
    assert send(second, "POST /api/v1/tokens") == 403


@pytest.mark.parametrize(
    ("role", "path", "form"),
    [
        (Role.REVIEWER, "/tokens", 'action="/tokens"'),
        (Role.REVIEWER, "/second-factor", 'action="/second-factor"'),
        (Role.ADMIN, "/people", 'action="/people"'),
        (Role.ADMIN, "/setup", 'action="/setup/people"'),
    ],
)
def test_the_page_asks_before_it_shows_the_form(front: Front, role: Role, path: str, form: str) -> None:
    browser = front.signed_in(role)
    assert form in browser.get(path).text
    front.clock.later(seconds=LATE)
    page = browser.get(path).text
    assert form not in page
    (back,) = re.findall(r'action="/reauthenticate".*?name="back" value="([^"]*)"', page, re.DOTALL)
    answer = browser.form("/reauthenticate", password=PASSWORD, back=back)
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    assert form in browser.get(path).text


def test_a_form_that_was_open_too_long_leads_to_the_password_and_back(front: Front) -> None:
    admin = front.signed_in(Role.ADMIN)
    front.clock.later(seconds=LATE)
    token = admin.client.headers["X-CSRF-Token"]
    answer = admin.client.post(
        "/people/reviewer/reset",
        data={"csrf": token},
        headers={"Referer": "http://desk.example/people/reviewer"},
    )
    assert answer.headers["Location"] == "/reauthenticate?back=%2Fpeople%2Freviewer"
    page = admin.get(answer.headers["Location"]).text
    assert 'name="back" value="/people/reviewer"' in page
    assert (page.count("Xác nhận là bạn</h"), "autofocus" in page) == (1, True)
    page = admin.get("/people/reviewer").text
    assert (page.count("Xác nhận là bạn</h"), "autofocus" in page) == (1, False)
    assert admin.form("/reauthenticate", password=PASSWORD, back="//evil.example").headers["Location"] == "/"
    assert 'value="/"' in admin.get("/reauthenticate?back=https://evil.example").text


def test_a_wrong_password_is_said_counted_and_proves_nothing(front: Front) -> None:
    browser = front.signed_in()
    front.clock.later(seconds=LATE)
    for _ in range(5):
        answer = browser.form("/reauthenticate", password="sai", back="/tokens")
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
    assert browser.form("/reauthenticate", password=PASSWORD, back="/tokens").status_code == 429
    assert send(browser, "POST /tokens") == 403
    assert front.events().count("password.refused") == 5


def test_a_clock_that_is_set_back_makes_no_proof_last(front: Front) -> None:
    browser = front.signed_in()
    front.clock.later(seconds=-LATE)
    assert send(browser, "POST /tokens") == 403
