"""Two installations that differ in their texts alone: what strangers wrote is hostile in one, plain in the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.desk import Desk
from kiemtin.work.crew import Crew
from kiemtin.work.index import Indexing
from review import notes, proposal, queue, redress
from review.decision import Verdict, decide
from review.permissions import Person
from review.redress import Letter
from review_ui.app import create_app
from search.open import open_engine
from store import claims, corrections
from store.archive import Archive
from store.claim_facts import Facts
from store.corrections import Told
from store.ingest import Incoming, accept, clean
from store.records import Records
from store.tables import Case
from store.vocabulary import ComplaintKind, Outcome, PostKind, Role
from tests.api.conftest import PASSWORD, Clock, sign_in
from tests.conftest import cache
from tests.databases import sqlite_at
from tests.factory import NOW, Place
from tests.hostile.corpus import EVERY
from tests.joined import join
from tests.referable import SAID, judge

URL = "https://forum.example/chu-de/{}"
CLAIM_URL = "https://www.who.int/vi"
PLAIN = dict.fromkeys(EVERY, "tin giả")
Texts = dict[str, str]


@dataclass(frozen=True)
class Held:
    """An installation whose every text by others is one of `texts`; `cases` are in the order of their names."""

    desk: Desk
    texts: Texts
    cases: tuple[int, ...]

    def browser(self, role: Role | None = None) -> TestClient:
        client = TestClient(create_app(self.desk), base_url="http://desk.example", follow_redirects=False)
        if role is not None:
            assert sign_in(client, role.value, PASSWORD) == 200
        return client


def fill(records: Records, texts: Texts) -> tuple[int, ...]:
    """Put each text in as title, text and quote of a post, name of a source, claim, correction and note."""
    cases = []
    for number, text in enumerate(texts.values()):
        place = Place(records, name=f"{text} {number}")
        incoming = Incoming(
            key=URL.format(number), kind=PostKind.FORUM, text=clean(f"{text} covid {own_words(number)}"), title=f"{text} {number}",
            capture_id=place.capture_id, url=URL.format(number), published_at=NOW, handle=text, quotes=(text,),
        )  # fmt: skip
        with records.write() as session:
            (taken,) = accept(session, place.source_id, [incoming], place.keys)
        judge(records, taken.post_id)
        with records.write() as session:
            cases.append(session.query(Case).filter_by(post_id=taken.post_id).one().id)
    return tuple(cases)


def own_words(number: int) -> str:
    """Return words that no other post has: copies of one another would be one case."""
    return " ".join(hashlib.sha256(f"{number} {one}".encode()).hexdigest()[:7] for one in range(40))


def speak(records: Records, texts: Texts, cases: tuple[int, ...]) -> None:
    """Let the first person write each text: as a note, in a claim, in the correction that the public reads."""
    with records.write() as session:
        for number, (text, case) in enumerate(zip(texts.values(), cases, strict=True)):
            notes.add(session, Person(1, Role.ADMIN), case, f"{text[:1990]}.", NOW)
            claims.save(session, _claim(text, number), "lead")
            if number % 2 == 0:
                said = Told(
                    *(f"{part}: {text}"[:300].ljust(12, ".") for part in ("Tin", "Thân", "Ngắn", "Đọc"))
                )
                corrections.publish(session, f"claim-{number}", said, "lead", "", NOW)


def act(records: Records, texts: Texts, cases: tuple[int, ...]) -> None:
    """Let somebody propose a referral of the first case, and decide the second, of which somebody complains."""
    text, admin = texts["markup: broken out of an attribute"], Person(1, Role.ADMIN)
    with records.write() as session:
        first, second = (session.get_one(Case, one) for one in cases[:2])
        said = replace(SAID, necessity=f"{text} {text}")
        proposal.propose(session, admin, first.id, first.version, first.content_hash, said, NOW)
        leased = queue.lease(session, admin, second.id, NOW)
        verdict = Verdict(Outcome.CORRECT, text, f"Không đúng: {text}")
        decide(session, admin, second.id, leased.version, leased.token, second.content_hash, verdict, NOW)
        letter = Letter(ComplaintKind.COMPLAINT, text, NOW.date(), text)
        redress.receive(session, admin, second.id, letter, NOW)
    with records.write() as session:
        queue.skip(session, admin, cases[2], queue.lease(session, admin, cases[2], NOW).token, text, NOW)


def _claim(text: str, number: int) -> Facts:
    return Facts(
        id=f"claim-{number}", wording=f"Tin {text}"[:400], harm="cure", verdict="false", correction=f"Sai: {text}"[:400],
        source_name=f"Nguồn {text}"[:150], source_url=CLAIM_URL, note=text[:300], english=text[:300],
    )  # fmt: skip


def held(records: Records, folder: Path, texts: Texts) -> Held:
    """Make an installation that holds `texts`."""
    with records.write() as session:
        for role in (Role.ADMIN, Role.LEAD):
            join(session, role.value, role, PASSWORD)
    cases = fill(records, texts)
    speak(records, texts, cases)
    act(records, texts, cases)
    engine = open_engine(f"tantivy:{folder / 'search'}")
    Crew(records, [Indexing(records, engine)]).until_idle()
    desk = Desk(records, engine, Archive(folder / "archive"), clock=Clock(), a_minute=100_000, cache=cache())
    return Held(desk, texts, cases)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Held, Held]]:
    """The installation with hostile texts, and the one with plain ones."""
    made = []
    for name, texts in (("hostile", EVERY), ("plain", PLAIN)):
        folder = tmp_path_factory.mktemp(name)
        made.append(held(sqlite_at(folder / "k.db"), folder, texts))
    yield made[0], made[1]
    for one in made:
        one.desk.engine.close()
        one.desk.records.close()
