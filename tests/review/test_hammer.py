"""Eight reviewers at one queue: no case is decided twice, none is lost, and the log holds together."""

from __future__ import annotations

import threading
from collections import Counter

from sqlalchemy import func, select

from review import decision, queue
from review.decision import Verdict
from review.permissions import Person
from store import audit
from store.records import Records
from store.tables import Activity, Case, Decision
from store.vocabulary import CaseState, Outcome
from tests.bulk import cases
from tests.factory import NOW, person

CLIENTS, CASES = 8, 500
PROTECTED = Verdict(Outcome.PROTECTED, "ý kiến", act="opinion")


class Client(threading.Thread):
    """Takes the next case and decides it until there is none; every tenth it gives back first."""

    def __init__(self, records: Records, who: Person) -> None:
        super().__init__()
        self.records, self.who = records, who
        self.decided: list[int] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while self._one():
                pass
        except Exception as error:  # noqa: BLE001 told by the test, in its own thread
            self.error = error

    def _one(self) -> bool:
        with self.records.write() as session:
            held = queue.lease_next(session, self.who, queue.ALL, NOW)
        if held is None:
            return False
        with self.records.write() as session:
            if held.case_id % 10 == 0 and held.version == 1:
                queue.release(session, self.who, held.case_id, held.token, NOW)
                return True
            decision.decide(
                session,
                self.who,
                held.case_id,
                held.version,
                held.token,
                f"{held.case_id:064d}",
                PROTECTED,
                NOW,
            )
        self.decided.append(held.case_id)
        return True


def test_eight_clients_never_decide_the_same_case_and_lose_nothing(records: Records) -> None:
    cases(records, CASES)
    clients = [Client(records, person(records, f"r{i}")) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert [client.error for client in clients if client.error] == []
    # A client stops when all that is left is being taken by others; should one of those give it back, it waits.
    last = Client(records, clients[0].who)
    last.run()
    assert last.error is None
    decided = Counter(case for client in [*clients, last] for case in client.decided)
    with records.read() as session:
        left = session.scalar(select(func.count()).select_from(Case).where(Case.state != CaseState.DECIDED))
        made = Counter(session.scalars(select(Decision.case_id)).all())
        logged = Counter(session.scalars(select(Activity.case_id).where(Activity.what == "decided")).all())
        verdict = audit.verify(session)
    assert decided == made == logged == dict.fromkeys(range(1, CASES + 1), 1)
    assert left == 0
    assert verdict.ok
