"""Guessing is held back, and nobody is kept out by the guesses of others."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from api import passwords, throttle
from store.people_tables import SignInTries
from tests.api.people import Front


def test_five_wrong_passwords_from_one_place_are_enough_for_a_while(front: Front) -> None:
    browser = front.browser()
    assert [browser.sign_in("reviewer", "sai").status_code for _ in range(5)] == [401] * 5
    refused = browser.sign_in("reviewer")
    assert refused.status_code == 429
    assert "15 phút" in refused.json()["detail"]
    assert "signin.held" in front.events()
    front.clock.later(minutes=16)
    assert browser.sign_in("reviewer").status_code == 200


def test_an_attacker_elsewhere_does_not_keep_the_person_out(front: Front) -> None:
    attacker = front.browser("203.0.113.9")
    for _ in range(6):
        last = attacker.sign_in("reviewer", "sai")
    assert last.status_code == 429
    assert front.browser("192.0.2.1").sign_in("reviewer").status_code == 200


def test_a_known_browser_is_let_in_whatever_happens_around_it(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "FOR_LOGIN", throttle.Limit(3, throttle.FOR_LOGIN.within))
    mine = front.signed_in(address="192.0.2.1")
    mine.post("/api/v1/sign-out")
    for number in range(3):
        front.browser(f"203.0.113.{number}").sign_in("reviewer", "sai")
    # A net of machines: a browser that is not known waits, from whatever address.
    assert front.browser("198.51.100.7").sign_in("reviewer").status_code == 429
    assert mine.sign_in("reviewer").status_code == 200


def test_a_known_browser_is_known_for_its_own_person_alone(front: Front) -> None:
    browser = front.signed_in()
    for _ in range(5):
        browser.sign_in("lead", "sai")
    assert browser.sign_in("lead").status_code == 429
    assert browser.sign_in("reviewer").status_code == 200


def test_a_known_browser_guesses_no_more_than_ten_times(front: Front) -> None:
    browser = front.signed_in()
    codes = [browser.sign_in("reviewer", "sai").status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]


def test_one_address_may_not_try_many_logins(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "FROM_ADDRESS", throttle.Limit(3, throttle.FROM_ADDRESS.within))
    browser = front.browser("2001:db8::1")
    codes = [browser.sign_in(login, "sai").status_code for login in ("a", "b", "c", "d")]
    assert codes == [401, 401, 401, 429]
    # A subscriber has a whole /64.
    assert front.browser("2001:db8::ffff").sign_in("reviewer").status_code == 429
    assert front.browser("2001:db8:0:1::1").sign_in("reviewer").status_code == 200


def test_a_right_password_begins_the_count_anew(front: Front) -> None:
    browser = front.browser()
    for _ in range(3):
        for _ in range(4):
            assert browser.sign_in("reviewer", "sai").status_code == 401
        browser.client.cookies.clear()
        assert browser.sign_in("reviewer").status_code == 200
        browser.client.cookies.clear()


def test_a_refusal_does_not_tell_who_there_is(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda kept, word: hashed.append(kept) or real(kept, word))

    def answers(login: str) -> list[tuple[int, str]]:
        browser = front.browser(f"192.0.2.{len(login)}")
        found = [browser.sign_in(login, "sai") for _ in range(6)]
        return [(answer.status_code, answer.json()["detail"]) for answer in found]

    known = answers("reviewer")
    asked = len(hashed)
    assert answers("nobody") == known
    # The time is that of the hash: one each, with the same parameters, in either case.
    assert len(hashed) == 2 * asked == 10
    assert {kept.rsplit("$", 2)[0] for kept in hashed} == {passwords.NOBODY.rsplit("$", 2)[0]}
    # The form says the same as the API.
    page = front.browser("192.0.2.99")
    page.get("/sign-in")
    csrf = page.client.cookies["kiemtin_first"]
    texts = [
        page.client.post("/sign-in", data={"csrf": csrf, "login": login, "password": "sai"}).text
        for login in ("reviewer", "nobodyyy")
    ]
    assert texts[0].replace("reviewer", "x") == texts[1].replace("nobodyyy", "x")


def test_tries_at_once_are_all_counted_before_they_are_looked_at(front: Front) -> None:
    meters = throttle.of_password("reviewer", "192.0.2.1", None)
    with front.desk.records.write() as session:
        assert [throttle.pay(session, meters, front.clock.now) for _ in range(5)] == [False] * 4 + [True]
    with pytest.raises(throttle.TooManyTries), front.desk.records.write() as session:
        throttle.pay(session, meters, front.clock.now)


def test_what_was_counted_is_forgotten_and_names_nobody(front: Front) -> None:
    front.browser().sign_in("reviewer", "sai")
    front.clock.later(hours=2)
    front.browser().sign_in("lead", "sai")
    with front.desk.records.read() as session:
        keys = session.scalars(select(SignInTries.key)).all()
        assert session.scalar(select(func.count()).select_from(SignInTries)) == 3
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in keys)
