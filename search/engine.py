"""What the product asks of a search engine, whichever it is: the documents, the questions, the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

Order = Literal["relevance", "newest", "harmful"]
VECTOR = 256
FACETS = ("source", "kind", "act", "harm", "province", "state", "flagged", "protected", "uncertain")


class SearchError(Exception):
    """A search engine cannot be used now; the message says why and what to do."""


class IndexBroken(SearchError):
    """The index cannot be read, or has another form; it can always be rebuilt from the records."""


class IndexBusy(SearchError):
    """Another process has been writing the index for too long."""


class IndexDown(SearchError):
    """The search server does not answer; what it is owed waits in the records."""


@dataclass(frozen=True)
class Document:
    """A post as it is found.

    `version` grows with every change of what is searched: of two versions the higher one stays, however
    late the lower one is written. `state` is that of its case, "" without one; `published` is aware.
    `provinces` are two digits each, of those that the text names a place of, as they are today.
    `vector` has length 1 and as many dimensions as `VECTOR`, or is empty: then only words find the post.
    """

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
    vector: tuple[float, ...] = ()
    provinces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Query:
    """A question. Within a filter any value may match, across filters all must.

    `text` holds words (all must be there), "phrases", prefix* and -exclusions; case, diacritics and where
    the tone mark stands never keep a post from being found, the same diacritics rank it higher. Nothing
    typed is a syntax error. `above` leaves out the posts whose `post_id` is not higher. `after` is the `next`
    of the page before, "" for the first one.
    """

    text: str = ""
    sources: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    harms: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    flagged: bool | None = None
    protected: bool | None = None
    uncertain: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    above: int = -1
    after: str = ""
    limit: int = 20
    order: Order = "relevance"

    def filters(self) -> dict[str, tuple[str, ...] | tuple[bool]]:
        """Return the facets that are narrowed, each with the values that may match."""
        chosen: dict[str, tuple[str, ...] | tuple[bool]] = {
            "source": self.sources,
            "kind": self.kinds,
            "act": self.acts,
            "harm": self.harms,
            "province": self.provinces,
            "state": self.states,
        }
        for name in ("flagged", "protected", "uncertain"):
            wanted = getattr(self, name)
            if wanted is not None:
                chosen[name] = (wanted,)
        return {name: values for name, values in chosen.items() if values}


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
    oldest first, of the posts whose time of publication is known. `next` asks for the page that follows,
    "" when this is the last one. By `newest` and `harmful` no post comes twice or is left out however many
    are added between two pages; equals stand by `post_id`, the highest first.
    """

    total: int
    hits: tuple[Hit, ...]
    facets: dict[str, dict[str, int]]
    weeks: tuple[tuple[date, int], ...]
    next: str = ""


@dataclass(frozen=True)
class Probe:
    """What to find the like of: a text with its vector, and the cluster whose own posts are not wanted."""

    text: str
    vector: tuple[float, ...] = ()
    not_in_cluster: int | None = None
    limit: int = 5


class SearchEngine(Protocol):
    """An index of posts. The records are the truth: it can be rebuilt from them at any time.

    Every method may raise `SearchError`.
    """

    def put(self, documents: Iterable[Document]) -> dict[int, str]:
        """Write documents; they are kept when this returns, and seen within a second or after `refresh`.

        A document whose `post_id` is there in a higher version is left out silently. Returns the error of
        each document that cannot be written, by `post_id`.
        """

    def delete(self, post_ids: Sequence[int]) -> None:
        """Take posts out; ids that are not there are no error."""

    def refresh(self) -> None:
        """Let searches see all that was written so far."""

    def search(self, query: Query) -> Results:
        """Answer a question."""

    def similar(self, probe: Probe) -> tuple[Hit, ...]:
        """Return the posts most like a text, best first, by words and by vector, the two ranks fused."""

    def count(self) -> int:
        """Return how many posts are in the index."""

    def versions(self, after: int = -1, limit: int = 5000) -> list[tuple[int, int]]:
        """Return up to `limit` pairs of (post_id, version) with a post_id above `after`, in its order."""

    def fetch(self, post_ids: Sequence[int]) -> dict[int, Document]:
        """Return the documents of `post_ids` as they were put, without their vectors."""

    def rebuild(
        self,
        documents: Callable[[], Iterable[Document]],
        changed: Callable[[], Iterable[Document]] = tuple,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Build a new index beside the one in use and change over at once; searches go on meanwhile.

        `documents` gives all; `changed` gives those changed since the last call of either, and is called
        until little is left, so that nothing written meanwhile is missing. Raises `SearchError` and leaves
        the old index in use when a document cannot be written.
        """

    def close(self) -> None:
        """Let go of files and connections."""
