"""Why a case scores as it does, asked for after its page: by the API, on the page, and with decided examples."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from api.desk import Desk
from api.explanations import Explanations, own_examples
from classifier.explain import VARIANTS
from review import case_page
from review.errors import NoSuchCase
from review.permissions import Person
from store.archive import Archive
from store.records import Records
from store.tables import Case, Post
from store.vocabulary import Outcome, Role
from tests.api.conftest import Clock, House
from tests.conftest import cache
from tests.factory import HARMFUL, NoEngine, Place, model, person
from tests.review.test_learning import again, decide


class Counted:
    """The shipped model, counting what it is asked."""

    def __init__(self) -> None:
        self.name, self.calls = model().name, 0
        self.embed, self.spans = model().embed, model().spans

    def score(self, texts: list[str]) -> object:
        self.calls += 1
        return model().score(texts)


@pytest.fixture
def place(sqlite: Records) -> Place:
    made = Place(sqlite)
    made.take(*HARMFUL[:4])
    made.work()
    return made


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def desk(place: Place, counted: Counted, tmp_path: Path) -> Desk:
    engine: Any = NoEngine()
    loaded: Any = lambda: counted  # noqa: E731
    archive = Archive(tmp_path / "archive")
    return Desk(place.records, engine, archive, load_model=loaded, clock=Clock(), cache=cache())


READER = Person(1, Role.REVIEWER)


def test_a_case_is_explained_by_places_in_its_own_text(desk: Desk, place: Place) -> None:
    case = place.cases()[0]
    with desk.records.read() as session:
        shown = case_page.load(session, READER, case.id)
    text = shown.post.text
    found = Explanations(desk).of_case(READER, case.id)
    assert found.content_hash == case.content_hash
    assert found.model == found.judged_by == shown.assessment["model"]
    assert (found.start, found.end, found.length) == (0, len(text), len(text))
    assert found.variants <= VARIANTS
    scores = {score.head: score for score in found.scores}
    assert set(scores) == {"harmful", "harm", "protected"}
    assert scores["harmful"].probability == pytest.approx(shown.assessment["harmful"], abs=1e-5)
    assert scores["harmful"].up
    for score in found.scores:
        for piece in score.up + score.down:
            assert text[piece.start : piece.end] == piece.text
    assert len(found.harmful) == 3
    assert all(one.harms and one.case_id is None for one in found.harmful)
    assert not any(one.harms for one in found.harmless)
    with pytest.raises(NoSuchCase):
        Explanations(desk).of_case(READER, 99_999)


def test_a_text_is_explained_once_for_each_model(desk: Desk, place: Place, counted: Counted) -> None:
    explanations = Explanations(desk)
    case = place.cases()[0]
    first = explanations.of_case(READER, case.id)
    asked = counted.calls
    assert asked > 0
    assert explanations.of_case(READER, case.id) == first
    assert counted.calls == asked
    counted.name = "mô-hình-mới"
    second = explanations.of_case(READER, case.id)
    assert (second.model, second.judged_by) == ("mô-hình-mới", first.judged_by)
    assert counted.calls == 2 * asked


def test_what_two_people_decided_here_becomes_an_example(desk: Desk, place: Place) -> None:
    records, explanations = desk.records, Explanations(desk)
    first, other, *_ = place.cases()
    hoa, lan = person(records, "hoa"), person(records, "lan", Role.LEAD)
    explanations.of_case(READER, other.id)
    decide(records, hoa, first.id, Outcome.CORRECT)
    with records.read() as session:
        assert not list(own_examples(session))
    again(records, lan, lan, first.id, Outcome.CORRECT)
    with records.read() as session:
        (own,) = own_examples(session)
    assert (own.case, own.harmful) == (first.id, True)

    # The other case now says nearly the same.
    with records.write() as session:
        said = f"Nghe người ta bảo thế này: {own.text}"
        session.execute(update(Post).where(Post.id == other.post_id).values(text=said, content_hash="f" * 64))
    assert explanations.of_case(READER, other.id).harmful[0].case_id is None
    clock: Any = desk.clock
    clock.now += timedelta(minutes=11)
    nearest = explanations.of_case(READER, other.id).harmful[0]
    assert (nearest.case_id, nearest.text) == (first.id, own.text)
    # A case is no example of itself.
    itself = explanations.of_case(READER, first.id)
    assert first.id not in {one.case_id for one in itself.harmful}
    with records.read() as session:
        assert session.get_one(Case, first.id).state == "decided"


def test_the_page_does_not_wait_for_it(house: House) -> None:
    reviewer = house.signed_in()
    case = house.place.cases()[0]
    page = reviewer.get(f"/cases/{case.id}").text
    assert "model" not in vars(house.desk)  # not even loaded
    assert f'hx-get="/cases/{case.id}/explanation" hx-trigger="load"' in page
    part = reviewer.get(f"/cases/{case.id}/explanation").text
    assert "<html" not in part
    assert "Kéo lên:" in part
    assert "Ví dụ gây hại giống nhất" in part
    answer = reviewer.get(f"/api/v1/cases/{case.id}/explanation").json()
    assert answer["scores"][0]["up"][0]["text"] in part
    assert "phần này tính bằng mô hình đang dùng" not in part
    vars(house.desk)["model"] = counted = Counted()
    counted.name = "mô-hình-mới"
    assert "phần này tính bằng mô hình đang dùng" in reviewer.get(f"/cases/{case.id}/explanation").text
    assert '/explanation" hx-trigger="toggle once"' in reviewer.get("/").text
    assert reviewer.get("/api/v1/cases/99999/explanation").status_code == 404
    assert reviewer.get("/cases/99999/explanation").status_code == 404
    assert house.client().get(f"/api/v1/cases/{case.id}/explanation").status_code == 401
