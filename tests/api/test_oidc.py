"""Signing in by a provider: whom it vouches for comes in, and every token that is not sound is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from api import accounts
from api.sign_in_rules import Provider
from store.people_tables import OutsideIdentity, SignInStep
from store.tables import Event
from store.vocabulary import Role
from tests.api.conftest import PASSWORD
from tests.api.people import Browser, Front
from tests.api.provider import CLIENT, SECRET, OpenIdProvider, running, shared_secret


@pytest.fixture
def provider(front: Front) -> Iterator[OpenIdProvider]:
    """A provider that says "subject-7, called hoa, of the group desk", and an account that hoa was opened to."""
    with running(front.clock) as made:
        made.claims = {"sub": "subject-7", "preferred_username": "hoa@so.example", "groups": ["desk"]}
        front.rules(provider=Provider(made.url, CLIENT, SECRET, name="Sở Y tế"))
        admin = front.signed_in(Role.ADMIN)
        given = admin.post("/api/v1/people/reviewer/outside", {"name": "hoa@so.example"})
        assert given.status_code == 204
        yield made


def go(browser: Browser, next_page: str = "/queue", more: str = "") -> str:
    """Follow a browser to the provider; return the address that it is sent back to."""
    begun = browser.get(f"/sign-in/oidc?next={next_page}{more}")
    assert begun.status_code == 303, begun.text
    back = httpx.get(begun.headers["Location"])
    assert back.status_code == 303
    return str(back.headers["Location"])


def arrive(browser: Browser, next_page: str = "/queue", more: str = "") -> httpx.Response:
    """Sign a browser in by the provider; return the desk's answer."""
    answer = browser.get(go(browser, next_page, more))
    browser.note()
    return answer


def refused(front: Front, browser: Browser, answer: httpx.Response, status: int) -> str:
    """Say that an answer refused, opened no session and left an event; return why it was."""
    assert answer.status_code == status, answer.text
    assert browser.status() == 401
    with front.desk.records.read() as session:
        event = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    assert event.action == "signin.refused"
    return event.detail


def test_the_provider_signs_in_whom_an_account_was_opened_to(front: Front, provider: OpenIdProvider) -> None:
    browser = front.browser()
    assert "Đăng nhập bằng Sở Y tế" in browser.get("/sign-in").text
    answer = arrive(browser)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/queue")
    assert browser.get("/api/v1/me").json()["login"] == "reviewer"
    assert browser.get("/api/v1/me/sessions").json()[0]["how"] == "oidc"
    assert browser.post("/api/v1/sign-out").status_code == 204


def test_the_first_time_binds_the_subject_and_then_the_name_is_not_asked(
    front: Front, provider: OpenIdProvider
) -> None:
    assert arrive(front.browser()).status_code == 303
    provider.claims["preferred_username"] = "hoa.married@so.example"
    assert arrive(front.browser()).headers["Location"] == "/queue"
    # Who gets the freed name later is somebody else.
    provider.claims |= {"sub": "subject-8", "preferred_username": "hoa@so.example"}
    browser = front.browser()
    assert "NotInvited" in refused(front, browser, arrive(browser), 403)
    assert front.events().count("user.bound") == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"preferred_username": "minh@so.example"},
        {"preferred_username": None},
        {"preferred_username": ""},
        {"preferred_username": ["hoa@so.example"]},
    ],
)
def test_people_whom_no_account_was_opened_to_are_refused(
    front: Front, provider: OpenIdProvider, claims: dict[str, Any]
) -> None:
    provider.claims |= claims
    browser = front.browser()
    refused(front, browser, arrive(browser), 403)


def test_a_deactivated_person_is_refused(front: Front, provider: OpenIdProvider) -> None:
    with front.desk.records.write() as session:
        accounts.set_active(session, front.person("admin"), "reviewer", False)
    browser = front.browser()
    refused(front, browser, arrive(browser), 403)


def test_an_address_that_was_not_verified_names_nobody(front: Front, provider: OpenIdProvider) -> None:
    front.rules(provider=Provider(provider.url, CLIENT, SECRET, login_claim="email"))
    provider.claims |= {"email": "hoa@so.example", "email_verified": False}
    browser = front.browser()
    refused(front, browser, arrive(browser), 403)
    provider.claims["email_verified"] = True
    assert arrive(browser).headers["Location"] == "/queue"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"iss": "https://other.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another client"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": [CLIENT, "another client"]}, "azp"),
        ({"azp": "another client"}, "azp"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"exp": None}, "exp"),
        ({"iat": 2_000_000_000}, "in the future"),
        ({"nonce": "of another sign-in"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"at_hash": "of another token"}, "at_hash"),
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(
    front: Front, provider: OpenIdProvider, wrong: dict[str, Any], why: str
) -> None:
    provider.wrong = wrong
    browser = front.browser()
    assert why in refused(front, browser, arrive(browser), 401)


@pytest.mark.parametrize("how", ["another key", "the shared secret", "none"])
def test_a_token_signed_by_somebody_else_is_refused(front: Front, provider: OpenIdProvider, how: str) -> None:
    if how == "another key":
        provider.signs_with = ECKey.generate_key("P-256")
    else:
        provider.signs_with = shared_secret()
        provider.algorithm = "HS256" if how == "the shared secret" else "none"
        provider.wrong = {"at_hash": None}
    browser = front.browser()
    refused(front, browser, arrive(browser), 401)


def test_an_answer_belongs_to_the_browser_and_the_sign_in_that_asked(
    front: Front, provider: OpenIdProvider
) -> None:
    attacker, victim = front.browser(), front.browser()
    address = go(attacker)
    assert victim.get(address).status_code == 401  # no sign-in was begun there
    go(victim)
    assert "state" in refused(front, victim, victim.get(address), 401)
    assert attacker.get(address).headers["Location"] == "/queue"
    assert attacker.get(address).status_code == 401  # once


@pytest.mark.parametrize(
    "change", [{"iss": "https://other.example"}, {"code": "x"}, {"code": None, "error": "denied"}]
)
def test_an_answer_that_was_changed_on_its_way_is_refused(
    front: Front, provider: OpenIdProvider, change: dict[str, str | None]
) -> None:
    browser = front.browser()
    parts = urlsplit(go(browser))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | change
    answer = browser.client.get(parts.path, params={k: v for k, v in query.items() if v is not None})
    refused(front, browser, answer, 401)


def test_a_code_does_not_come_in_without_the_verifier(front: Front, provider: OpenIdProvider) -> None:
    browser = front.browser()
    address = go(browser)
    with front.desk.records.write() as session:
        step = session.scalars(select(SignInStep)).one()
        step.detail = {**step.detail, "verifier": "x" * 64}
    assert "invalid_grant" in refused(front, browser, browser.get(address), 401)


def test_a_sign_in_begun_too_long_ago_is_begun_again(front: Front, provider: OpenIdProvider) -> None:
    browser = front.browser()
    address = go(browser)
    front.clock.now += timedelta(minutes=11)
    assert browser.get(address).status_code == 401


def test_new_keys_of_the_provider_are_fetched_when_they_are_met(
    front: Front, provider: OpenIdProvider
) -> None:
    browser = front.browser()
    arrive(browser)
    arrive(browser)
    assert provider.asked == ["discovery", "keys"]
    provider.turn_keys()
    assert arrive(browser).headers["Location"] == "/queue"
    assert provider.asked == ["discovery", "keys", "keys"]


def test_roles_are_the_word_of_the_provider_where_the_settings_map_them(
    front: Front, provider: OpenIdProvider
) -> None:
    roles = (("chiefs", Role.LEAD), ("desk", Role.REVIEWER))
    front.rules(provider=Provider(provider.url, CLIENT, SECRET, roles=roles))
    browser = front.browser()
    arrive(browser)
    assert browser.get("/api/v1/me").json()["role"] == "reviewer"
    provider.claims["groups"] = ["desk", "chiefs"]
    other = front.browser()
    arrive(other)
    assert other.get("/api/v1/me").json()["role"] == "lead"
    assert browser.status() == 401  # the session of the former role has ended
    provider.claims["groups"] = ["kitchen"]
    third = front.browser()
    refused(front, third, arrive(third), 403)
    provider.claims["groups"] = "a word that is no list"
    refused(front, third, arrive(third), 403)


def test_the_last_administrator_is_not_made_less_by_a_provider(
    front: Front, provider: OpenIdProvider
) -> None:
    front.rules(provider=Provider(provider.url, CLIENT, SECRET, roles=(("desk", Role.REVIEWER),)))
    admin = front.signed_in(Role.ADMIN)
    admin.post("/api/v1/people/reviewer/outside", {"name": ""})
    admin.post("/api/v1/people/admin/outside", {"name": "hoa@so.example"})
    browser = front.browser()
    assert "LastAdmin" in refused(front, browser, arrive(browser), 409)
    with front.desk.records.read() as session:
        assert session.scalars(select(OutsideIdentity.subject)).one() is None
        assert accounts.get(session, "admin").role == Role.ADMIN


def test_a_role_that_needs_a_second_factor_trusts_the_provider_with_it(
    front: Front, provider: OpenIdProvider
) -> None:
    front.rules(need_code=frozenset({Role.REVIEWER}))
    browser = front.browser()
    arrive(browser)
    assert browser.status("/api/v1/lanes") == 200


def test_a_password_given_once_is_void_once_the_provider_vouched(
    front: Front, provider: OpenIdProvider
) -> None:
    admin = front.signed_in(Role.ADMIN)
    once = admin.post("/api/v1/people/reviewer/reset").json()["password"]
    browser = front.browser()
    arrive(browser)
    assert browser.status("/api/v1/lanes") == 200
    assert front.browser().sign_in("reviewer", once).status_code == 401


def test_a_name_belongs_to_one_account(front: Front, provider: OpenIdProvider) -> None:
    admin = front.signed_in(Role.ADMIN)
    assert admin.post("/api/v1/people/lead/outside", {"name": "hoa@so.example"}).status_code == 409
    assert "hoa@so.example" in admin.form("/people/lead/outside", name="hoa@so.example").text


@pytest.mark.parametrize(
    "published",
    [{"issuer": "https://other.example"}, {"token_endpoint": None}, {"jwks_uri": "file:///etc/passwd"}],
)
def test_a_provider_that_publishes_nonsense_is_not_asked(
    front: Front, provider: OpenIdProvider, published: dict[str, Any]
) -> None:
    provider.published = published
    browser = front.browser()
    answer = browser.get("/sign-in/oidc")
    assert answer.status_code == 502
    assert "đăng nhập bằng mật khẩu" in answer.text


def test_a_provider_that_does_not_answer_leaves_the_password(front: Front) -> None:
    front.rules(provider=Provider("http://127.0.0.1:9", CLIENT, SECRET))
    browser = front.browser()
    assert browser.get("/sign-in/oidc").status_code == 502
    assert browser.sign_in("reviewer").status_code == 200


def test_without_a_provider_there_is_no_such_way(front: Front) -> None:
    browser = front.browser()
    assert browser.get("/sign-in/oidc").status_code == 404
    assert browser.get("/sign-in/oidc/done?code=x&state=y").status_code == 404
    assert "/sign-in/oidc" not in browser.get("/sign-in").text


TOKEN = {"name": "báo cáo", "scopes": ["read"], "days": 7}


def test_who_comes_by_the_provider_proves_themselves_there(front: Front, provider: OpenIdProvider) -> None:
    provider.proved_at = front.clock.now - timedelta(minutes=10)
    browser = front.browser()
    arrive(browser)
    assert browser.post("/api/v1/tokens", TOKEN).status_code == 201
    front.clock.later(minutes=6)
    answer = browser.post("/api/v1/tokens", TOKEN)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:kiemtin:problem:reauthentication-needed")
    # No password is asked for here, and one that is given counts for nothing.
    page = browser.get("/tokens").text
    assert 'type="password"' not in page
    assert 'href="/sign-in/oidc?anew=true&amp;next=/tokens"' in page
    answer = browser.post("/api/v1/me/reauthenticate", {"password": PASSWORD})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:kiemtin:problem:sign-in-outside")
    # The provider's own session is still open, and lets a browser through unasked: that proves nothing.
    arrive(browser)
    assert browser.post("/api/v1/tokens", TOKEN).status_code == 403
    asked = parse_qs(urlsplit(browser.get("/sign-in/oidc?anew=true").headers["Location"]).query)
    assert (asked["max_age"], asked["prompt"]) == (["0"], ["login"])
    assert json.loads(asked["claims"][0]) == {"id_token": {"auth_time": {"essential": True}}}
    assert arrive(browser, "/tokens", "&anew=true").headers["Location"] == "/tokens"
    assert browser.post("/api/v1/tokens", TOKEN).status_code == 201


@pytest.mark.parametrize("said", [None, True, -1, 2.5, 10**20, 4_000_000_000])
def test_a_provider_that_does_not_say_when_proves_nothing(
    front: Front, provider: OpenIdProvider, said: object
) -> None:
    provider.claims["auth_time"] = said
    browser = front.browser()
    assert arrive(browser, more="&anew=true").status_code == 303
    assert browser.post("/api/v1/tokens", TOKEN).status_code == 403


def test_a_time_that_is_none_lets_nobody_in(front: Front, provider: OpenIdProvider) -> None:
    provider.claims["auth_time"] = "now"
    browser = front.browser()
    refused(front, browser, arrive(browser, more="&anew=true"), 401)
