"""What the pages and the API stand on: the open parts of an installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.sign_in_rules import Rules
from api.standing import Checks, Standing
from reports.telling import Telling
from review.referral import APPROVED_FOR
from review.sla import Clocks
from search.engine import SearchEngine
from store.archive import Archive
from store.keys import Keys
from store.records import Records
from store.retention import Terms

if TYPE_CHECKING:
    from api.bundles import Shelf
    from api.tickets import Frame
    from classifier.model import Model


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Hotline:
    """What it takes to be sent reports: the sender's token, the keys of authors, an archive to write to."""

    token: str = field(repr=False)
    keys: Keys
    archive: Callable[[], Archive]


@dataclass(frozen=True)
class Desk:
    """Records, index and archive of one installation. `clock` is replaced in tests of expiry.

    `try_source` fetches a page of a source by its name and returns `crawlers.probe.Probe.to_dict`; it raises
    `ValueError` where it cannot. None where nothing is crawled from. Without a
    `hotline` no reports are taken. `model_folder` is that of the model, None for the
    shipped one; `load_model` gives one that is loaded already. `cache` is a folder for what can be made
    again. `provinces` are the codes of those that the installation is for: its queue opens with what
    concerns them. An approved referral is to be exported within `approved_for`. `clocks` say when cases are
    due; after `severe_in_a_row` severe cases a milder one comes (0: never). `telling` is to whom reports are
    told, and under which name. Without a `shelf` no evidence bundle can be made. `a_minute` is
    how many requests a session or a token may make in a minute; `sign_in` is how people come in, `terms` how
    long what is kept. Without a `frame`, the other origin, no archived page is shown. `checks` find the
    faults that only who knows the settings can look for. In a `demo` the pages show what to try.
    """

    records: Records
    engine: SearchEngine
    archive: Archive
    secure_cookies: bool = False
    metrics_token: str = field(default="", repr=False)
    hotline: Hotline | None = None
    model_folder: Path | None = None
    load_model: Callable[[], Model] | None = None
    cache: Path | None = None
    clock: Callable[[], datetime] = utc_now
    try_source: Callable[[str], dict[str, Any]] | None = None
    provinces: tuple[str, ...] = ()
    approved_for: timedelta = APPROVED_FOR
    clocks: Clocks = field(default_factory=Clocks)
    severe_in_a_row: int = 0
    telling: Telling = field(default_factory=Telling)
    shelf: Shelf | None = None
    a_minute: int = 1200
    terms: Terms = field(default_factory=Terms)
    sign_in: Rules = field(default_factory=Rules)
    frame: Frame | None = None
    checks: Checks | None = None
    demo: bool = False

    @cached_property
    def standing(self) -> Standing:
        """What is wrong now."""
        return Standing(self.records, self.engine, self.checks)

    @cached_property
    def model(self) -> Model:
        """The model that explains, loaded when it is first asked for; raises `models.DataError`."""
        from classifier.load import load

        return self.load_model() if self.load_model else load(self.model_folder)
