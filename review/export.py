"""Reads decided cases and writes what they teach as training rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from review import learning
from review.learning import Consensus, Standing
from review.leaving import leaving
from review.permissions import Person
from store.records import Records
from store.tables import Case, Decision
from store.vocabulary import CaseState

_PAGE = 200
# A row of a query; its columns are named where it is made.
_Row = Any

# Why a case gave no row: beside the standings, it waits again, its text was edited, or it is from before.
OPEN, EDITED, EARLIER = "open", "edited", "earlier"
_UNTAUGHT = tuple(standing.value for standing in Standing if standing != Standing.AGREED)
_COUNTED = ("cases", "exported", "privacy", *_UNTAUGHT, OPEN, EDITED, EARLIER)


@dataclass(frozen=True)
class Wanted:
    """Which decisions: from `since` on; also on texts that were edited since; also of one person alone."""

    since: datetime | None = None
    all_versions: bool = False
    single: bool = False


@dataclass(frozen=True)
class Decided:
    """A text that was decided, as it was seen, and how its decisions stand. `why` names the counter."""

    case: int
    cluster: int
    why: str
    agreed: Consensus
    content_hash: str
    snapshot: Mapping[str, Any]
    policy: str
    at: datetime | None

    @property
    def row(self) -> dict[str, Any] | None:
        """The training row, or None when the decisions teach nothing."""
        if self.why != "exported" or self.at is None:
            return None
        return learning.row(
            case=self.case,
            cluster=self.cluster,
            text=self.snapshot["text"],
            content_hash=self.content_hash,
            agreed=self.agreed,
            assessment=self.snapshot["assessment"],
            decided=self.at.isoformat(timespec="seconds"),
            policy=self.policy,
        )


def export_decisions(
    records: Records,
    person: Person,
    target: Path,
    wanted: Wanted,
    *,
    raw: bool = False,
    reason: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Write the training rows of decided cases to `target` and return the counters.

    Streams: memory does not grow with the number of cases. `progress` is told cases read and cases in all.
    Raises what `review.leaving.leaving` raises.
    """
    since = wanted.since.isoformat() if wanted.since else None
    how = {"since": since, "all_versions": wanted.all_versions, "single": wanted.single}
    with leaving(records, person, target, "decisions", raw=raw, reason=reason, **how) as out:
        out.counters.update(dict.fromkeys(_COUNTED, 0))
        with records.read() as session:
            total = count(session)
            for done, (_, texts) in enumerate(decided(session, wanted), 1):
                out.counters["cases"] += 1
                for one in texts:
                    out.counters[one.why] += 1
                    if (row := one.row) is not None:
                        out.counters["privacy"] += "privacy" in row["harm"]
                        out.put(row)
                progress(done, total)
    return dict(out.counters)


def count(session: Session) -> int:
    """Return how many cases have a decision, undone or not."""
    return session.scalar(select(func.count(Decision.case_id.distinct()))) or 0


def decided(
    session: Session, wanted: Wanted, *, newest_first: bool = False
) -> Iterator[tuple[int, list[Decided]]]:
    """Yield every case that has a decision, by id, with its decided texts: one, or more with `all_versions`.

    Two queries a page of cases.
    """
    known = select(Decision.case_id).distinct()
    order = Case.id.desc() if newest_first else Case.id.asc()
    last: int | None = None
    while True:
        page = select(Case.id, Case.cluster_id, Case.state, Case.content_hash).where(Case.id.in_(known))
        if last is not None:
            page = page.where(Case.id < last if newest_first else Case.id > last)
        cases = session.execute(page.order_by(order).limit(_PAGE)).all()
        if not cases:
            return
        made = _decisions(session, [case.id for case in cases])
        for case in cases:
            yield case.id, _texts(case, made[case.id], wanted)
        last = cases[-1].id


def _decisions(session: Session, case_ids: Sequence[int]) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = defaultdict(list)
    rows = session.execute(
        select(
            Decision.case_id, Decision.user_id, Decision.outcome, Decision.act, Decision.snapshot,
            Decision.policy, Decision.at, Decision.undone_at,
        )
        .where(Decision.case_id.in_(case_ids))
        .order_by(Decision.id)
    )  # fmt: skip
    for row in rows:
        found[row.case_id].append(row)
    return found


def _texts(case: _Row, decisions: Sequence[_Row], wanted: Wanted) -> list[Decided]:
    by_text: dict[str, list[_Row]] = defaultdict(list)
    for decision in decisions:
        by_text[decision.snapshot["content_hash"]].append(decision)
    if wanted.all_versions:
        return [_text(case, text, of_it, wanted) for text, of_it in by_text.items()]
    if case.content_hash in by_text:
        return [_text(case, case.content_hash, by_text[case.content_hash], wanted)]
    (text, of_it) = list(by_text.items())[-1]
    return [_text(case, text, of_it, wanted, why=EDITED)]


def _text(case: _Row, content_hash: str, decisions: Sequence[_Row], wanted: Wanted, why: str = "") -> Decided:
    opinions = [
        learning.opinion(d.user_id, d.outcome, d.snapshot, undone=d.undone_at is not None, act=d.act)
        for d in decisions
    ]
    agreed = learning.consensus(opinions, single=wanted.single)
    standing = [d for d in decisions if d.undone_at is None]
    latest = standing[-1] if standing else decisions[-1]
    return Decided(
        case=case.id,
        cluster=case.cluster_id,
        why=why or _why(case, content_hash, agreed, latest, wanted),
        agreed=agreed,
        content_hash=content_hash,
        snapshot=latest.snapshot,
        policy=latest.policy,
        at=latest.at if standing else None,
    )


def _why(case: _Row, content_hash: str, agreed: Consensus, latest: _Row, wanted: Wanted) -> str:
    if agreed.standing in {Standing.UNDONE, Standing.EMPTY}:
        return agreed.standing.value
    if case.content_hash == content_hash and case.state != CaseState.DECIDED:
        return OPEN
    if wanted.since is not None and latest.at < wanted.since:
        return EARLIER
    if not (latest.snapshot.get("text") or "").strip():
        return Standing.EMPTY.value
    return "exported" if agreed.standing == Standing.AGREED else agreed.standing.value
