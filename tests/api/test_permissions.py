"""Every route, asked by everybody: who gets in is what the table here says, and a route that it lacks fails.

Adding a route: add one line to `TABLE`, `"METHOD /path/{with}/{names}": WHO`, with WHO one of the sets below. A
JSON body is made from the route's schema (its example), and a form is sent all of `FORM`; the names in a path
stand for what `VALUES` has, else for 1. Only where that does not get past validation, give the field in one of
the two; where an address must be other, in `ASKED`. A token gets in where `api.scopes.ROUTES` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from api import openapi, tokens
from api.bundles import Shelf
from api.desk import Desk
from api.scopes import ROUTES, Scope
from kiemtin import given_policy
from review import decision, queue
from review.decision import Verdict
from review.errors import NotAllowed
from review.permissions import AUTOMATIC, Action, Person, may
from review_ui.app import create_app
from search.open import open_engine
from store.archive import Archive
from store.records import Records
from store.vocabulary import Outcome, Role
from tests.api.signed import no_tools, people, sessions
from tests.conftest import cache
from tests.factory import HARMFUL, NOW, Place, model

# Who gets in. Everybody also has those who are not signed in.
EVERYBODY = frozenset({*Role, "nobody"})
ALL = frozenset(Role)
REVIEWERS = frozenset({Role.REVIEWER, Role.LEAD, Role.ADMIN})
LEADS = frozenset({Role.LEAD, Role.ADMIN})
AUDITORS = frozenset({Role.LEAD, Role.AUDITOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
LIAISONS = frozenset({Role.LIAISON, Role.ADMIN})
SENDERS = frozenset({Role.LIAISON, Role.LEAD, Role.ADMIN})  # the liaison sends, a lead recalls
CONCERNED = ALL - {Role.LIAISON}  # who complains must not come to the eyes of the police by that
# A decision is taken back by who made it, and the one asked about here was made by none of them.
ITS_MAKER = frozenset[Role]()

TABLE: dict[str, frozenset[Any]] = {
    "DELETE /api/v1/filters/{filter_id}": ALL,
    "GET /": ALL,  # who does not review is led to the queue
    "GET /adjudication": LEADS,
    "GET /adjudication/{adjudication_id}": LEADS,
    "GET /api/openapi.json": ALL,
    "GET /api/v1/adjudications": LEADS,
    "GET /api/v1/adjudications/{adjudication_id}": LEADS,
    "GET /api/v1/audit": AUDITORS,
    "GET /api/v1/audit/digest": AUDITORS,
    "GET /api/v1/audit/verify": AUDITORS,
    "GET /api/v1/holds": AUDITORS,
    "GET /api/v1/privacy": AUDITORS,
    "POST /api/v1/holds": LEADS,
    "POST /api/v1/holds/{hold_id}/lift": LEADS,
    "POST /api/v1/cases/{case_id}/open": REVIEWERS,
    "GET /api/v1/bundles": SENDERS,
    "GET /api/v1/bundles/{referral_id}": SENDERS,
    "GET /api/v1/bundles/{referral_id}/file": LIAISONS,
    "GET /api/v1/bundles/{referral_id}/masking": LIAISONS,
    "GET /api/v1/bundles/{referral_id}/picture": LIAISONS,
    "GET /api/v1/bundles/{referral_id}/recall": SENDERS,
    "GET /api/v1/captures/{capture_id}": AUDITORS,
    "GET /api/v1/cases/{case_id}": ALL,
    "GET /api/v1/cases/{case_id}/alike": REVIEWERS,
    "GET /api/v1/cases/{case_id}/claim-review": REVIEWERS,
    "GET /api/v1/cases/{case_id}/draft": REVIEWERS,
    "GET /api/v1/cases/{case_id}/explanation": ALL,
    "GET /api/v1/cases/{case_id}/notes": REVIEWERS,
    "GET /api/v1/cases/{case_id}/page": REVIEWERS,
    "GET /api/v1/cases/{case_id}/pages": REVIEWERS,
    "GET /api/v1/cases/{case_id}/picture": REVIEWERS,
    "GET /api/v1/cases/{case_id}/referral": REVIEWERS,
    "GET /api/v1/cases/{case_id}/similar": ALL,
    "GET /api/v1/claims": ALL,
    "GET /api/v1/claims/export": ALL,
    "GET /api/v1/claims/{claim_id}": ALL,
    "GET /api/v1/clocks": ALL,
    "GET /api/v1/colleagues": ALL,
    "GET /api/v1/complaints": CONCERNED,
    "GET /api/v1/complaints/{complaint_id}": CONCERNED,
    "GET /api/v1/copies": ALL,
    "GET /api/v1/corrections": ALL,
    "GET /api/v1/dashboard": ALL,
    "GET /api/v1/drift": LEADS,
    "GET /api/v1/filters": ALL,
    "GET /api/v1/first": EVERYBODY,
    "GET /api/v1/golden": LEADS,
    "GET /api/v1/lanes": ALL,
    "GET /api/v1/live": ALL,
    "GET /api/v1/me": ALL,
    "GET /api/v1/me/preferences": ALL,
    "GET /api/v1/me/second-factor": ALL,
    "GET /api/v1/me/sessions": ALL,
    "GET /api/v1/people": ADMINS,
    "GET /api/v1/people/{login}": ADMINS,
    "GET /api/v1/people/{login}/sessions": ADMINS,
    "GET /api/v1/permissions": ALL,
    "GET /api/v1/policy": AUDITORS,
    "GET /api/v1/policy/{policy_id}": AUDITORS,
    "GET /api/v1/quality": ALL,
    "GET /api/v1/queue": ALL,
    "GET /api/v1/referrals": ALL,
    "GET /api/v1/referrals/{referral_id}": ALL,
    "GET /api/v1/reports": ALL,
    "GET /api/v1/reports/{period}": ALL,
    "GET /api/v1/runs": ALL,
    "GET /api/v1/search": ALL,
    "GET /api/v1/second-reviews": REVIEWERS,
    "GET /api/v1/second-reviews/{case_id}": REVIEWERS,
    "GET /api/v1/setup": ADMINS,
    "GET /api/v1/sources": ALL,
    "GET /api/v1/tokens": ALL,
    "GET /api/v1/trends": ALL,
    "GET /api/v1/trends/spread/{claim_id}": ALL,
    "GET /api/v1/trends/spread/{claim_id}/csv": ALL,
    "GET /api/v1/trends/{part}.csv": ALL,
    "GET /api/v1/work": ALL,
    "GET /audit": AUDITORS,
    "GET /audit/digest": AUDITORS,
    "GET /privacy": AUDITORS,
    "POST /privacy/holds": LEADS,
    "POST /privacy/holds/{hold_id}/lift": LEADS,
    "POST /cases/{case_id}/kept": REVIEWERS,
    "GET /breaks": ALL,
    "GET /bundles": SENDERS,
    "GET /bundles/{referral_id}": SENDERS,
    "GET /bundles/{referral_id}/file": LIAISONS,
    "GET /bundles/{referral_id}/picture": LIAISONS,
    "GET /bundles/{referral_id}/recall": SENDERS,
    "GET /cases/{case_id}": ALL,
    "GET /cases/{case_id}/alike": REVIEWERS,
    "GET /cases/{case_id}/explanation": ALL,
    "GET /cases/{case_id}/kept": REVIEWERS,
    "GET /cases/{case_id}/referral": REVIEWERS,
    "GET /cases/{case_id}/similar": ALL,
    "GET /claims": ALL,
    "GET /claims/new": LEADS,
    "GET /claims/{claim_id}": ALL,
    "GET /claims/{claim_id}/edit": LEADS,
    "GET /complaints": CONCERNED,
    "GET /complaints/new": REVIEWERS,
    "GET /complaints/{complaint_id}": CONCERNED,
    "GET /copies": ALL,
    "GET /corrections": ALL,
    "GET /corrections/{claim_id}": LEADS,
    "GET /dashboard": ALL,
    "GET /drift": LEADS,
    "GET /filters": ALL,
    "GET /healthz": EVERYBODY,
    "GET /metrics": EVERYBODY,  # on this machine; elsewhere with the token of the settings
    "GET /password": ALL,
    "GET /reauthenticate": ALL,
    "GET /people": ADMINS,
    "GET /people/{login}": ADMINS,
    "GET /permissions": ALL,
    "GET /policy": AUDITORS,
    "GET /policy/{policy_id}": AUDITORS,
    "GET /public/corrections": EVERYBODY,
    "GET /public/corrections/feed.xml": EVERYBODY,
    "GET /public/corrections/review.jsonld": EVERYBODY,
    "GET /public/corrections/{claim_id}": EVERYBODY,
    "GET /public/corrections/{claim_id}/card.png": EVERYBODY,
    "GET /public/corrections/{claim_id}/message.txt": EVERYBODY,
    "GET /public/corrections/{claim_id}/review.jsonld": EVERYBODY,
    "GET /public/corrections/{claim_id}/spoken.txt": EVERYBODY,
    "GET /public/transparency": EVERYBODY,
    "GET /public/transparency/{quarter}": EVERYBODY,
    "GET /public/transparency/{quarter}/figures.csv": EVERYBODY,
    "GET /quality": ALL,
    "GET /queue": ALL,
    "GET /referrals": ALL,
    "GET /referrals/{referral_id}": ALL,
    "GET /reports": ALL,
    "GET /reports/{period}": ALL,
    "GET /reports/{period}/file.{form}": ALL,
    "GET /search": ALL,
    "GET /second-factor": ALL,
    "GET /second-reviews": REVIEWERS,
    "GET /second-reviews/{case_id}": REVIEWERS,
    "GET /sessions": ALL,
    "GET /settings": ALL,
    "GET /setup": ADMINS,
    "GET /sign-in": EVERYBODY,
    "GET /sign-in/code": EVERYBODY,
    "GET /sign-in/oidc": EVERYBODY,
    "GET /sign-in/oidc/done": EVERYBODY,
    "GET /sources": ALL,
    "GET /tokens": ALL,
    "GET /trends": ALL,
    "GET /trends/{claim_id}": ALL,
    "GET /work": ALL,
    "POST /adjudication/{adjudication_id}/golden": LEADS,
    "POST /adjudication/{adjudication_id}/settle": LEADS,
    "POST /api/v1/adjudications/{adjudication_id}/settle": LEADS,
    "POST /api/v1/bundles/timestamp": LIAISONS,
    "POST /api/v1/bundles/{referral_id}/build": LIAISONS,
    "POST /api/v1/bundles/{referral_id}/masking": LIAISONS,
    "POST /api/v1/bundles/{referral_id}/recall": LEADS,
    "POST /api/v1/bundles/{referral_id}/receipt": LIAISONS,
    "POST /api/v1/cases/{case_id}/alike": REVIEWERS,
    "POST /api/v1/cases/{case_id}/assign": LEADS,
    "POST /api/v1/cases/{case_id}/copies": REVIEWERS,
    "POST /api/v1/cases/{case_id}/decide": REVIEWERS,
    "POST /api/v1/cases/{case_id}/escalate": REVIEWERS,
    "POST /api/v1/cases/{case_id}/hand-over": REVIEWERS,
    "POST /api/v1/cases/{case_id}/lease": REVIEWERS,
    "POST /api/v1/cases/{case_id}/notes": REVIEWERS,
    "POST /api/v1/cases/{case_id}/picture": REVIEWERS,
    "POST /api/v1/cases/{case_id}/referral": REVIEWERS,
    "POST /api/v1/cases/{case_id}/release": REVIEWERS,
    "POST /api/v1/cases/{case_id}/renew": REVIEWERS,
    "POST /api/v1/cases/{case_id}/reopen": LEADS,
    "POST /api/v1/cases/{case_id}/skip": REVIEWERS,
    "POST /api/v1/cases/{case_id}/split": REVIEWERS,
    "POST /api/v1/claims": LEADS,
    "POST /api/v1/claims/import": LEADS,
    "POST /api/v1/claims/{claim_id}": LEADS,
    "POST /api/v1/claims/{claim_id}/restore": LEADS,
    "POST /api/v1/claims/{claim_id}/retire": LEADS,
    "POST /api/v1/complaints": REVIEWERS,
    "POST /api/v1/complaints/{complaint_id}/answer": REVIEWERS,
    "POST /api/v1/complaints/{complaint_id}/assign": LEADS,
    "POST /api/v1/complaints/{complaint_id}/withdraw": LEADS,
    "POST /api/v1/corrections/{claim_id}": LEADS,
    "POST /api/v1/corrections/{claim_id}/withdraw": LEADS,
    "POST /api/v1/decisions/{decision_id}/undo": ITS_MAKER,
    "POST /api/v1/filters": ALL,
    "POST /api/v1/golden": LEADS,
    "POST /api/v1/golden/{golden_id}/retire": LEADS,
    "POST /api/v1/lanes/{lane}/next": REVIEWERS,
    "POST /api/v1/me/password": ALL,
    "POST /api/v1/me/reauthenticate": ALL,
    "POST /api/v1/me/second-factor": ALL,
    "POST /api/v1/me/second-factor/codes": ALL,
    "POST /api/v1/me/second-factor/confirm": ALL,
    "POST /api/v1/me/second-factor/off": ALL,
    "POST /api/v1/me/sessions/end": ALL,
    "POST /api/v1/me/sessions/{handle}/end": ALL,
    "POST /api/v1/people": ADMINS,
    "POST /api/v1/people/{login}/active": ADMINS,
    "POST /api/v1/people/{login}/lanes": ADMINS,
    "POST /api/v1/people/{login}/outside": ADMINS,
    "POST /api/v1/people/{login}/reset": ADMINS,
    "POST /api/v1/people/{login}/role": ADMINS,
    "POST /api/v1/people/{login}/second-factor/off": ADMINS,
    "POST /api/v1/people/{login}/sessions/end": ADMINS,
    "POST /api/v1/people/{login}/sessions/{handle}/end": ADMINS,
    "POST /api/v1/policy/backtest": LEADS,
    "POST /api/v1/policy/switch": LEADS,
    "POST /api/v1/referrals/{referral_id}/acknowledge": LIAISONS,
    "POST /api/v1/referrals/{referral_id}/approve": LEADS,
    "POST /api/v1/referrals/{referral_id}/recall": LEADS,
    "POST /api/v1/referrals/{referral_id}/reject": LEADS,
    "POST /api/v1/referrals/{referral_id}/withdraw": REVIEWERS,
    "POST /api/v1/reports": EVERYBODY,  # of a hotline, by its own token; here it is closed to all
    "POST /api/v1/reports/{period}": LEADS,
    "POST /api/v1/reports/{period}/{version}/publish": LEADS,
    "POST /api/v1/reports/{period}/{version}/withdraw": LEADS,
    "POST /api/v1/second-reviews/{case_id}": REVIEWERS,
    "POST /api/v1/sign-in": EVERYBODY,
    "POST /api/v1/sign-in/code": EVERYBODY,
    "POST /api/v1/sign-out": ALL,
    "POST /api/v1/setup/agency": ADMINS,
    "POST /api/v1/setup/state": ADMINS,
    "POST /api/v1/sources/{source_id}/pause": LEADS,
    "POST /api/v1/sources/{source_id}/resume": LEADS,
    "POST /api/v1/sources/{source_id}/test": LEADS,
    "POST /api/v1/tokens": ALL,
    "POST /api/v1/tokens/{token_id}/revoke": ALL,
    "POST /api/v1/work/{task_id}/discard": LEADS,
    "POST /api/v1/work/{task_id}/retry": LEADS,
    "POST /breaks": ALL,
    "POST /bundles/{referral_id}/build": LIAISONS,
    "POST /bundles/{referral_id}/masking": LIAISONS,
    "POST /bundles/{referral_id}/recall": LEADS,
    "POST /bundles/{referral_id}/receipt": LIAISONS,
    "POST /bundles/{referral_id}/timestamp": LIAISONS,
    "POST /cases/{case_id}/alike": REVIEWERS,
    "POST /cases/{case_id}/assign": LEADS,
    "POST /cases/{case_id}/copies": REVIEWERS,
    "POST /cases/{case_id}/decide": REVIEWERS,
    "POST /cases/{case_id}/escalate": REVIEWERS,
    "POST /cases/{case_id}/hand-over": REVIEWERS,
    "POST /cases/{case_id}/leave": REVIEWERS,
    "POST /cases/{case_id}/notes": REVIEWERS,
    "POST /cases/{case_id}/picture": REVIEWERS,
    "POST /cases/{case_id}/referral": REVIEWERS,
    "POST /cases/{case_id}/renew": REVIEWERS,
    "POST /cases/{case_id}/reopen": LEADS,
    "POST /cases/{case_id}/skip": REVIEWERS,
    "POST /cases/{case_id}/split": REVIEWERS,
    "POST /cases/{case_id}/take": REVIEWERS,
    "POST /claims/new": LEADS,
    "POST /claims/{claim_id}/edit": LEADS,
    "POST /claims/{claim_id}/restore": LEADS,
    "POST /claims/{claim_id}/retire": LEADS,
    "POST /complaints/new": REVIEWERS,
    "POST /complaints/{complaint_id}/answer": REVIEWERS,
    "POST /complaints/{complaint_id}/assign": LEADS,
    "POST /complaints/{complaint_id}/withdraw": LEADS,
    "POST /corrections/{claim_id}": LEADS,
    "POST /corrections/{claim_id}/withdraw": LEADS,
    "POST /csp-report": EVERYBODY,  # browsers send it by themselves
    "POST /decisions/{decision_id}/undo": REVIEWERS,  # who did not make it is told so beside the next case
    "POST /filters": ALL,
    "POST /filters/{filter_id}/remove": ALL,
    "POST /password": ALL,
    "POST /reauthenticate": ALL,
    "POST /people": ADMINS,
    "POST /people/{login}/active": ADMINS,
    "POST /people/{login}/lanes": ADMINS,
    "POST /people/{login}/outside": ADMINS,
    "POST /people/{login}/reset": ADMINS,
    "POST /people/{login}/role": ADMINS,
    "POST /people/{login}/second-factor/off": ADMINS,
    "POST /people/{login}/sessions/end": ADMINS,
    "POST /people/{login}/sessions/{handle}/end": ADMINS,
    "POST /policy/backtest": LEADS,
    "POST /policy/switch": LEADS,
    "POST /quality/golden/{golden_id}/retire": LEADS,
    "POST /referrals/{referral_id}/approve": LEADS,
    "POST /referrals/{referral_id}/{step}": LEADS,  # to reject; the other steps ask as their routes of the API do
    "POST /reports/{period}/draft": LEADS,
    "POST /reports/{period}/{version}/publish": LEADS,
    "POST /reports/{period}/{version}/withdraw": LEADS,
    "POST /second-factor": ALL,
    "POST /second-factor/codes": ALL,
    "POST /second-factor/confirm": ALL,
    "POST /second-factor/off": ALL,
    "POST /second-reviews/{case_id}": REVIEWERS,
    "POST /sessions/end": ALL,
    "POST /sessions/{handle}/end": ALL,
    "POST /settings": ALL,
    "POST /sign-in": EVERYBODY,
    "POST /sign-in/code": EVERYBODY,
    "POST /sign-out": ALL,
    "POST /setup/agency": ADMINS,
    "POST /setup/people": ADMINS,
    "POST /setup/state": ADMINS,
    "POST /sources/{source_id}/pause": LEADS,
    "POST /sources/{source_id}/resume": LEADS,
    "POST /sources/{source_id}/test": LEADS,
    "POST /tokens": ALL,
    "POST /tokens/{token_id}/revoke": ALL,
    "POST /work/{task_id}/discard": LEADS,
    "POST /work/{task_id}/retry": LEADS,
    "PUT /api/v1/me/preferences": ALL,
}
VALUES = {
    "lane": "all", "login": "spare", "claim_id": "toi-nuoc", "period": "2026-W01", "part": "claims",
    "form": "html", "step": "reject", "quarter": "2026-Q1",
}  # fmt: skip
# Sent to every page that takes a form: whatever fields it has are among these.
FORM = {
    "active": "true", "copy_hash": "x", "evidence": "x", "kind": "queue", "minutes": "50", "policy": "x", "role": "reviewer", "to": "1", "again": "x", "claim": "x", "current": "x", "lane": "all", "login": "newcomer", "name": "x", "new": "x", "number": "1",
    "outcome": "dismiss", "reason": "x", "scopes": "read", "seen": "x", "text": "x", "token": "x", "version": "1",
}  # fmt: skip
# Other values of the form, by route, where one name stands for two things.
FORMS = {"POST /complaints/new": {"kind": "complaint"}, "POST /setup/state": {"state": "done"}}
# Another address than the one that the template gives, by route.
ASKED: dict[str, str] = {
    # Of the first case nobody here may give a blind review.
    "GET /second-reviews/{case_id}": "/second-reviews/99",
    "POST /second-reviews/{case_id}": "/second-reviews/99",
}

# A page that is refused with these words was refused to somebody who is let in: a form without its token is sent
# back to everybody alike, and a blind review is one person's.
BEHIND_THE_DOOR = ("Yêu cầu không đến từ trang này", "không chờ bạn xem lại")

KINDS = {"urn:kiemtin:problem:not-allowed", "urn:kiemtin:problem:beyond-token"}


@pytest.fixture
def desk(sqlite: Records, tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    place = Place(sqlite)
    place.take(*HARMFUL[:4])
    place.work(engine)
    given_policy.begin(sqlite, None)
    yield Desk(
        sqlite,
        engine,
        Archive(tmp_path / "archive"),
        clock=lambda: NOW,
        load_model=model,
        cache=cache(),
        a_minute=10_000,
        shelf=Shelf(tmp_path / "bundles", no_tools),
    )
    engine.close()


def routes(app: Any) -> list[str]:
    """Return every route of the application as `METHOD /template`."""
    return sorted(
        f"{method} {context.path}"
        for context in iter_route_contexts(app.routes)
        for method in getattr(context, "methods", None) or ()
        if method != "HEAD"
    )


class Door:
    """Knocks at every route in the name of somebody."""

    def __init__(self, desk: Desk) -> None:
        self.app = create_app(desk)
        self.client = TestClient(self.app, base_url="http://desk.example", follow_redirects=False)
        described = openapi.of(self.app)
        self.bodies = {
            f"{method} {path}": operation["requestBody"]["content"]["application/json"].get("example", {})
            for method, path, operation in openapi.operations(described)
            if "application/json" in operation.get("requestBody", {}).get("content", {})
        }

    def opens(self, route: str, headers: dict[str, str]) -> bool:
        """Say whether a request gets past the door, whatever is answered behind it."""
        method, template = route.split(" ")
        path = ASKED.get(route) or re.sub(r"{(\w+)[^}]*}", lambda name: VALUES.get(name[1], "1"), template)
        sent: dict[str, Any] = {"headers": headers}
        if method != "GET" and path.startswith("/api/"):
            sent["json"] = self.bodies.get(route, {})
        elif method != "GET":
            sent["data"] = FORM | FORMS.get(route, {})
        self.client.cookies.clear()
        answer = self.client.request(method, path, **sent)
        assert answer.status_code < 500, f"{route}: {answer.text}"
        if path.startswith("/api/"):
            kind = (
                answer.json().get("type", "") if "problem" in answer.headers.get("Content-Type", "") else ""
            )
            assert kind != "urn:kiemtin:problem:invalid", f"{route} needs another body: {answer.text}"
            return kind not in KINDS | {"urn:kiemtin:problem:not-signed-in"}
        assert "hoặc biểu mẫu có giá trị không đúng" not in answer.text, f"{route} needs another form"
        away = answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in?")
        shut = answer.status_code == 403 and not any(words in answer.text for words in BEHIND_THE_DOOR)
        return not shut and not away


def test_every_route_lets_in_whom_the_table_says_and_nobody_else(desk: Desk) -> None:
    people(desk, [(role.value, role) for role in Role] + [("spare", Role.REVIEWER)])
    door = Door(desk)
    assert sorted(TABLE) == routes(door.app), "a route lacks its line in TABLE, or a line its route"
    found: dict[str, frozenset[Any]] = {}
    headers = sessions(desk, [role.value for role in Role])
    for route in TABLE:
        inside = {role for role in Role if door.opens(route, headers[role.value])}
        # A sign-in carries no session; without the token of its form it is refused to everybody alike.
        alone = {"nobody"} if door.opens(route, {}) else set()
        found[route] = frozenset(inside | alone)
        if route.endswith("/sign-out"):
            headers = sessions(desk, [role.value for role in Role])
    wrong = [
        f"{route}: let in {sorted(map(str, who))}, expected {sorted(map(str, TABLE[route]))}"
        for route, who in found.items()
        if who != TABLE[route]
    ]
    assert not wrong, "\n".join(wrong)


def test_a_token_with_every_scope_opens_what_scopes_say_and_nothing_else(desk: Desk) -> None:
    people(desk, [("admin", Role.ADMIN), ("spare", Role.REVIEWER)])
    with desk.records.write() as session:
        _, token = tokens.create(session, Person(1, Role.ADMIN), "mọi quyền", list(Scope), 30, NOW)
    door = Door(desk)
    by_token = {"Authorization": f"Bearer {token}"}
    found = {route for route in TABLE if "nobody" not in TABLE[route] and door.opens(route, by_token)}
    assert found == set(ROUTES)
    assert set(ROUTES) <= set(TABLE)


def test_what_programs_may_change_is_the_knowledge_base_alone() -> None:
    changing = {route for route in ROUTES if not route.startswith("GET ")}
    assert all(route.startswith("POST /api/v1/claims") for route in changing)
    assert frozenset({Action.READ, Action.AUDIT, Action.KEEP_CLAIMS}) == AUTOMATIC


def test_the_rules_of_the_desk_refuse_a_program_too(desk: Desk) -> None:
    people(desk, [("admin", Role.ADMIN)])
    program = Person(1, Role.ADMIN, automatic=True)
    assert {action for action in Action if may(program, action)} == AUTOMATIC
    verdict = Verdict(Outcome.DISMISS, "x")
    with desk.records.write() as session:
        lease = queue.lease_next(session, Person(1, Role.ADMIN), queue.ALL, NOW)
        assert lease is not None
        held = (lease.case_id, lease.version, lease.token, "x")
        for act in (
            lambda: queue.lease_next(session, program, queue.ALL, NOW),
            lambda: queue.lease(session, program, lease.case_id, NOW),
            lambda: queue.skip(session, program, lease.case_id, lease.token, "x", NOW),
            lambda: decision.decide(session, program, *held, verdict, NOW),
            lambda: decision.escalate(session, program, *held, "x", NOW),
            lambda: decision.reopen(session, program, lease.case_id, "x", NOW),
            lambda: decision.undo(session, program, 1, NOW),
        ):
            with pytest.raises(NotAllowed):
                act()


def test_a_session_of_somebody_locked_out_opens_nothing(desk: Desk) -> None:
    from api import accounts

    people(desk, [("spare", Role.ADMIN), ("other", Role.ADMIN)])
    headers = sessions(desk, ["spare"])["spare"]
    door = Door(replace(desk))
    assert door.opens("GET /api/v1/queue", headers)
    with desk.records.write() as session:
        accounts.set_active(session, Person(99, Role.ADMIN), "spare", False)
    assert not door.opens("GET /api/v1/queue", headers)
