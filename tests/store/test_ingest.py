"""A post is accepted once, joins its copies, and owes its work in the same transaction."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from store import cluster
from store.ingest import Accepted, Incoming, PostRefused, accept, clean
from store.keys import Keys
from store.records import Records
from store.tables import Band, Capture, Cluster, Post, Revision, Source
from store.text import fold, normalise
from store.vocabulary import PostKind, TaskKind
from store.work_tables import Task

GARLIC = (
    "Uống nước tỏi nóng mỗi sáng là sạch vi rút, nhà tôi khỏi hẳn sau ba ngày. Mọi người chia sẻ gấp cho "
    "người thân cùng biết, bệnh viện giấu chuyện này vì không bán được thuốc!"
)
OTHER = (
    "Sáng nay phường thông báo lịch tiêm vắc xin cho người trên 65 tuổi tại trạm y tế, nhớ mang theo giấy tờ."
)


@pytest.fixture
def place(records: Records) -> tuple[int, int]:
    """Return the ids of a source and a capture to hang posts on."""
    now = datetime.now(UTC)
    with records.write() as session:
        source = Source(name="Thử", kind="import", legal_basis="thử", added_at=now)
        session.add(source)
        session.flush()
        capture = Capture(
            source_id=source.id,
            url="file:///x",
            at=now,
            media_type="x",
            sha256="0" * 64,
            warc="w",
            offset=0,
            length=1,
        )
        session.add(capture)
        session.flush()
        return source.id, capture.id


class Door:
    """Takes posts in, one call a transaction."""

    def __init__(self, records: Records, keys: Keys, place: tuple[int, int]) -> None:
        self.records, self.keys = records, keys
        self.source_id, self.capture_id = place

    def post(self, key: str, text: str, **fields: str) -> Incoming:
        return Incoming(
            key=key,
            kind=PostKind.SOCIAL,
            text=clean(text),
            capture_id=self.capture_id,
            handle=fields.get("handle"),
        )

    def take(self, *posts: Incoming) -> list[Accepted]:
        with self.records.write() as session:
            return accept(session, self.source_id, posts, self.keys)

    def clusters(self) -> dict[str, int]:
        with self.records.read() as session:
            return {row.key: row.cluster_id for row in session.execute(select(Post.key, Post.cluster_id))}

    def count(self, table: type, *where: object) -> int:
        with self.records.read() as session:
            return session.scalar(select(func.count()).select_from(table).where(*where)) or 0  # type: ignore[arg-type]


@pytest.fixture
def door(records: Records, keys: Keys, place: tuple[int, int]) -> Door:
    return Door(records, keys, place)


def test_a_new_post_owes_a_score_and_keeps_its_first_version(door: Door) -> None:
    (accepted,) = door.take(door.post("a", GARLIC))
    assert accepted.fate == "new"
    assert door.count(Task, Task.kind == TaskKind.SCORE) == 1
    assert door.count(Revision) == 1


def test_the_same_post_again_changes_nothing_but_when_it_was_seen(door: Door) -> None:
    door.take(door.post("a", GARLIC))
    (accepted,) = door.take(door.post("a", "  " + GARLIC + "\r\n"))
    assert accepted.fate == "seen"
    assert (door.count(Post), door.count(Task), door.count(Revision)) == (1, 1, 1)


def test_an_edited_post_becomes_a_new_version_of_itself(door: Door) -> None:
    door.take(door.post("a", GARLIC))
    before = door.clusters()["a"]
    (accepted,) = door.take(door.post("a", OTHER))
    assert accepted.fate == "edited"
    assert (door.count(Post), door.count(Task), door.count(Revision)) == (1, 2, 2)
    assert door.clusters()["a"] == before
    door.take(door.post("b", OTHER.replace("65", "60")))
    assert door.clusters()["b"] == before, "the cluster is known by the text it has now"
    door.take(door.post("c", GARLIC))
    assert door.clusters()["c"] != before


def test_an_edited_copy_leaves_its_cluster_and_its_copies_are_looked_at_again(door: Door) -> None:
    door.take(door.post("a", GARLIC), door.post("b", GARLIC))
    tasks_before = door.count(Task)
    door.take(door.post("b", OTHER))
    assert door.clusters()["a"] != door.clusters()["b"]
    assert door.count(Task) == tasks_before + 2
    assert door.count(Cluster, Cluster.size == 1) == 2


def test_one_key_twice_in_a_batch_is_one_post_with_two_versions(door: Door) -> None:
    fates = [
        one.fate for one in door.take(door.post("a", GARLIC), door.post("a", OTHER), door.post("a", OTHER))
    ]
    assert fates == ["new", "edited", "seen"]
    assert (door.count(Post), door.count(Revision)) == (1, 2)


def test_copies_join_one_cluster_however_they_were_changed(door: Door) -> None:
    door.take(door.post("original", GARLIC), door.post("other", OTHER))
    door.take(
        door.post("exact", GARLIC),
        door.post("no diacritics", fold(GARLIC)),
        door.post("shouted", GARLIC.upper()),
        door.post("two words more", "Tin nóng: " + GARLIC),
        door.post("decomposed", unicodedata.normalize("NFD", GARLIC)),
    )
    clusters = door.clusters()
    assert len(set(clusters.values())) == 2
    assert clusters["other"] not in {c for key, c in clusters.items() if key != "other"}
    assert door.count(Cluster, Cluster.size == 6) == 1


def test_clusters_persist_across_processes(door: Door) -> None:
    door.take(door.post("a", GARLIC))
    again = Door(Records(door.records.url), door.keys, (door.source_id, door.capture_id))
    again.take(again.post("b", fold(GARLIC) + " !!!"))
    assert len(set(again.clusters().values())) == 1
    assert door.count(Band) <= 25
    again.records.close()


def test_posts_without_common_words_stay_apart(door: Door) -> None:
    door.take(*(door.post(str(i), f"{i} 😀 {'ab'[i % 2] * 9}{i} ") for i in range(20)))
    assert len(set(door.clusters().values())) == 20


def test_the_author_is_kept_only_as_pseudonym_and_sealed(door: Door) -> None:
    door.take(door.post("a", GARLIC, handle="Nguyễn Văn Mẫu"), door.post("b", OTHER, handle="Nguyễn Văn Mẫu"))
    with door.records.read() as session:
        one, other = session.scalars(select(Post).order_by(Post.key))
        assert one.author == other.author
        assert one.author_sealed is not None
        assert "Mẫu".encode() not in one.author_sealed
        assert door.keys.unseal(one.author_sealed) == "Nguyễn Văn Mẫu"


@pytest.mark.parametrize("text", ["", "  \n ", "!!! 🙏", "\u200b\ufeff", "x" * 200_001])
def test_what_cannot_be_a_post_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(PostRefused):
        clean(text)


def test_a_batch_that_fails_leaves_nothing(door: Door) -> None:
    with pytest.raises(RuntimeError), door.records.write() as session:
        accept(session, door.source_id, [door.post("a", GARLIC)], door.keys)
        raise RuntimeError
    assert (door.count(Post), door.count(Task), door.count(Cluster), door.count(Band)) == (0, 0, 0, 0)


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_folding_leaves_nothing_to_fold(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet="aăâbcdđeêghiklmnoôơpqrstuưvxy áàảãạ", min_size=40, max_size=400))
def test_a_text_and_its_folded_form_have_one_signature(text: str) -> None:
    plain, folded = cluster.signatures([text, fold(text)])
    if plain is None or folded is None:
        assert plain is folded
    else:
        assert cluster.similarity(plain, folded) == 1.0


def test_estimated_similarity_is_close_to_the_true_one() -> None:
    one, other = GARLIC, GARLIC.replace("ba ngày", "một tuần").replace("bệnh viện", "phòng khám")
    a, b = set(cluster.shingles(one)), set(cluster.shingles(other))
    first, second = cluster.signatures([one, other])
    assert first is not None
    assert second is not None
    assert abs(cluster.similarity(first, second) - len(a & b) / len(a | b)) < 0.15
