"""The routes of an application, pages included, and what each is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts


def routes(app: FastAPI) -> Iterator[tuple[str, frozenset[str], APIRoute | None]]:
    """Yield the path and methods of every route, and the route where it is one that parses what it is given."""
    for context in iter_route_contexts(app.routes):
        route = getattr(context, "original_route", None) or getattr(context, "route", context)
        methods = frozenset(getattr(context, "methods", None) or ())
        yield context.path, methods, route if isinstance(route, APIRoute) else None


def inputs(route: APIRoute) -> Iterator[Any]:
    """Yield every parameter and body that a route takes, those of its dependencies too."""
    stack = [route.dependant]
    while stack:
        needed = stack.pop()
        stack += needed.dependencies
        for group in ("path_params", "query_params", "header_params", "cookie_params", "body_params"):
            yield from getattr(needed, group)
