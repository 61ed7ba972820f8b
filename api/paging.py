"""Pages of long lists, the same everywhere: `limit` rows a page, and a `Link` to the one that follows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from review.errors import ReviewError

Row = TypeVar("Row")
# SQLite's and PostgreSQL's largest number.
_LARGEST = 2**63 - 1


class BadCursor(ReviewError):
    template = "Không đọc được after={after}. Lấy nguyên địa chỉ của trang sau trong đầu đề Link."


@dataclass(frozen=True)
class Paged:
    """One page of a list. Ask for `more` rows, one too many, and give them to `by_offset` or `by_id`."""

    request: Request
    response: Response
    after: int | None
    limit: int

    @property
    def more(self) -> int:
        return self.limit + 1

    @property
    def offset(self) -> int:
        """How many rows to pass over, for lists whose order moves."""
        return self.after or 0

    @property
    def before(self) -> int | None:
        """The id below which rows are wanted, for lists that only grow."""
        return self.after

    def by_offset(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows of this page; the next one begins behind them."""
        return self._cut(rows, lambda last: self.offset + self.limit)

    def by_id(self, rows: Sequence[Row], id_of: Callable[[Row], int]) -> Sequence[Row]:
        """Return the rows of this page; the next one begins below the id of the last."""
        return self._cut(rows, id_of)

    def _cut(self, rows: Sequence[Row], following: Callable[[Row], int]) -> Sequence[Row]:
        page = rows[: self.limit]
        if len(rows) > self.limit:
            link_next(self.request, self.response, _encoded(following(page[-1])))
        return page


def link_next(request: Request, response: Response, after: str) -> None:
    """Say where the next page is (RFC 8288), relative to the server that was asked."""
    following = request.url.include_query_params(after=after)
    response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'


def _paged(
    request: Request,
    response: Response,
    after: Annotated[
        str,
        Query(
            max_length=200, description="Where the page begins; take it from the `Link` of the one before."
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="How many rows a page has.")] = 50,
) -> Paged:
    return Paged(request, response, _decoded(after) if after else None, limit)


Pages = Annotated[Paged, Depends(_paged)]


def _encoded(number: int) -> str:
    return base64.urlsafe_b64encode(f"v1.{number}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> int:
    try:
        said = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        version, _, number = said.partition(".")
        found = int(number) if number.isascii() and number.isdigit() and version == "v1" else -1
    except (binascii.Error, ValueError) as error:
        raise BadCursor(after=cursor) from error
    if not 0 <= found <= _LARGEST:
        raise BadCursor(after=cursor)
    return found
