"""Opens the parts of an installation from its settings, and prepares a new one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiemtin.settings import Settings
from search.engine import SearchEngine
from search.open import open_engine
from store.keys import Keys
from store.records import Records
from store.vocabulary import Channel, TaskKind

if TYPE_CHECKING:
    from api.bundles import Shelf
    from api.desk import Desk
    from classifier.model import Model
    from crawlers.browser import Browser
    from crawlers.sources import SourceEntry
    from evidence.build import Tools
    from kiemtin.delivery.carrier import Carrier
    from kiemtin.retention import Retention
    from kiemtin.work.crew import Crew, Duty
    from kiemtin.work.station import Station
    from review.drawing import Sampling
    from store.archive import Archive
    from store.faults import Fault

# Each part is imported where it is opened: a command starts as quickly as what it needs.


@dataclass(frozen=True)
class House:
    """The parts, each opened when it is first asked for."""

    settings: Settings

    @cached_property
    def records(self) -> Records:
        records = Records(self.settings.records_url)
        records.check()
        return records

    @cached_property
    def keys(self) -> Keys:
        return Keys.load(self.settings.key_path)

    @cached_property
    def engine(self) -> SearchEngine:
        settings = self.settings
        return open_engine(
            settings.engine_url,
            settings.search_index,
            settings.search_user,
            settings.search_password.get_secret_value(),
            settings.search_api_key.get_secret_value(),
            settings.search_ca_file,
        )

    @cached_property
    def model(self) -> Model:
        """The model of the settings, one for all that score and explain in this process."""
        from classifier.load import load

        return load(self.settings.model, self.settings.serving)

    def archive(self) -> Archive:
        """Return the archive to read from, or to enter and write to."""
        from store.archive import Archive

        settings = self.settings
        return Archive(settings.archive_path, remote=settings.archive_url, options=settings.archive_options)

    def browser(self) -> Browser:
        """Return what shows pages; raises `Resting` where there is none."""
        from kiemtin.work.station import Resting

        settings = self.settings
        try:
            from crawlers.browser import Browser, BrowserAbsent

            return Browser(
                self.records, settings.chromium, contact=settings.contact, opened=settings.crawl_opened
            )
        except ModuleNotFoundError as error:
            raise Resting(
                f"Thiếu thư viện {error.name} để chụp trang: cài bằng pip install 'kiemtin[browser]'."
            ) from error
        except BrowserAbsent as error:
            raise Resting(str(error)) from error

    def crew(self, queues: Iterable[TaskKind]) -> Crew:
        """Return the stations of some queues, with the model of the settings and the policy in force."""
        from kiemtin.retention import NightlyPurge
        from kiemtin.work.alerts import Alerts
        from kiemtin.work.crew import Crew
        from kiemtin.work.hourly import Analysis
        from kiemtin.work.weekly_digest import WeeklyDigest
        from kiemtin.work.weekly_draft import WeeklyDraft

        stations = [self._station(kind) for kind in dict.fromkeys(queues)]
        duties: dict[str, Duty] = {
            "analysis": Analysis(self.records),
            "alerts": Alerts(self.records, self.desk).check,
            "second_reviews": self._draw,
            "weekly_draft": WeeklyDraft(self.records, self.settings.telling),
            "weekly_digest": WeeklyDigest(self.records, self.settings.telling),
            # It takes longest, so it is the last.
            "purge": NightlyPurge(self.retention()),
        }
        return Crew(self.records, stations, duties)

    def retention(self) -> Retention:
        """Return what purges this installation."""
        from kiemtin.retention import Retention

        return Retention(
            self.records, self.archive, lambda: self.keys, lambda: self.engine, self.settings.terms,
            self.settings.bundle_path, lambda: datetime.now(UTC),
        )  # fmt: skip

    def _draw(self, at: datetime) -> None:
        """Draw which decided cases are reviewed a second time."""
        from review import drawing

        with self.records.write() as session:
            drawing.draw(session, self._sampling, at)

    @property
    def _sampling(self) -> Sampling:
        from review.drawing import Sampling

        settings = self.settings
        return Sampling(self._lot, settings.second_review_percent / 100, settings.golden_percent / 100)

    def _lot(self, of: str) -> float:
        # The key is opened when the first lot is drawn: only the process that leads draws.
        return self.keys.lot(of)

    def _station(self, kind: TaskKind) -> Station:
        from kiemtin.work.late import Late

        if kind == TaskKind.SCORE:
            from kiemtin.work.score import Scoring

            settings = self.settings
            return Late(
                kind,
                lambda: Scoring(self.records, self.model, None, settings.work_batch, settings.cache_path),
            )
        if kind == TaskKind.INDEX:
            from kiemtin.work.index import Indexing

            return Late(kind, lambda: Indexing(self.records, self.engine, self.settings.work_batch * 4))
        if kind == TaskKind.RENDER:
            from kiemtin.work.render import Showing

            return Showing(self.records, self.archive, self.browser)
        if kind == TaskKind.DELIVER:
            from kiemtin.work.deliver import Delivering

            return Delivering(self.records, self._carriers())
        from kiemtin.work.crawl import Crawling

        return Crawling(self.records, self.short_of_room)

    def short_of_room(self) -> list[str]:
        """Say which folder has less room than the settings want, or cannot be written to."""
        from store.room import short_of

        settings = self.settings
        kept = [settings.data_dir, settings.archive_path, settings.cache_path, settings.bundle_path]
        return short_of(kept, settings.free_mb)

    def faults(self) -> Iterable[Fault]:
        """Yield what is wrong with disks and the policy file of the settings."""
        from kiemtin import given_policy
        from store.faults import Fault, FaultKind

        for said in self.short_of_room():
            yield Fault(FaultKind.DISK, said)
        if said := given_policy.unreadable(self.settings.policy_file):
            yield Fault(FaultKind.POLICY, said)

    def _carriers(self) -> dict[Channel, Carrier]:
        from kiemtin.delivery.mail import Mail
        from kiemtin.delivery.webhook import Webhooks

        settings = self.settings
        mail = Mail(
            settings.smtp_host, settings.smtp_port, settings.mail_from, settings.smtp_security,
            settings.smtp_user, settings.smtp_password.get_secret_value(),
        )  # fmt: skip
        return {
            Channel.EMAIL: mail,
            Channel.WEBHOOK: Webhooks(self.keys.webhook, settings.webhook_opened),
        }

    def desk(self, *, demo: bool = False, frame_port: int | None = None) -> Desk:
        """Return what the pages and the JSON API stand on; archived pages need a `frame_port`."""
        from api.desk import Desk, Hotline
        from api.tickets import Frame

        token = self.settings.hotline_token.get_secret_value()
        return Desk(
            records=self.records,
            engine=self.engine,
            archive=self.archive(),
            secure_cookies=self.settings.secure_cookies,
            metrics_token=self.settings.metrics_token.get_secret_value(),
            hotline=Hotline(token, self.keys, self.archive) if token else None,
            model_folder=Path(self.settings.model) if self.settings.model else None,
            load_model=lambda: self.model,
            cache=self.settings.cache_path,
            try_source=self._try_source,
            provinces=self.settings.province_codes,
            approved_for=timedelta(hours=self.settings.referral_hours),
            clocks=self.settings.clocks,
            severe_in_a_row=self.settings.severe_in_a_row,
            telling=self.settings.telling,
            sign_in=self.settings.sign_in(self.keys),
            a_minute=self.settings.requests_a_minute,
            terms=self.settings.terms,
            frame=Frame(self.keys.frame, frame_port, self.settings.frame_url) if frame_port else None,
            checks=self.faults,
            shelf=self.shelf() if self.settings.bundle_cert else None,
            demo=demo,
        )

    def shelf(self) -> Shelf:
        """Return where evidence bundles lie and what they are made with."""
        from api.bundles import Shelf

        return Shelf(self.settings.bundle_path, self._bundle_tools, self.settings.bundle_ner)

    def _bundle_tools(self) -> Tools:
        """Open the key that signs; raises `BundleError`. It is opened for each bundle, and held no longer."""
        from evidence.build import Tools
        from evidence.errors import SigningError
        from evidence.seal import recipient
        from evidence.sign import Signer

        settings = self.settings
        if settings.bundle_cert is None or not settings.bundle_key:
            raise SigningError(
                "Đặt KIEMTIN_BUNDLE_CERT và KIEMTIN_BUNDLE_KEY để ký gói (docs/evidence/signing.md)."
            )
        secret = settings.bundle_key_secret.get_secret_value()
        return Tools(
            archive=self.archive(),
            signer=Signer.load(settings.bundle_cert, settings.bundle_key, secret),
            unseal=self.keys.unseal,
            recipient=recipient(settings.liaison_cert) if settings.liaison_cert else None,
            authorities=settings.bundle_authorities,
            anchors=settings.bundle_tsa_ca.read_bytes() if settings.bundle_tsa_ca else b"",
        )

    def sync_sources(self) -> list[SourceEntry]:
        """Bring the records in line with the list of sources, and return it; raises `SourcesError`."""
        from crawlers import sources
        from store import tasks
        from store.records import lock

        entries = sources.load(self.settings.sources_file)
        with self.records.write() as session:
            lock(session, "sources")
            sources.sync(session, entries)
            tasks.plan_crawls(session)
        return entries

    def source_ids(self, entries: Iterable[SourceEntry]) -> list[int]:
        """Return the ids that sources of a list have in the records."""
        from sqlalchemy import select

        from store.tables import Source

        with self.records.read() as session:
            names = [entry.name for entry in entries]
            return list(session.scalars(select(Source.id).where(Source.name.in_(names))))

    def _try_source(self, name: str) -> dict[str, Any]:
        """Try a source out in a process of its own, for an event loop that fetches can start only once."""
        line = [sys.executable, "-m", "kiemtin", "source", "test", "--json", "--", name]
        try:
            done = subprocess.run(  # noqa: S603 our own program; the name comes after --
                line, capture_output=True, text=True, timeout=90, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ValueError("quá 90 giây không xong") from error
        if done.returncode not in {0, 1} or not done.stdout.strip():
            raise ValueError((done.stderr.strip().splitlines() or ["không rõ vì sao"])[-1])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def require_ready(self) -> None:
        """Raise `RecordsError` unless the database has the schema of this version."""
        from store.migrate import require_current

        require_current(self.records)

    def prepare(self) -> str | None:
        """Make or bring up to date all that a start needs; a second time changes nothing.

        Returns the one-time password of the first administrator when it was made now.
        """
        from api import accounts
        from kiemtin import given_policy
        from store import claims
        from store.migrate import migrate

        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        migrate(self.records)
        with self.records.write() as session:
            claims.take_shipped(session)
        given_policy.begin(self.records, self.settings.policy_file)
        _ = self.keys
        return accounts.ensure_admin(self.records)
