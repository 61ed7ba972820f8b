"""The description of the API (OpenAPI 3.1): what the framework knows, and what holds for every route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api import hotline
from api.examples import example
from api.scopes import ROUTES, Scope
from store.news import EVENTS

Part = dict[str, Any]

_ABOUT = """\
The desk's JSON API. Sign in as a person does, or show an access token (`Authorization: Bearer kt_…`); a route
that a token opens says its scope in `x-scope`. Long lists come in pages: follow the `Link` with `rel="next"`.
Errors are problem documents (RFC 9457) in Vietnamese or English, as `Accept-Language` asks. A POST with an
`Idempotency-Key` that is sent again is answered as the first time, for a day.
"""
_PROBLEM: Part = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "The stable name of the problem, for programs."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened and what to do, for people."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["at", "why"],
                "properties": {"at": {"type": "string"}, "why": {"type": "string"}},
            },
        },
    },
    "example": {
        "type": "urn:kiemtin:problem:lease-lost",
        "title": "Xung đột",
        "status": 409,
        "detail": "Bạn không còn giữ ca 12: đã hết giờ hoặc có người khác nhận. Chưa có gì được ghi.",
    },
}
_REFUSED: Part = {
    "description": "A problem document",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_SECURITY: Part = {
    "session": {"type": "apiKey", "in": "cookie", "name": "kiemtin_session"},
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The `csrf` of /api/v1/me, for every request but GET that is made in a session.",
    },
    "token": {"type": "http", "scheme": "bearer"},
}
_KEY: Part = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A name of the program's own for this request: sent again, it is not done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}
_STANDING: Part = {
    "RateLimit-Policy": {
        "schema": {"type": "string"},
        "description": "How many requests a minute there may be.",
    },
    "RateLimit": {"schema": {"type": "string"}, "description": "How many are left, and for how long."},
}
_LINK: Part = {
    "Link": {"schema": {"type": "string"}, "description": "Where the next page is, if there is one."}
}
_NOBODY = frozenset({"/api/v1/first", "/api/v1/sign-in"})


def of(app: FastAPI) -> Part:
    """Return the description of an application's API."""
    if app.openapi_schema is None:
        described = app.openapi()
        described["info"] |= {"title": "Kiểm Tin", "version": "1", "description": _ABOUT}
        parts = described.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = _PROBLEM
        parts["securitySchemes"] = _SECURITY
        for method, path, operation in operations(described):
            if path.startswith("/api/"):
                _complete(method, path, operation)
            _illustrate(operation, schemas)
        described["webhooks"] = {event: _webhook(event) for event in sorted(EVENTS)}
        app.openapi_schema = described
    return app.openapi_schema


def operations(described: Part) -> Iterator[tuple[str, str, Part]]:
    """Give each operation of a description with its method, in capitals, and its path."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _complete(method: str, path: str, operation: Part) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["4XX"] = _REFUSED
    responses["5XX"] = _REFUSED
    if path == hotline.PATH:
        operation["security"] = [{"token": []}]
        return
    if path in _NOBODY:
        operation["security"] = []
        return
    scope: Scope | None = ROUTES.get(f"{method} {path}")
    operation["security"] = [{"session": []} if method == "GET" else {"session": [], "csrf": []}]
    if scope is not None:
        operation["security"].append({"token": []})
        operation["x-scope"] = scope.value
    parameters = operation.get("parameters", [])
    if method == "POST":
        operation["parameters"] = [*parameters, _KEY]
    paged = any(one["name"] == "after" for one in parameters)
    for status, response in responses.items():
        if status.startswith("2"):
            response["headers"] = _STANDING | (_LINK if paged else {})


def _illustrate(operation: Part, schemas: Part) -> None:
    contents = [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in contents:
        for media_type, body in content.get("content", {}).items():
            if "json" in media_type and body["schema"].get("$ref") != _PROBLEM_REF:
                body.setdefault("example", example(body["schema"], schemas))
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") == "path":
            parameter.setdefault("example", example(parameter["schema"], schemas, parameter["name"]))


_PROBLEM_REF = "#/components/schemas/Problem"


def _webhook(event: str) -> Part:
    body = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": event},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "type": "object",
                "required": ["kind", "id", "state", "event"],
                "properties": {
                    "kind": {"const": event.partition(".")[0]},
                    "id": {"type": "string"},
                    "state": {"const": EVENTS[event]},
                    "event": {"type": "integer"},
                },
            },
        },
    }
    return {
        "post": {
            "summary": f"{event}: ids and states, signed as Standard Webhooks says",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": body, "example": example(body, {})}},
            },
            "responses": {"2XX": {"description": "Taken; any other answer has it sent again."}},
        }
    }
