"""Fixtures shared by all rooms: where the shared data lies, and the databases that a test runs on."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from search.engine import SearchEngine
from search.open import open_engine
from store.keys import Keys
from store.records import Records
from tests.databases import drop, postgres_like, sqlite_at

# Tables are as wide in every test: the console reads this once, when it is first imported.
os.environ["COLUMNS"] = "220"

# How quick the machine is at the moment says nothing of a property.
settings.register_profile("kiemtin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kiemtin")

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("KIEMTIN_TEST_SHARED", ROOT.parent / "shared"))
POSTGRES = os.environ.get(
    "KIEMTIN_TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
)
REQUIRED = bool(os.environ.get("KIEMTIN_TEST_REQUIRE_SERVERS"))

CACHE = "KIEMTIN_CACHE_DIR"
ELASTICSEARCH = os.environ.get("KIEMTIN_TEST_ELASTICSEARCH_URL", "")


def pytest_configure(config: pytest.Config) -> None:
    """Let the whole run make the vectors of what is shipped once; its workers inherit the folder."""
    if not hasattr(config, "workerinput"):
        os.environ[CACHE] = tempfile.mkdtemp(prefix="kiemtin-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(CACHE, ""), ignore_errors=True)


def cache() -> Path:
    """Return the folder that the run keeps what can be made again in."""
    return Path(os.environ[CACHE])


def shared(relative: str) -> Path:
    """Return a file of the shared data folder, or skip the test with the reason."""
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is absent; set KIEMTIN_TEST_SHARED to the folder of shared data and pages")
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"{path} is absent; set KIEMTIN_TEST_SHARED to the folder that holds it")
    return path


def absent(reason: str) -> None:
    """Skip a test whose server is not there; where servers are required, that is a failure."""
    (pytest.fail if REQUIRED else pytest.skip)(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line for each thing that is missing here what it is and how to get it."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, number in Counter(report.longrepr[2] for report in skipped).items():
        terminalreporter.write_line(f"{number} tests not run: {reason.removeprefix('Skipped: ')}")


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Records]:
    """A migrated SQLite database in a folder of its own."""
    records = sqlite_at(tmp_path / "kiemtin.db")
    yield records
    records.close()


@pytest.fixture
def postgres() -> Iterator[Records]:
    """A migrated PostgreSQL database of its own, dropped afterwards."""
    name = f"kiemtin_test_{secrets.token_hex(6)}"
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    try:
        records = postgres_like(server, name)
    except OperationalError:
        absent("no PostgreSQL answers; apt-get install postgresql, or set KIEMTIN_TEST_DATABASE_URL")
    yield records
    records.close()
    with server.connect() as connection:
        drop(connection, name)
    server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def records(request: pytest.FixtureRequest) -> Records:
    """The same records on both databases."""
    found: Records = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def elasticsearch() -> str:
    """The URL of a running Elasticsearch."""
    if not ELASTICSEARCH:
        absent("no Elasticsearch is named; set KIEMTIN_TEST_ELASTICSEARCH_URL (http://127.0.0.1:9200, say)")
    return ELASTICSEARCH


@pytest.fixture(scope="module")
def elastic_engines(elasticsearch: str) -> Iterator[Callable[[], SearchEngine]]:
    """Make empty engines, each with an index of its own that is gone afterwards."""
    from elasticsearch import Elasticsearch

    names: list[str] = []

    def make() -> SearchEngine:
        names.append(f"kiemtin-test-{secrets.token_hex(6)}")
        return open_engine(elasticsearch, names[-1])

    yield make
    with Elasticsearch(elasticsearch) as client:
        for name in names:
            for index in client.indices.get(index=f"{name}*", allow_no_indices=True):
                client.indices.delete(index=index)


@pytest.fixture
def keys() -> Keys:
    return Keys(bytes(range(32)))
