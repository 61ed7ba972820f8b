"""The command line: assembles the commands and turns known errors into one clear line."""

from __future__ import annotations

import sys

import typer

from kiemtin.commands import (
    bundle,
    capture,
    claims,
    crawling,
    delivery,
    ingest,
    keep,
    keys,
    model,
    pipeline,
    places,
    policy,
    privacy,
    reports,
    service,
    sources,
    tokens,
    trust,
    upkeep,
)
from kiemtin.screen import say_error

app = typer.Typer(
    name="kiemtin",
    help="Kiểm Tin tìm tin sai và lừa đảo quanh COVID-19 trong bài công khai, đưa người duyệt xem và"
    " quyết định.\n\nBắt đầu: [bold]kiemtin demo[/] chạy thử với trang mẫu; [bold]kiemtin run[/] chạy"
    " thật theo sources.yaml.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    add_completion=False,
)
service.register(app)
crawling.register(app)
sources.register(app)
ingest.register(app)
pipeline.register(app)
upkeep.register(app)
keep.register(app)
keys.register(app)
trust.register(app)
capture.register(app)
places.register(app)
claims.register(app)
model.register(app)
policy.register(app)
reports.register(app)
privacy.register(app)
delivery.register(app)
bundle.register(app)
tokens.register(app)


def main() -> None:
    """Run the command line; known errors end with status 2 and say what to do."""
    try:
        app()
    except Exception as error:
        if not isinstance(error, _known_errors()):
            raise
        say_error(str(error))
        sys.exit(2)


def _known_errors() -> tuple[type[Exception], ...]:
    # Imported only when something went wrong: `--help` must not wait for every room.
    from crawlers.imports.mapping import MappingError
    from crawlers.imports.rows import FileUnreadable
    from crawlers.imports.run import ImportConflict
    from crawlers.sources import SourcesError
    from evidence.errors import BundleError
    from kiemtin.retention import PurgeBusy
    from kiemtin.settings import SettingsError
    from kiemtin.work.station import Resting
    from models import DataError
    from reports.paper import PaperError
    from reports.periods import BadPeriod
    from reports.publishing import ReportError
    from review.errors import ReviewError
    from search.engine import SearchError
    from store.archived import ArchiveError
    from store.backup import BackupError
    from store.claim_facts import BadClaim
    from store.claim_files import FileUnreadable as ClaimsUnreadable
    from store.claims import NoSuchClaim
    from store.delivery import BadMessage
    from store.keys import KeyFileError
    from store.policies import PolicyError
    from store.records import RecordsError
    from store.transfer import TransferError

    return (
        ArchiveError,
        BackupError,
        BadClaim,
        BadPeriod,
        BadMessage,
        BundleError,
        ClaimsUnreadable,
        DataError,
        FileUnreadable,
        ImportConflict,
        KeyFileError,
        MappingError,
        NoSuchClaim,
        PaperError,
        PolicyError,
        PurgeBusy,
        RecordsError,
        ReportError,
        Resting,
        ReviewError,
        SearchError,
        SettingsError,
        SourcesError,
        TransferError,
    )
