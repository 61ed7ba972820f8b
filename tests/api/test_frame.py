"""The origin of archived pages: what it serves, to whom, for how long, and what it says otherwise."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
from cryptography.fernet import Fernet
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from api.frame import create_frame
from api.tickets import Frame, Ticket
from review_ui.app import create_app
from store.keys import Keys
from store.vocabulary import Role
from tests.api.conftest import FRAME, House
from tests.api.people import Front
from tests.api.test_case_parts import PAGE, events, keep_page, opened

TICKET = Ticket(1, 1, "0" * 64, "http://desk.example", "vi")


@pytest.fixture
def address(house: House, reviewer: TestClient) -> Callable[[], str]:
    """Give an address of the archived page of case 1, for which a reason was given."""
    keep_page(house, 1, PAGE.encode(), "text/html")
    opened(reviewer)
    return lambda: str(reviewer.get("/api/v1/cases/1/page").json()["url"])


def test_the_desk_itself_serves_no_archived_page(house: House, reviewer: TestClient) -> None:
    keep_page(house, 1, PAGE.encode(), "text/html")
    opened(reviewer)
    for path in ("/api/v1/cases/1/page", "/page", "/cases/1/kept"):
        assert "Uống nước tỏi" not in reviewer.get(path).text
    assert events(house, "page.read") == []


def test_no_cookie_is_asked_for_looked_at_or_set(house: House, address: Callable[[], str]) -> None:
    plain = house.framed().get(address())
    other = house.framed()
    other.cookies.set("kiemtin_session", "của ai khác".encode().hex())
    other.cookies.set("kiemtin_language", "en")
    answer = other.get(address())
    assert (answer.status_code, answer.text) == (plain.status_code, plain.text) == (200, plain.text)
    refused = other.get("/page?ticket=x")
    assert "không đúng" in refused.text
    assert not [one for one in (plain, answer, refused) if "set-cookie" in one.headers]


def test_each_look_is_of_the_one_who_asked(house: House, address: Callable[[], str]) -> None:
    framed = house.framed()
    for _ in range(2):
        assert framed.get(address()).status_code == 200
    looked = events(house, "page.read")
    assert {(one.actor, one.subject) for one in looked} == {
        (events(house, "original.opened")[0].actor, "case:1")
    }
    assert len(looked) == 2


def test_an_address_ends_after_two_minutes(house: House, address: Callable[[], str]) -> None:
    given, framed = address(), house.framed()
    house.clock.later(seconds=119)
    assert framed.get(given).status_code == 200
    house.clock.later(seconds=1)
    answer = framed.get(given)
    assert (answer.status_code, "đã hết" in answer.text) == (403, True)
    assert "Uống nước tỏi" not in answer.text
    # What is refused is said where the page would have been: in the frame.
    assert answer.headers["Content-Security-Policy"].endswith("; frame-ancestors http://desk.example")
    assert len(events(house, "page.read")) == 1


def test_an_address_is_of_no_use_when_its_session_has_ended(
    house: House, reviewer: TestClient, address: Callable[[], str]
) -> None:
    given = address()
    assert reviewer.post("/api/v1/sign-out").status_code in {200, 204}
    answer = house.framed().get(given)
    assert (answer.status_code, "chưa đăng nhập" in answer.text) == (401, True)
    assert events(house, "page.read") == []


def test_an_address_is_of_no_use_to_one_whose_role_has_changed(
    house: House, address: Callable[[], str]
) -> None:
    given = address()
    admin = house.signed_in(Role.ADMIN)
    assert admin.post("/api/v1/people/reviewer/role", json={"role": "auditor"}).status_code == 204
    assert house.framed().get(given).status_code in {401, 403}
    assert events(house, "page.read") == []


def sealed(key: bytes, house: House, **changed: object) -> str:
    """Return a ticket for what nobody asked for, sealed by a key."""
    said = json.dumps({**dataclasses.asdict(TICKET), **changed}).encode()
    return Fernet(key).encrypt_at_time(said, int(house.clock().timestamp())).decode()


def test_forged_changed_and_foreign_addresses_are_refused(house: House, address: Callable[[], str]) -> None:
    given, framed, key = address(), house.framed(), house.place.keys.frame
    start, _, ticket = unquote(given).partition("=")
    changed = ticket[:40] + ("A" if ticket[40] != "A" else "B") + ticket[41:]
    forged = (
        "",
        "x",
        "é",
        changed,
        ticket[:-8],
        sealed(Keys(bytes(32)).frame, house),
        quote("\x00"),
        "=" * 9000,
    )
    for one in forged:
        answer = framed.get(f"{start}={one}")
        assert (answer.status_code, "không đúng" in answer.text) == (403, True), one[:40]
        assert answer.headers["Content-Security-Policy"].endswith("; frame-ancestors 'none'")
    # Even a ticket that the key sealed opens no more than its session may see.
    session = json.loads(Fernet(key).decrypt(ticket))["session"]
    for answer, status in (
        (framed.get(f"{start}={sealed(key, house, session='0' * 64)}"), 401),
        (framed.get(f"{start}={sealed(key, house, session=session, case_id=2)}"), 404),
        (framed.get(f"{start}={sealed(key, house, session=session, capture_id=99)}"), 404),
    ):
        assert answer.status_code == status
    assert events(house, "page.read") == []
    assert framed.get(given).status_code == 200


def test_no_address_is_given_for_what_was_not_opened_or_is_of_another_case(
    house: House, reviewer: TestClient
) -> None:
    capture = keep_page(house, 1, PAGE.encode(), "text/html")
    assert reviewer.get("/api/v1/cases/1/page").status_code == 409
    assert "ticket=" not in reviewer.get("/cases/1/kept").text
    opened(reviewer)
    keep_page(house, 2, PAGE.encode(), "text/html")
    assert reviewer.get("/api/v1/cases/2/page").status_code == 409
    opened(reviewer, 2)
    assert reviewer.get("/api/v1/cases/2/page", params={"capture": capture}).status_code == 404


def test_the_address_is_for_a_frame_and_not_for_a_window(house: House, address: Callable[[], str]) -> None:
    given, framed = address(), house.framed()
    answer = framed.get(given, headers={"Sec-Fetch-Dest": "document"})
    assert (answer.status_code, "trong khung của bàn duyệt" in answer.text) == (403, True)
    assert framed.get(given, headers={"Sec-Fetch-Dest": "iframe"}).status_code == 200


def test_refusals_are_in_the_language_of_the_desk_and_are_text(
    house: House, reviewer: TestClient, address: Callable[[], str]
) -> None:
    reviewer.cookies.set("kiemtin_language", "en")
    given = address()
    house.clock.later(minutes=3)
    answer = house.framed().get(given)
    assert '<html lang="en">' in answer.text
    assert "Open the archived page again." in answer.text
    assert "<script" not in answer.text


def framed_front(front: Front, url: str = FRAME) -> TestClient:
    """Return a browser at the origin of archived pages of a desk without posts."""
    front.desk = dataclasses.replace(front.desk, frame=Frame(Keys(bytes(32)).frame, 8001, url))
    return TestClient(create_frame(create_app(front.desk)), base_url=FRAME)


def test_nothing_else_is_there_and_every_answer_carries_its_headers(front: Front) -> None:
    framed = framed_front(front)
    for method, path, status in (
        ("GET", "/", 404),
        ("GET", "/queue", 404),
        ("GET", "/api/v1/me", 404),
        ("GET", "/metrics", 404),
        ("GET", "/static/desk.js", 404),
        ("POST", "/page", 405),
        ("POST", "/api/v1/sign-in", 404),
        ("GET", "/here", 200),
        ("GET", "/page", 403),
    ):
        answer = framed.request(method, path)
        assert answer.status_code == status, path
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none';")
        assert policy.endswith("frame-ancestors 'none'")
        expected = {
            "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
            "X-DNS-Prefetch-Control": "off", "Cross-Origin-Opener-Policy": "same-origin",
            "Strict-Transport-Security": "max-age=31536000",
            "Cross-Origin-Resource-Policy": "cross-origin" if path == "/here" else "same-origin",
        }  # fmt: skip
        assert {name: answer.headers.get(name) for name in expected} == expected
        assert not {"access-control-allow-origin", "set-cookie"} & set(answer.headers)


def test_what_is_shown_and_refused_is_counted_and_no_ticket_is_logged(
    house: House, reviewer: TestClient
) -> None:
    keep_page(house, 1, PAGE.encode(), "text/html")
    opened(reviewer)
    app = create_app(house.desk)
    framed = TestClient(create_frame(app))
    given = str(reviewer.get("/api/v1/cases/1/page").json()["url"])
    with capture_logs() as logged:
        framed.get(given)
        framed.get("/page?ticket=x")
        framed.get("/wp-login.php")
    assert [one["status"] for one in logged if one["event"] == "frame.request"] == [200, 403, 404]
    assert "ticket" not in str(logged)
    assert unquote(given).partition("=")[2] not in str(logged)
    told = TestClient(app).get("/metrics").text
    for answer in ("shown", "forged", "nothing here"):
        assert f'kiemtin_frames_total{{answer="{answer}"}} 1.0' in told


@pytest.mark.parametrize(
    ("desk", "url", "origin"),
    [
        ("http://127.0.0.1:8000", "", "http://127.0.0.1:8001"),
        ("http://localhost:8000", "", "http://localhost:8001"),
        ("http://[::1]:8000", "", "http://[::1]:8001"),
        ("http://desk.example", "", "http://desk.example:8001"),
        ("https://desk.example", "", ""),
        ("", "", ""),
        ("https://desk.example", "https://luu.example", "https://luu.example"),
        ("https://desk.example", "https://desk.example", ""),
    ],
)
def test_the_other_origin_is_beside_the_desk_or_where_the_setting_says(
    desk: str, url: str, origin: str
) -> None:
    assert Frame(b"", 8001, url).origin(desk) == origin


def test_where_there_is_no_other_origin_the_desk_says_so(house: House) -> None:
    house.desk = dataclasses.replace(house.desk, frame=None)
    reviewer = house.signed_in()
    keep_page(house, 1, PAGE.encode(), "text/html")
    opened(reviewer)
    answer = reviewer.get("/api/v1/cases/1/page")
    assert (answer.status_code, "KIEMTIN_FRAME_URL" in answer.json()["detail"]) == (503, True)
    shown = reviewer.get("/cases/1/kept")
    assert "ở đây chưa có" in shown.text
    assert "<iframe" not in shown.text
    assert "connect-src 'self'; frame-src 'none';" in shown.headers["Content-Security-Policy"]


def test_no_host_of_a_request_gets_into_a_policy(front: Front) -> None:
    framed_front(front, "")
    client = front.browser().client
    for host in ("desk.example; script-src *", "desk.example/x", "a@b", "desk.example, *", "é", ""):
        policy = client.get("/sign-in", headers={"Host": host.encode()}).headers["Content-Security-Policy"]
        assert "connect-src 'self'; frame-src 'none';" in policy, host
    policy = client.get("/sign-in").headers["Content-Security-Policy"]
    assert "connect-src 'self' http://desk.example:8001; frame-src http://desk.example:8001;" in policy
