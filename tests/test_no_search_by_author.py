"""Nothing lets anybody list or search by author: no route, form, index field, export, log or audit event.

Content, never people. Two nets, one of names and one of what really comes out:

* every name by which something is asked for or given (parameters, bodies, answers, form fields, fields of the index,
  columns of exports, keys of logs) is walked, and one that speaks of an author fails unless `ALLOWED` says why;
* posts by a known author are put in, every GET is asked with the author's handle and pseudonym in every parameter, and
  what comes out must hold neither, and find nothing.

Each walk counts what it saw, and is shown a wrong example first: it cannot pass by seeing nothing.
"""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Form
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select

import models
from api.desk import Desk
from api.schemas import SearchAnswer
from kiemtin import given_policy
from reports import publishing, unusual
from reports.periods import quarter_of, week_of
from review import decision, export, labelling, queue
from review.decision import Verdict
from review.permissions import Person
from review.sampling import Bounds, By
from review_ui.app import create_app
from search import elastic_form, tantivy_form
from search.engine import FACETS, Document, Query
from search.open import open_engine
from store.archive import Archive
from store.base import Base
from store.holdings import holdings
from store.keys import Keys
from store.records import Records
from store.tables import Case, Event, Post
from store.vocabulary import Outcome, Role
from tests.api.signed import people, sessions
from tests.api.test_permissions import VALUES
from tests.conftest import ROOT, cache
from tests.factory import HARMFUL, NOW, Place, model, policy
from tests.routes import inputs, routes

HANDLE = "tên_người_viết"  # what `Place.take` says the author of every post is
ROOMS = (
    "api", "classifier", "crawlers", "evidence", "kiemtin", "models", "reports", "review", "review_ui", "search", "store",
)  # fmt: skip

# Words that speak of who wrote a post, in a name of any form: authorId, post_author, người_đăng, tac-gia…
SPEAKS = re.compile(
    r"author(?!it|iz|is)|pseudonym|handle|nick_?name|screen_?name|user_?name|poster(?!ior)|profile"
    r"|nguoi_?(dang|viet)|người_?(đăng|viết)|tac_?gia|tác_?giả|followers?|by_?person",
    re.IGNORECASE,
)
# What speaks of another author or handle, and why. An entry that is no more fails too.
_SESSION = "the handle of a session of staff: which of one's own sign-ins is ended"
ALLOWED = {
    "log of evidence/keeping.py: handle.opened": "the event that a handle was sealed into an approved bundle, without it",
    "log of store/rotation.py: handles": "how many sealed handles a new key seals",
    "route /api/v1/me/sessions SessionAnswer: handle": _SESSION,
    "route /api/v1/people/{login}/sessions SessionAnswer: handle": _SESSION,
    **{
        f"route {path}: {name}": _SESSION
        for path in (
            "/api/v1/me/sessions/{handle}/end", "/api/v1/people/{login}/sessions/{handle}/end",
            "/people/{login}/sessions/{handle}/end", "/sessions/{handle}/end",
        )
        for name in ("handle", "{handle}")
    },
}  # fmt: skip


@dataclass(frozen=True)
class Name:
    """A name by which something is asked for or given, and where."""

    where: str
    name: str

    def __str__(self) -> str:
        return f"{self.where}: {self.name}"


def speaking(found: Iterable[Name]) -> set[str]:
    """Return those that speak of an author."""
    return {str(one) for one in found if SPEAKS.search(one.name.replace("-", "_"))}


def of_routes(app: FastAPI) -> Iterator[Name]:
    """Yield the path and every parameter and field of every route, pages included."""
    for path, _, route in routes(app):
        for part in path.strip("/").split("/"):
            yield Name(f"route {path}", part)
        if route is None:
            continue
        for field in inputs(route):
            yield Name(f"route {path}", field.alias)
            yield from of_model(f"route {path}", field.field_info.annotation)
        yield from of_model(f"route {path}", route.response_model)


def of_model(where: str, kind: Any, seen: frozenset[Any] = frozenset()) -> Iterator[Name]:
    """Yield the fields of a pydantic model, and of those in it."""
    for one in (kind, *getattr(kind, "__args__", ())):
        known = getattr(one, "model_fields", None)
        if known is not None and one not in seen:
            for name, field in known.items():
                yield Name(f"{where} {one.__name__}", field.alias or name)
                yield from of_model(where, field.annotation, seen | {one})
        elif one is not kind:
            yield from of_model(where, one, seen)


def of_templates(texts: Iterable[tuple[str, str]]) -> Iterator[Name]:
    """Yield the names of form fields and of parameters of links in templates."""
    for name, text in texts:
        for found in re.findall(r"""\bname=["']([^"']+)["']""", text):
            yield Name(f"field of {name}", found)
        for found in re.findall(r"""[?&]([\w{}. ]+)=""", text):
            yield Name(f"link of {name}", found)


def of_calls(files: Iterable[tuple[str, str]]) -> Iterator[Name]:
    """Yield the event and the keys of every line of the log and event of the audit log."""
    for name, text in files:
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = getattr(node.func.value, "id", "")
            if not (owner == "log" or (owner == "audit" and node.func.attr == "append")):
                continue
            for key in node.keywords:
                yield Name(f"log of {name}", key.arg or "**")
            for given in node.args:
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    yield Name(f"log of {name}", given.value)


def sources() -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(ROOT)), path.read_text())
        for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts
    ]  # fmt: skip


def templates() -> list[tuple[str, str]]:
    return [(path.name, path.read_text()) for path in sorted((ROOT / "review_ui/templates").rglob("*.html"))]


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
        a_minute=100_000,
        cache=cache(),
    )
    engine.close()


class Wrong(SearchAnswer):
    """An answer that there must not be."""

    post_author: str = ""


def test_the_walks_see_what_is_wrong() -> None:
    app = FastAPI()

    @app.get("/posts/{pseudonym}", response_model=list[Wrong])
    def by(pseudonym: str, tac_gia: str = "") -> list[Wrong]:
        raise NotImplementedError

    @app.post("/x")
    def form(user_name: str = Form("")) -> dict[str, str]:
        raise NotImplementedError

    seen = {one.rsplit(": ", 1)[1] for one in speaking(of_routes(app))}
    assert seen == {"{pseudonym}", "pseudonym", "tac_gia", "post_author", "user_name"}
    page = '<input name="nguoi_dang"> <a href="/search?handle={{ x }}&amp;q=1">'
    assert {one.name for one in of_templates([("a", page)]) if SPEAKS.search(one.name)} == {
        "nguoi_dang",
        "handle",
    }
    code = "log.info('post.by_author', n=1)\naudit.append(s, a, 'x', 'y', pseudonym=1)\nother.info('author')"
    assert len(speaking(of_calls([("a.py", code)]))) == 2
    for right in ("authority", "authorize", "posteriori", "kind", "reviewer"):
        assert not SPEAKS.search(right), right


def test_no_name_by_which_something_is_asked_for_or_given_speaks_of_an_author(desk: Desk) -> None:
    routes = list(of_routes(create_app(desk)))
    fields_ = list(of_templates(templates()))
    calls = list(of_calls(sources()))
    # As many as there are, and not a handful that a walk happened to see.
    assert len({one.where.split(" ")[1] for one in routes}) > 150
    assert {"q", "csrf", "capture", "copy_hash", "snippet", "content_hash"} <= {one.name for one in routes}
    assert len(fields_) > 100
    assert {"q", "reason", "verdict"} <= {one.name for one in fields_}
    assert len(calls) > 200
    assert {"retention.purged", "http.request", "case.decided"} - {"case.decided"} <= {
        one.name for one in calls
    }
    found = speaking([*routes, *fields_, *calls])
    assert found - set(ALLOWED) == set(), (
        "this lets somebody ask for an author; or say in ALLOWED why it does not"
    )
    assert set(ALLOWED) - found == set(), "ALLOWED names what is no more"


def test_no_index_knows_an_author(desk: Desk) -> None:
    names = [Name("document", one.name) for one in fields(Document)] + [Name("facet", one) for one in FACETS]
    names += [Name("question", one.name) for one in fields(Query)]
    for form in (tantivy_form, elastic_form):
        text = Path(form.__file__).read_text()
        named = {
            n.value
            for n in ast.walk(ast.parse(text))
            if isinstance(n, ast.Constant) and isinstance(n.value, str)
        }
        assert "source" in named
        names += [Name(form.__name__, one) for one in named if " " not in one]
    assert len(names) > 60
    assert speaking(names) == set()
    handles, pseudonyms = known(desk)
    assert desk.engine.search(Query(text=HARMFUL[0].split()[0])).total > 0
    for word in (*handles, *pseudonyms, "tên người viết"):
        assert desk.engine.search(Query(text=f'"{word}"')).total == 0
    with desk.records.read() as session:
        ids = session.scalars(select(Post.id)).all()
    kept = desk.engine.fetch(ids)
    assert len(kept) == len(ids) >= 4
    assert not leaks(repr(kept), desk)


def test_no_database_index_is_by_author_and_no_question_asks_by_it() -> None:
    indexed = {
        f"{table.name}.{column.name}" for table in Base.metadata.sorted_tables for index in table.indexes
        for column in index.columns
    }  # fmt: skip
    assert "post.content_hash" in indexed
    assert not {one for one in indexed if one.startswith("post.") and SPEAKS.search(one)}
    # Who touches the two columns at all: who purges, who seals, who proves or changes a key; a crawler reads what it is sent.
    touching = {
        name for name, text in sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and (node.attr == "author_sealed" or (node.attr == "author" and getattr(node.value, "id", "").lower() == "post"))
    }  # fmt: skip
    assert touching == {
        "store/purging.py", "store/second_look.py", "evidence/gathered.py", "evidence/pages.py",
        "evidence/keeping.py", "kiemtin/commands/keep.py", "store/rotation.py", "crawlers/reading/facebook.py",
    }  # fmt: skip
    asked = {
        name
        for name, text in sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and node.attr == "author"
        and getattr(node.value, "id", "") == "Post"
    }
    assert asked == {"store/second_look.py"}, "only the look after a purge may ask whether an author is left"


def known(desk: Desk) -> tuple[set[str], set[str]]:
    """Return the handles and pseudonyms that are in the records, and see that they are."""
    keys = Keys(bytes(range(32)))
    with desk.records.read() as session:
        rows = session.execute(select(Post.author, Post.author_sealed)).all()
    handles = {keys.unseal(row.author_sealed) for row in rows}
    assert handles == {HANDLE}
    return handles, {row.author for row in rows}


def leaks(said: str, desk: Desk) -> set[str]:
    """Return which of what tells an author is in a text."""
    handles, pseudonyms = known(desk)
    with desk.records.read() as session:
        sealed = {one.decode("latin-1") for one in session.scalars(select(Post.author_sealed))}
    return {one for one in handles | pseudonyms | sealed if one in said}


def test_whoever_asks_for_an_author_in_whatever_way_gets_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    # The client of this test would write down what it asks; what the product writes is what counts.
    for name in ("httpx", "httpx2", "asyncio"):
        caplog.set_level(logging.CRITICAL, logger=name)
    people(desk, [("admin", Role.ADMIN), ("spare", Role.REVIEWER)])
    headers = sessions(desk, ["admin"])["admin"]
    app = create_app(desk)
    client = TestClient(app, base_url="http://desk.example", follow_redirects=False)
    _, pseudonyms = known(desk)
    (pseudonym,) = pseudonyms
    text = HARMFUL[0][:30]
    told, asked, wrong = set(), 0, []
    for template, methods, route in routes(app):
        if "GET" not in methods or template.endswith("/live"):
            continue
        path = re.sub(r"{(\w+)[^}]*}", lambda name: VALUES.get(name[1], "1"), template)
        names = ["q", "author", "actor", "handle", *words_of(route)] if route else []
        plain = client.get(path, headers=headers)
        said = plain.text
        if text in said:
            told.add(template)
        asked += 1
        if found := leaks(said + str(plain.headers), desk):
            wrong.append(f"{template} tells {found}")
        for word in (HANDLE, pseudonym) if names else ():
            answer = client.get(path, headers=headers, params=dict.fromkeys(names, word))
            asked += 1
            # What was typed comes back in its own field; a post may not.
            narrowed = answer.text != said and text in answer.text and text not in said
            if narrowed:
                wrong.append(f"{template} finds posts by {word}")
    assert not wrong, "\n".join(wrong)
    assert asked > 250
    assert {"/search", "/api/v1/queue", "/api/v1/cases/{case_id}", "/cases/{case_id}"} <= told
    logged = "\n".join(one.getMessage() for one in caplog.records) + "".join(capsys.readouterr())
    assert "http.request" in logged
    assert not leaks(logged, desk)
    with desk.records.read() as session:
        events = " ".join(f"{one.subject} {one.detail}" for one in session.scalars(select(Event)))
    assert len(events) > 100
    assert not leaks(events, desk)


def words_of(route: APIRoute) -> list[str]:
    """Return the query parameters of a route that take any word."""
    found, stack = [], [route.dependant]
    while stack:
        needed = stack.pop()
        stack += needed.dependencies
        for field in needed.query_params:
            inner = getattr(field.field_info.annotation, "model_fields", None)
            for name, kind in inner.items() if inner else [(field.alias, field.field_info)]:
                # A reason is the asker's own words, for the audit log.
                if kind.annotation in {str, list[str]} and name != "reason":
                    found.append(name)
    return found


def test_no_file_that_leaves_tells_an_author(desk: Desk, tmp_path: Path) -> None:
    lead = Person(1, Role.LEAD)
    people(desk, [("lead", Role.LEAD)])
    written: dict[str, str] = {}
    with desk.records.read() as session:
        for period in (week_of(NOW), quarter_of(NOW)):
            written[period.name] = json.dumps(publishing.gather(session, period, NOW), default=str)
        written["holdings"] = json.dumps(holdings(session, desk.terms, NOW).to_dict())
        written["digest"] = unusual.digest(session, week_of(NOW)).model_dump_json()
    shown = decide_one(desk, lead)
    export.export_decisions(
        desk.records, lead, tmp_path / "decisions.jsonl", export.Wanted(single=True), raw=True, reason="thử"
    )
    limits = policy().thresholds
    bounds = Bounds(limits.flag, limits.protected.any, limits.protected.acts)
    labelling.sample(
        desk.records, lead, tmp_path / "sample.jsonl", size=3, by=By.RANDOM, seed=1, bounds=bounds, raw=True,
        reason="thử",
    )  # fmt: skip
    for path in tmp_path.glob("*.jsonl"):
        written[path.name] = path.read_text()
    assert len(written) == 6
    assert shown in written["decisions.jsonl"]
    assert HARMFUL[1][:30] in written["sample.jsonl"] + written["decisions.jsonl"]
    for name, text in written.items():
        assert not leaks(text, desk), name
        for key in keys_of(text):
            assert not SPEAKS.search(key), f"{name}: {key}"


def decide_one(desk: Desk, who: Person) -> str:
    """Decide the first case of the queue; return how its text begins."""
    with desk.records.write() as session:
        lease = queue.lease_next(session, who, queue.ALL, NOW)
        assert lease is not None
        case = session.get_one(Case, lease.case_id)
        seen, text = case.content_hash, session.get_one(Post, case.post_id).text
        verdict = Verdict(Outcome.DISMISS, "thử")
        decision.decide(session, who, lease.case_id, lease.version, lease.token, seen, verdict, NOW)
    return text[:20]


def keys_of(text: str) -> set[str]:
    return set(re.findall(r'"([^"\s]{1,60})":', text))


def test_what_models_learn_from_has_no_author() -> None:
    assert not {one for one in (*models.labels().acts, *models.labels().harms) if SPEAKS.search(one)}
