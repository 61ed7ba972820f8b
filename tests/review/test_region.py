"""A province sees what concerns it, on both databases: by what the texts of a case name, copies and edits too."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from kiemtin import place_names
from review import queue
from review.permissions import Person
from review.queue import EVERYWHERE, Region
from search.engine import Query
from search.open import open_engine
from store.place_tables import PostPlace
from store.records import Records
from store.tables import Case, Post
from store.vocabulary import TaskKind
from store.work_tables import Task
from tests.factory import HARMFUL, NOW, Place, person

HANOI, HCMC, CANTHO = "01", "79", "92"
OURS = Region((HCMC,), placeless=True)
TEXTS = {
    "both": f"Tin từ Bình Dương và Hà Nội: {HARMFUL[0]}",
    "hanoi": f"Người nhà ở Hà Nội kể: {HARMFUL[1]}",
    "nowhere": HARMFUL[3],
    "district": f"Quận 7 đó bà con. {HARMFUL[5]}",
}


@pytest.fixture
def place(records: Records) -> Place:
    made = Place(records)
    made.take(*TEXTS.values(), keys=list(TEXTS))
    made.work()
    return made


@pytest.fixture
def hoa(records: Records) -> Person:
    return person(records, "hoa")


def seen(records: Records, who: Person, region: Region, lane: str = queue.ALL) -> set[str]:
    """Return the keys of the posts that the cases of a lane show."""
    with records.read() as session:
        shown = [case.post_id for case in queue.listing(session, who, lane, NOW, region=region)]
        return set(session.scalars(select(Post.key).where(Post.id.in_(shown))))


def rows(records: Records) -> dict[str, set[tuple[str, str]]]:
    """Return code and province of what each post names."""
    with records.read() as session:
        found = session.execute(
            select(Post.key, PostPlace.code, PostPlace.province).join(Post, Post.id == PostPlace.post_id)
        )
        kept: dict[str, set[tuple[str, str]]] = {}
        for key, code, province in found:
            kept.setdefault(key, set()).add((code, province))
        return kept


def case_of(records: Records, key: str) -> int:
    with records.read() as session:
        case = select(Case.id).join(Post, Post.cluster_id == Case.cluster_id).where(Post.key == key)
        return session.scalars(case).one()


REGIONS = (
    (EVERYWHERE, {"both", "hanoi", "nowhere", "district"}),
    (Region((HCMC,)), {"both", "district"}),
    (Region((HANOI,)), {"both", "hanoi"}),
    (Region((HCMC, HANOI)), {"both", "hanoi", "district"}),
    (OURS, {"both", "nowhere", "district"}),
    (Region(placeless=True), {"nowhere"}),
    (Region((CANTHO,)), set()),
)


def test_a_province_sees_the_cases_that_name_it(place: Place, hoa: Person) -> None:
    assert rows(place.records) == {
        "both": {("old-74", HCMC), ("01", HANOI)},
        "hanoi": {("01", HANOI)},
        "district": {("old-778", HCMC)},
    }
    with place.records.read() as session:
        assert queue.provinces(session, hoa, queue.ALL, NOW) == {HANOI: 2, HCMC: 2}
        assert queue.provinces(session, hoa, queue.DECIDED, NOW) == {}
        others = {queue.ALL, queue.MINE, queue.ESCALATED}
        for region, keys in REGIONS:
            assert seen(place.records, hoa, region) == keys, region
            lanes = queue.lanes(session, hoa, NOW, region)
            assert lanes[queue.ALL] == len(keys), region
            assert sum(n for lane, n in lanes.items() if lane not in others) == len(keys), region


def test_only_cases_of_the_region_are_leased_one_after_the_other(place: Place, hoa: Person) -> None:
    people = [hoa, person(place.records, "minh"), person(place.records, "tam")]
    with place.records.write() as session:
        leases = [queue.lease_next(session, who, queue.ALL, NOW, Region((HANOI,))) for who in people]
    assert leases[2] is None
    assert {lease.case_id for lease in leases if lease is not None} == {
        case_of(place.records, key) for key in ("both", "hanoi")
    }


def test_looking_on_stays_in_the_region_and_what_one_holds_is_theirs_anywhere(
    place: Place, hoa: Person
) -> None:
    ours = {case_of(place.records, key) for key in ("both", "district")}
    at = min(ours)
    visited = set()
    for _ in range(4):
        with place.records.write() as session:
            lease = queue.lease_after(session, hoa, queue.ALL, NOW, at, Region((HCMC,)))
            assert lease is not None
            queue.release(session, hoa, lease.case_id, lease.token, NOW)
        at = lease.case_id
        visited.add(at)
    assert visited == ours
    with place.records.write() as session:
        queue.lease(session, hoa, case_of(place.records, "hanoi"), NOW)
    assert seen(place.records, hoa, Region((CANTHO,)), queue.MINE) == {"hanoi"}
    with place.records.read() as session:
        assert queue.lanes(session, hoa, NOW, Region((CANTHO,)))[queue.MINE] == 1


def test_copies_and_edits_bring_a_case_to_the_provinces_they_name(place: Place, hoa: Person) -> None:
    assert "hanoi" not in seen(place.records, hoa, Region((CANTHO,)))
    place.take(TEXTS["hanoi"].replace("Hà Nội", "Cần Thơ"), keys=["copy"])
    place.work()
    assert case_of(place.records, "copy") == case_of(place.records, "hanoi")
    for region in (Region((CANTHO,)), Region((HANOI,))):
        assert "hanoi" in seen(place.records, hoa, region)
    place.take(TEXTS["district"].replace("Quận 7", "Huyện Ba Vì"), keys=["district"])
    place.work()
    assert rows(place.records)["district"] == {("old-271", HANOI)}
    assert "district" in seen(place.records, hoa, Region((HANOI,)))
    place.take(HARMFUL[5], keys=["district"])
    place.work()
    assert "district" not in rows(place.records)
    assert seen(place.records, hoa, Region(placeless=True)) == {"nowhere", "district"}


def test_records_of_before_are_filled_and_the_index_is_owed_what_changed(place: Place) -> None:
    kept = rows(place.records)
    with place.records.write() as session:
        for row in session.scalars(select(PostPlace).where(PostPlace.code == "01")):
            session.delete(row)
        session.add(PostPlace(post_id=1, code="91", province="91", cluster_id=1))
    steps: list[tuple[int, int]] = []
    assert place_names.fill(place.records, lambda done, total: steps.append((done, total))) == (4, 2)
    assert rows(place.records) == kept
    assert steps == [(4, 4)]
    with place.records.read() as session:
        owed = session.scalar(select(func.count()).select_from(Task).where(Task.kind == TaskKind.INDEX))
    assert owed == 2
    assert place_names.fill(place.records) == (4, 0)


def test_the_index_finds_posts_by_the_provinces_they_name(place: Place, tmp_path: Path) -> None:
    engine = open_engine(f"tantivy:{tmp_path / 'search'}")
    place.take(f"Ở Cần Thơ nghe nói vậy. {HARMFUL[7]}", keys=["cantho"])
    place_names.fill(place.records)
    with place.records.write() as session:
        for post in session.scalars(select(Post)):
            session.add(Task(kind=TaskKind.INDEX, subject_id=post.id, owed_at=NOW, due_at=NOW))
    place.work(engine)
    assert engine.search(Query()).facets["province"] == {HANOI: 2, HCMC: 2, CANTHO: 1}
    found = engine.fetch([hit.post_id for hit in engine.search(Query(provinces=(HCMC,))).hits])
    assert {document.provinces for document in found.values()} == {(HANOI, HCMC), (HCMC,)}
    engine.close()
