"""What no column can hold is refused where it is said; what overflows all the same is a fault of ours, and told as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from httpx import Response
from pydantic import TypeAdapter

from api import views
from api.bounds import Count, Day, Id
from review_ui.app import create_app
from store.vocabulary import Role
from tests.api.people import Front
from tests.routes import inputs, routes

BEYOND = 2**63


def unbounded(app: FastAPI) -> tuple[int, list[str]]:
    """Return how many parameters and bodies the routes take, and the integers in them without two ends."""
    seen, found = 0, []
    for path, _, route in routes(app):
        for field in inputs(route) if route else ():
            seen += 1
            schema = TypeAdapter(Annotated[field.field_info.annotation, field.field_info]).json_schema()
            found += [f"{path} {field.name}{at}" for at in integers(schema)]
    return seen, found


def integers(schema: Any, at: str = "") -> Iterator[str]:
    """Yield where a schema has an integer that may be of any size."""
    if isinstance(schema, dict):
        if schema.get("type") == "integer" and not {"minimum", "maximum"} <= schema.keys() | {"enum"}:
            yield at
        for name, part in schema.items():
            yield from integers(part, f"{at}.{name}")
    elif isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from integers(part, f"{at}.{number}")


def test_every_number_that_can_be_given_has_two_ends(front: Front) -> None:
    seen, found = unbounded(create_app(front.desk))
    assert found == []
    assert seen > 400
    wrong = FastAPI()
    wrong.get("/{n}")(lambda n, m=0, s="": None)
    wrong.get("/ids/{row}")(_of_any_size)
    assert unbounded(wrong)[1] == ["/ids/{row} row", "/ids/{row} many.anyOf.0"]


def _of_any_size(row: int, known: Id, count: Count, many: int | None = None) -> None: ...


@pytest.mark.parametrize("number", [BEYOND, -BEYOND - 1, 10**400, 0])
def test_a_number_that_no_column_holds_is_refused_by_its_name(front: Front, number: int) -> None:
    lead = front.signed_in(Role.LEAD)
    assert lead.get(f"/api/v1/cases/{number}").json()["errors"][0]["at"] == "path.case_id"
    for path in (f"/cases/{number}/kept", f"/audit?before={number}"):
        assert lead.get(path).status_code == 422, path
    answer = lead.post("/api/v1/holds", {"subject": "post", "number": number, "reason": "x"})
    assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, "body.number")


def test_a_day_that_nothing_can_be_reckoned_from_is_refused(front: Front) -> None:
    lead = front.signed_in(Role.LEAD)
    for day in ("0001-01-01", "9999-12-31"):
        with pytest.raises(ValueError, match="1000"):
            TypeAdapter(Day).validate_python(date.fromisoformat(day))
        for path in (f"/api/v1/audit?since={day}", f"/audit?until={day}", f"/api/v1/search?since={day}"):
            assert lead.get(path).status_code == 422, path
    for period in ("0001-W01", "9999-W52", "9999-Q4"):
        assert lead.get(f"/api/v1/reports/{period}").status_code == 404
    assert lead.get("/api/v1/audit/digest?week=9999-W52").status_code == 422


@pytest.mark.parametrize("letter", [r"\u0000", r"\ud83d"])
def test_text_that_no_database_holds_is_refused_with_its_place(front: Front, letter: str) -> None:
    lead = front.signed_in(Role.LEAD)

    def place(**said: object) -> Response:
        body = json.dumps({"subject": "post", "number": 1, "reason": "x"} | said).replace("#", letter)
        return lead.client.post("/api/v1/holds", content=body, headers={"Content-Type": "application/json"})

    answer = place(reason="tòa #")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"at": "body.reason", "why": "có ký tự mà hệ thống không lưu được"}]
    assert place(**{"other#": [{"deep": "x"}]}).json()["errors"][0]["at"] == "body"
    assert place(reason="tòa").status_code == 404  # there is no such post


def test_nor_is_it_taken_from_an_address_or_a_form(front: Front) -> None:
    lead = front.signed_in(Role.LEAD)
    assert lead.get("/api/v1/search?q=a%00b").json()["errors"][0]["at"] == "query.q"
    assert lead.get("/api/v1/reports/a%00b").json()["errors"][0]["at"] == "path.period"
    assert lead.form("/privacy/holds", subject="post", number="1", reason="a\0b").status_code == 422
    assert lead.form("/privacy/holds", subject="post", number="1", reason="ab").status_code == 404


def test_what_overflows_all_the_same_is_a_fault_of_ours(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflow(*_: object) -> None:
        raise OverflowError("Python int too large to convert to SQLite INTEGER")

    monkeypatch.setattr(views, "events", overflow)
    answer = front.signed_in(Role.LEAD).get("/api/v1/audit")
    assert answer.status_code == 500
    assert "too large" not in answer.text
