"""How passwords are kept, and that a change of the parameters reaches every account."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from api import accounts, passwords
from tests.api.conftest import PASSWORD
from tests.api.people import QUICK, Front


def test_passwords_are_kept_as_argon2id_with_the_parameters_that_are_named() -> None:
    kept = passwords.kept(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(kept, PASSWORD)
    assert not passwords.matches(kept, PASSWORD + " ")
    assert not passwords.matches("what nobody made", PASSWORD)
    assert not passwords.outdated(kept)
    assert passwords.outdated(QUICK.hash(PASSWORD))


def test_a_hash_of_older_parameters_is_made_anew_at_sign_in(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=2, memory_cost=128, parallelism=1))
    assert front.browser().sign_in("reviewer", "sai").status_code == 401
    assert "m=64,t=1" in stored(front)
    assert front.browser().sign_in("reviewer").status_code == 200
    assert "m=128,t=2" in stored(front)
    assert passwords.matches(stored(front), PASSWORD)


@pytest.mark.parametrize("way", ["api", "page"])
def test_an_open_browser_is_no_place_to_guess_the_password(front: Front, way: str) -> None:
    browser = front.signed_in()

    def tried(current: str) -> int:
        given = {"current": current, "new": "một câu khác hẳn"}
        if way == "api":
            return browser.post("/api/v1/me/password", given).status_code
        return browser.form("/password", **given, again=given["new"]).status_code

    wrong, spent, done = (401, 429, 204) if way == "api" else (422, 422, 303)
    assert [tried(f"sai {number}") for number in range(5)] == [wrong] * 5
    before = stored(front)
    # Another session of the same person has no tries of its own, and the right word comes too late.
    assert tried(PASSWORD) == spent
    assert stored(front) == before
    assert front.events().count("password.refused") == 5
    front.clock.later(minutes=16)
    assert tried(PASSWORD) == done
    assert stored(front) != before


def stored(front: Front) -> str:
    with front.desk.records.read() as session:
        return accounts.get(session, "reviewer").password_hash
