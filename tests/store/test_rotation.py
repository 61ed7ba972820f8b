"""The sealing key is changed while things run; a kill at any moment loses no handle and no second factor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from store import audit, key_file, rotation
from store.key_file import KeyFileError
from store.keys import MARK, KeyMissing, Keys
from store.people_tables import SecondFactor
from store.records import Records
from store.tables import Event, Post
from tests.conftest import ROOT
from tests.factory import NOW, Place, person

FACTOR = "JBSWY3DPEHPK3PXP"
# Rotates as the command does, five rows a transaction, and kills itself where the test says.
CHILD = """
import os, signal, sys
from pathlib import Path
from store import key_file, rotation
from store.keys import Keys
from store.records import Records
path, moment = Path(sys.argv[2]), sys.argv[3]
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if moment == "before the file":
    os.replace = Path.replace = die
if moment == "before the first row":
    rotation.reseal = die
records, keys = Records(sys.argv[1]), Keys.load(path)
def move(done, total):
    if moment == str(done): die()
with rotation.alone(path):
    rotation.begin(records, path)
    rotation.reseal(records, keys, move, 5)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A key file as the first versions made it: one secret."""
    path = tmp_path / "kiemtin.key"
    path.touch(0o600)
    path.write_text(bytes(range(32)).hex() + "\n")
    return path


def fill(records: Records, keys: Keys, number: int = 12) -> Place:
    """Take posts, the last one from nobody, and give one person a second factor."""
    place = Place(records, keys)
    place.take(*(f"Bài {n} nói rằng nước chanh chữa khỏi COVID" for n in range(number)))
    owner = person(records, "hoa").id
    with records.write() as session:
        last = session.scalars(select(Post).order_by(Post.id.desc()).limit(1)).one()
        last.author, last.author_sealed = "bút danh cũ", None
        session.add(SecondFactor(user_id=owner, sealed=keys.seal_factor(FACTOR), added_at=NOW))
    return place


def opened(records: Records, keys: Keys) -> list[tuple[str | None, str | None]]:
    """Return handle and pseudonym of each post, all opened; the factor is opened too."""
    with records.read() as session:
        assert keys.open_factor(session.scalars(select(SecondFactor.sealed)).one()) == FACTOR
        return [
            (keys.unseal(post.author_sealed) if post.author_sealed else None, post.author)
            for post in session.scalars(select(Post).order_by(Post.id))
        ]


def as_older_versions_did(records: Records) -> None:
    """Take the names of keys off what is sealed."""
    with records.write() as session:
        for post in session.scalars(select(Post).where(Post.author_sealed.is_not(None))):
            assert post.author_sealed is not None
            post.author_sealed = post.author_sealed[MARK:]


def test_a_change_of_key_seals_everything_anew_and_opens_it(records: Records, path: Path) -> None:
    keys = Keys.load(path)
    place = fill(records, keys)
    as_older_versions_did(records)
    before = opened(records, keys)
    (old,) = keys.names
    name = rotation.begin(records, path)
    assert keys.names == (name, old)  # a service that runs follows the file
    place.take("Bài mới trong khi đổi khóa nói rằng uống cồn chữa khỏi COVID")
    moves: list[tuple[int, int]] = []
    done = rotation.reseal(records, keys, lambda *at: moves.append(at), 5)
    assert (done.handles, done.factors, done.unopened) == (11, 1, 0)
    assert moves[-1] == (12, 12)
    after = opened(records, keys)
    assert [handle for handle, _ in after[:-1]] == [handle for handle, _ in before]
    assert after[0][1] == keys.pseudonym(str(place.source_id), "tên_người_viết") != before[0][1]
    assert after[0][1] == after[-1][1]  # posts from before and after stay one author's
    assert after[11] == (None, "bút danh cũ")  # what has no handle keeps its pseudonym
    held = rotation.held(records, path)
    assert [(one.name, one.handles, one.factors) for one in held] == [(name, 12, 1), (old, 0, 0)]
    with records.read() as session:
        actions = session.scalars(select(Event.action).order_by(Event.id)).all()
        assert actions[-2:] == ["keys.rotated", "keys.resealed"]
        assert audit.verify(session).ok
        told = "".join(session.scalars(select(Event.detail)))
    assert not any(one.secret.hex() in told for one in key_file.load(path).sealing)


def test_an_old_key_stays_until_nothing_is_left_by_it(records: Records, path: Path) -> None:
    keys = Keys.load(path)
    fill(records, keys)
    (old,) = keys.names
    rotation.begin(records, path)
    with pytest.raises(KeyFileError, match="một giờ"):
        rotation.drop(records, path)
    later = datetime.now(UTC) + timedelta(hours=2)
    assert rotation.drop(records, path, later) == []  # rows are left by it
    rotation.reseal(records, keys)
    webhook, lot = keys.webhook("https://a.example/"), keys.lot("x")
    assert rotation.drop(records, path, later) == [old]
    assert old not in keys.names
    assert path.stat().st_mode & 0o777 == 0o600
    again = Keys.load(path)
    assert [handle for handle, _ in opened(records, again)].count("tên_người_viết") == 11
    assert (again.webhook("https://a.example/"), again.lot("x")) == (webhook, lot)
    with records.read() as session:
        assert session.scalars(select(Event.action).order_by(Event.id.desc())).first() == "keys.dropped"


@pytest.mark.parametrize("moment", ["before the file", "before the first row", "5", "10"])
def test_a_kill_in_the_middle_loses_nothing(sqlite: Records, path: Path, moment: str) -> None:
    fill(sqlite, Keys.load(path))
    before = [handle for handle, _ in opened(sqlite, Keys.load(path))]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, sqlite.url, str(path), moment], cwd=ROOT, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    keys = Keys.load(path)
    assert [handle for handle, _ in opened(sqlite, keys)] == before
    sealed_anew = {"5": 5, "10": 10}.get(moment, 0)
    assert rotation.held(sqlite, path)[0].handles == (11 if moment == "before the file" else sealed_anew)
    with rotation.alone(path):
        begun = rotation.begin(sqlite, path)
        assert (begun is None) == (moment != "before the file")  # goes on, makes no third key
        done = rotation.reseal(sqlite, keys)
    assert done.handles == 11 - sealed_anew
    assert len(keys.names) == 2
    assert [handle for handle, _ in opened(sqlite, keys)] == before
    assert {one.handles for one in rotation.held(sqlite, path)} == {11, 0}


def test_what_no_key_opens_is_left_as_it_is_and_counted(sqlite: Records, path: Path) -> None:
    keys = Keys.load(path)
    fill(sqlite, keys)
    foreign = Keys(bytes(32)).seal("người khác")
    with sqlite.write() as session:
        session.execute(update(Post).where(Post.id == 1).values(author_sealed=foreign))
    rotation.begin(sqlite, path)
    done = rotation.reseal(sqlite, keys, batch=5)
    assert (done.handles, done.unopened) == (10, 1)
    with sqlite.read() as session:
        assert session.get_one(Post, 1).author_sealed == foreign
    with pytest.raises(KeyMissing, match=Keys(bytes(32)).names[0]):
        keys.unseal(foreign)
    assert [(one.here, one.handles) for one in rotation.held(sqlite, path)] == [
        (True, 10),
        (True, 0),
        (False, 1),
    ]


def test_only_one_changes_the_file_at_a_time(path: Path) -> None:
    with rotation.alone(path), pytest.raises(KeyFileError, match="đang được đổi"), rotation.alone(path):
        pass


@pytest.mark.parametrize(
    "content", ["{", "{}", '{"form": 3}', json.dumps({"form": 2, "base": "00" * 32, "sealing": []})]
)
def test_a_broken_file_of_the_new_form_is_an_error(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(KeyFileError):
        Keys.load(path)
