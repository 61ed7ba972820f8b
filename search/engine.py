"""What the product asks of a search engine, whichever it is: the documents, the questions, the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

Order = Literal["relevance", "newest", "harmful"]
FACETS = ("source", "kind", "act", "harm", "state", "flagged", "protected", "uncertain")


class SearchError(Exception):
    """A search engine cannot be used now; the message says why and what to do."""


class IndexBroken(SearchError):
    """The index on disk cannot be read; it can always be rebuilt from the records."""


class IndexBusy(SearchError):
    """Another process has been writing the index for too long."""


@dataclass(frozen=True)
class Document:
    """A post as it is found. `state` is that of its case, "" without one; `published` is aware."""

    post_id: int
    version: int
    title: str
    text: str
    url: str
    source: str
    kind: str
    act: str
    harms: tuple[str, ...]
    flagged: bool
    protected: bool
    uncertain: bool
    harmful: float
    cluster_id: int
    state: str
    published: datetime | None


@dataclass(frozen=True)
class Query:
    """A question. Within a filter any value may match, across filters all must.

    `text` holds words (all must be there), "phrases" and -exclusions; case and diacritics never keep a
    post from being found, the same diacritics rank it higher. Nothing typed is a syntax error.
    """

    text: str = ""
    sources: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    harms: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    flagged: bool | None = None
    protected: bool | None = None
    uncertain: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    offset: int = 0
    limit: int = 20
    order: Order = "relevance"


@dataclass(frozen=True)
class Hit:
    """A post found. `highlights` are character ranges of `snippet`, which is plain text, never markup."""

    post_id: int
    score: float
    title: str
    snippet: str
    highlights: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Results:
    """An answer: how many match, the page asked for, counts by facet, and by week.

    `facets` maps each of `FACETS` to {value: posts}, most first; `weeks` are (Monday in Vietnam, posts),
    oldest first, of the posts whose time of publication is known.
    """

    total: int
    hits: tuple[Hit, ...]
    facets: dict[str, dict[str, int]]
    weeks: tuple[tuple[date, int], ...]


class SearchEngine(Protocol):
    """An index of posts. The records are the truth: it can be rebuilt from them at any time."""

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents, each in place of an earlier one of its `post_id`; done when this returns."""

    def delete(self, post_ids: Sequence[int]) -> None:
        """Take posts out; ids that are not there are no error."""

    def search(self, query: Query) -> Results:
        """Answer a question."""

    def count(self) -> int:
        """Return how many posts are in the index."""

    def rebuild(
        self, documents: Iterable[Document], progress: Callable[[int], None] = lambda done: None
    ) -> None:
        """Build a new index beside the old one and change over at once; searches go on meanwhile.

        No other write gets in between: one that waits is done on the new index.
        """

    def close(self) -> None:
        """Let go of files and connections."""
