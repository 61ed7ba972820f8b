"""What is purged goes from an S3 store too, with its versions; killed at any step, the next run finishes it."""

from __future__ import annotations

import fcntl
import gzip
import json
import shutil
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import select

from store.archive import Archive
from store.purging import purge_due
from store.retention import Terms
from store.retention_tables import Rewrite
from store.tables import Capture, Event, Post
from tests.conftest import ROOT
from tests.far import BUCKET, Store, s3
from tests.kept import SCAM, SECRET, Kept

VERSIONING = ["", "Enabled", "Suspended"]
# What happens to one file, in order: the process ends before or behind each of these.
STEPS = [
    ("store.cutting:_copy", "before"),
    ("store.cutting:shutil.copyfileobj", "after"),
    ("store.cutting:_copy", "after"),
    ("store.remote:Remote._upload", "after"),
    ("store.archive:Archive.take_in", "after"),
    ("store.cutting:_switch", "after"),
    ("store.archive:Archive.remove", "before"),
    ("store.remote:Remote._versions", "before"),
    ("store.remote:Remote._remove_object", "after"),
    ("store.archive:Archive.remove", "after"),
]
CUTS = """
import json, os, signal, sys
from datetime import datetime, timedelta
from pathlib import Path
from pkgutil import resolve_name
from store.archive import Archive
from store.cutting import cut_due
from store.records import Records

records, folder, url, options, now, step, when = sys.argv[1:]
owner, name = step.rsplit("." if "." in step.partition(":")[2] else ":", 1)
owner = resolve_name(owner)
real = getattr(owner, name)

def dies(*given, **named):
    if when == "after":
        real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, dies)
at = datetime.fromisoformat(now)
with Archive(Path(folder), remote=url, options=json.loads(options)) as archive:
    cut_due(Records(records), archive, at - timedelta(days=30), lambda: at, timedelta(0))
"""


@pytest.fixture
def far(kept: Kept, store: Store) -> Kept:
    """An installation whose sealed files lie in an S3 store."""
    kept.remote, kept.options = s3(store).url, store.options
    return kept


def versioning(store: Store, status: str) -> None:
    if status:
        store.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": status})


def aged(kept: Kept) -> int:
    """Send a file that holds a page to be purged and one that stays; return the post of the latter."""
    near, kept.remote = kept.remote, ""
    kept.page("http://a.example/bich", SECRET)
    (stays,) = kept.page("http://a.example/scam", SCAM, flagged=True)
    kept.seal()
    kept.remote = near
    with kept.archive():
        pass  # whoever opens it sends what is sealed
    kept.now += timedelta(days=31)
    return stays


def versions(store: Store) -> list[tuple[str, str]]:
    """Return every version of every object, markers of removed ones too, by key and number."""
    found = store.client.list_object_versions(Bucket=BUCKET)
    rows = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
    return [(one["Key"].removeprefix("warc/"), one["VersionId"]) for one in rows]


def everything(store: Store) -> bytes:
    """Return all that the store still gives out, unpacked, former versions too."""
    return b"".join(
        gzip.decompress(
            store.client.get_object(Bucket=BUCKET, Key=f"warc/{key}", VersionId=number)["Body"].read()
        )
        for key, number in versions(store)
    )


def reads(kept: Kept, post_id: int) -> bytes:
    with kept.records.read() as session:
        capture = session.get_one(Capture, session.get_one(Post, post_id).capture_id)
    return kept.archive().read(capture.warc, capture.offset).body


def require_gone(kept: Kept, store: Store, stays: int) -> None:
    """Hold store, folder and records against each other: one file, whole, without what was purged."""
    with kept.records.read() as session:
        named = set(session.scalars(select(Capture.warc).where(Capture.length > 0)))
        assert session.scalars(select(Rewrite).where(Rewrite.done_at.is_(None))).all() == []
    assert {key for key, _ in versions(store)} == named
    assert len(versions(store)) == len(named) == 1
    assert list((kept.folder / "archive").iterdir()) == []
    assert "Bích".encode() not in everything(store)
    assert SCAM.encode() in reads(kept, stays)
    kept.index()
    assert all(one.verified_at for one in kept.retention.verify())


@pytest.mark.parametrize("status", VERSIONING)
def test_the_file_that_was_cut_takes_the_place_of_the_one_in_the_store(
    far: Kept, store: Store, status: str
) -> None:
    versioning(store, status and "Enabled")
    stays = aged(far)
    versioning(store, status)
    (before,) = s3(store).names()
    assert far.retention.purge().counts["captures"] == 1
    assert before not in s3(store).names()
    require_gone(far, store, stays)


@pytest.mark.parametrize(("step", "when"), STEPS)
def test_killed_at_any_step_the_archive_reads_and_the_next_run_finishes(
    far: Kept, store: Store, step: str, when: str
) -> None:
    versioning(store, "Enabled")
    stays = aged(far)
    purge_due(far.records, far.keys, Terms(), far.now)
    url = far.records.engine.url.render_as_string(hide_password=False)
    where = [url, str(far.folder / "archive"), far.remote, json.dumps(far.options), far.now.isoformat()]
    done = subprocess.run(
        [sys.executable, "-c", CUTS, *where, step, when], cwd=ROOT, timeout=240, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert SCAM.encode() in reads(far, stays)
    assert "Bích".encode() not in b"".join(one.read_bytes() for one in (far.folder / "archive").iterdir())
    far.retention.purge()
    require_gone(far, store, stays)


def test_a_store_that_is_away_is_not_taken_for_one_where_nothing_is_left(
    far: Kept, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = aged(far)
    remove = Archive.remove

    def away(self: Archive, warc: str) -> None:
        store.stop()
        remove(self, warc)

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "remove", away)
        far.retention.purge()
    with far.records.read() as session:
        assert "KIEMTIN_ARCHIVE_ENDPOINT" in session.scalars(select(Rewrite.error)).one()
    store.start()
    far.index()
    (looked,) = far.retention.verify()
    assert (looked.left, looked.verified_at) == ({"archive_files": 1}, None)
    far.retention.purge()
    require_gone(far, store, stays)


def test_a_version_that_the_store_holds_on_to_is_told_until_it_goes(far: Kept, store: Store) -> None:
    store.client.delete_bucket(Bucket=BUCKET)
    store.client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    stays = aged(far)
    ((key, number),) = versions(store)

    def hold(status: str) -> None:
        store.client.put_object_legal_hold(
            Bucket=BUCKET, Key=f"warc/{key}", VersionId=number, LegalHold={"Status": status}
        )

    hold("ON")
    far.retention.purge()
    far.index()
    (looked,) = far.retention.verify()
    assert (looked.left, looked.verified_at) == ({"archive_files": 1}, None)
    with far.records.read() as session:
        assert "s3:DeleteObjectVersion" in session.scalars(select(Rewrite.error)).one()
    hold("OFF")
    far.retention.purge()
    require_gone(far, store, stays)


def test_a_file_that_another_host_sends_again_goes_again(far: Kept, store: Store) -> None:
    (far.folder / "archive").mkdir()
    stays = aged(far)
    (old,) = s3(store).names()
    # Another host had sent it, and was killed before it could remove its own copy.
    (far.folder / "other").mkdir()
    (far.folder / "other" / old).write_bytes(s3(store).get(old))
    far.retention.purge()
    with Archive(far.folder / "other", remote=far.remote, options=far.options):
        assert old in s3(store).names()
    far.retention.purge()
    require_gone(far, store, stays)
    shutil.rmtree(far.folder / "other")


def test_a_file_that_another_process_sends_just_now_is_removed_when_it_has_done_so(
    far: Kept, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = aged(far)
    (old,) = s3(store).names()
    near = far.folder / "archive" / old
    near.write_bytes(s3(store).get(old))
    with near.open("rb") as sending:
        fcntl.flock(sending, fcntl.LOCK_EX)
        far.retention.purge()
        with far.records.read() as session:
            assert "đang gửi" in session.scalars(select(Rewrite.error)).one()
        assert old in s3(store).names()
        assert reads(far, stays)
    far.retention.purge()
    require_gone(far, store, stays)
    with far.records.read() as session:
        events = session.scalars(select(Event.action).where(Event.action == "retention.cut")).all()
    assert len(events) == 1
