"""The description of the API is valid, its examples fit, and every route answers as it says it will."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import openapi, tokens
from api.bundles import Shelf
from api.desk import Desk
from api.scopes import Scope
from kiemtin import given_policy
from review.permissions import Person
from review_ui.app import create_app
from search.open import open_engine
from store.archive import Archive
from store.news import EVENTS
from store.records import Records
from store.vocabulary import Role
from tests.api.signed import no_tools, people, sessions
from tests.conftest import ROOT, cache
from tests.factory import HARMFUL, NOW, Place, model

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
]  # fmt: skip
# Those end the session that asks, or have answers of their own outside of the API.
LEFT_OUT = re.compile(r"^/(api/v1/(sign-in|sign-out|me/password|first)|healthz|metrics)$")


@pytest.fixture
def desk(sqlite: Records, tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    place = Place(sqlite)
    place.take(*HARMFUL[:8])
    place.work(engine)
    given_policy.begin(sqlite, None)
    made = Desk(
        sqlite, engine, Archive(tmp_path / "archive"), clock=lambda: NOW, load_model=model, a_minute=1_000_000,
        cache=cache(),
        shelf=Shelf(tmp_path / "bundles", no_tools),
    )  # fmt: skip
    people(made, [("admin", Role.ADMIN)])
    yield made
    engine.close()


def test_the_description_is_valid_and_every_example_fits_its_schema(desk: Desk) -> None:
    described = openapi.of(create_app(desk))
    validate(described)
    assert described["openapi"].startswith("3.1")
    shown = 0
    for method, path, operation in openapi.operations(described):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media_type, body in part.get("content", {}).items():
                if path.startswith("/api/") and media_type == "application/json":
                    assert "example" in body, f"{method} {path}"
                    whole = {**body["schema"], "components": described["components"]}
                    Draft202012Validator(whole).validate(body["example"])
                    shown += 1
    assert shown > 50
    assert set(described["webhooks"]) == set(EVENTS)
    assert "HTTPValidationError" not in str(described)


def test_every_route_answers_as_it_is_described_whatever_it_is_asked(desk: Desk) -> None:
    app = create_app(desk)
    schema = schemathesis.openapi.from_dict(openapi.of(app))
    schema.app = app
    asked, wrong = 0, []

    def asking(headers: dict[str, str]) -> Callable[[Any], None]:
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(headers=headers, checks=CHECKS)

        return ask

    for result in schema.get_all_operations():
        operation = result.ok()
        if LEFT_OUT.match(operation.path):
            continue
        headers = sessions(desk, ["admin"])["admin"]
        for mode, number in ((GenerationMode.POSITIVE, 3), (GenerationMode.NEGATIVE, 2)):
            try:
                strategy = operation.as_strategy(mode)
                bounded = settings(
                    max_examples=number, database=None, derandomize=True,
                    phases=[Phase.generate], suppress_health_check=list(HealthCheck),
                )  # fmt: skip
                bounded(given(strategy)(asking(headers)))()
            except schemathesis.errors.SchemathesisError:
                # Of a route without parameters nothing can be wrong.
                assert mode == GenerationMode.NEGATIVE
            except FailureGroup as failures:
                wrong += [f"{operation.label}: {failure}" for failure in failures.exceptions]
    assert not wrong, "\n".join(wrong)
    assert asked > 120


def test_the_example_of_the_docs_prints_every_case(desk: Desk) -> None:
    text = (ROOT / "docs/api.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    with desk.records.write() as session:
        _, token = tokens.create(session, Person(1, Role.ADMIN), "docs", [Scope.READ], 1, NOW)
    server = uvicorn.Server(uvicorn.Config(create_app(desk), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        environment = {"KIEMTIN_URL": f"http://127.0.0.1:{port}", "KIEMTIN_TOKEN": token, "PYTHONUTF8": "1"}
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=60, check=False)
        refused = subprocess.run(
            run,
            env={**environment, "KIEMTIN_TOKEN": "kt_x"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.should_exit = True
        thread.join()
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 8
    assert "The access token is wrong" in refused.stderr
