"""Scores posts and opens cases. What was found and the end of its task are one transaction.

A post that was scored before, and is owed a score because another policy came into force, is judged again
from the scores that were kept; one that somebody has decided meanwhile is left as it is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

import models
from classifier.assess import Assessment, assess, judge_again
from classifier.claims.current import Current
from classifier.in_force import InForce
from classifier.judgement import Free
from classifier.model import Model
from classifier.policy import Policy
from crawlers import frontier
from kiemtin.work.station import Resting, Taking
from review import case as cases
from store import claim_mentions, outbox, places, policies, tables, tasks
from store.faults import FaultKind
from store.policy_tables import PolicySwitch
from store.records import Records
from store.tasks import Batch
from store.vocabulary import CaseState, TaskKind

log = structlog.get_logger("kiemtin.work")


_PAUSE = timedelta(seconds=2)


@dataclass(frozen=True)
class _Wanted:
    """The posts of a batch, the policy in force with its hash, and those that the posts were judged by."""

    posts: Sequence[tables.Post]
    policy: Policy
    sha256: str
    before: Mapping[str, Policy]

    @property
    def versions(self) -> dict[int, int]:
        return {post.id: post.version for post in self.posts}

    def judged(self, post: tables.Post) -> tables.Assessment | None:
        """Return the assessment of a post as it reads now, or None."""
        row = post.assessment
        return row if row is not None and row.post_version == post.version else None


class Scoring(Taking):
    """The queue `score`; see `kiemtin.work.station.Station`.

    `otherwise` is the policy where none was ever recorded; without it the station rests then. Vectors of
    claims are kept in `cache`.
    """

    kind = TaskKind.SCORE

    def __init__(
        self,
        records: Records,
        model: Model,
        otherwise: Policy | None,
        batch: int = 128,
        cache: Path | None = None,
    ) -> None:
        super().__init__(records, batch)
        self.model = model
        self.in_force = InForce(otherwise)
        self.claims = Current(records, model, cache)

    def do(self, batch: Batch) -> None:
        """Score the posts, and open and refresh their cases."""
        try:
            wanted = self._wanted(batch)
        except models.DataError as unreadable:
            with self.records.write() as session:
                tasks.give_back(session, batch, _PAUSE)
            raise Resting(str(unreadable), FaultKind.POLICY) from unreadable
        began = time.perf_counter()
        again = {one.id: one for post in wanted.posts if (one := self._again(post, wanted)) is not None}
        fresh = [post for post in wanted.posts if post.id not in again]
        found, failed = self._assess(fresh, wanted.policy) if fresh else ([], {})
        self.hand.counters["score/milliseconds"] += round((time.perf_counter() - began) * 1000)
        self.hand.counters["score/judged_again"] += len(again)
        with self.records.write() as session:
            if _sha256(policies.judging(session)) != wanted.sha256:
                # Switched meanwhile: nothing may be written by the policy before.
                tasks.give_back(session, batch)
                return
            self._write(session, [*again.values(), *found], wanted)
            for post_id, error in failed.items():
                tasks.fail(session, batch, post_id, error)
            # Posts that are gone meanwhile owe nothing.
            tasks.finish(session, batch, [i for i in batch.subject_ids if i not in failed])

    def _wanted(self, batch: Batch) -> _Wanted:
        with self.records.read() as session:
            switch = policies.active(session)
            policy = self.in_force.of(switch)
            posts = session.scalars(
                select(tables.Post)
                .where(tables.Post.id.in_(batch.subject_ids), tables.Post.purged_at.is_(None))
                .options(joinedload(tables.Post.assessment))
            ).all()
            versions = {post.assessment.policy for post in posts if post.assessment is not None}
            rows = policies.of_versions(session, versions - {policy.version})
        before = {}
        for version, row in rows.items():
            with suppress(models.DataError):  # one that can no longer be read: its posts are scored anew
                before[version] = self.in_force.of(row)
        return _Wanted(posts, policy, _sha256(switch), before)

    def _again(self, post: tables.Post, wanted: _Wanted) -> Assessment | None:
        """Judge a post from the scores that were kept, or return None when they are not enough."""
        row = wanted.judged(post)
        if row is None or row.model != self.model.name or row.policy not in wanted.before:
            return None
        if not wanted.policy.needs_no_more_than(wanted.before[row.policy]):
            return None
        try:
            return judge_again(Assessment.from_dict(row.detail), post.text, self.model, wanted.policy)
        except (KeyError, TypeError, ValueError):
            return None  # kept in another form, by another version of this program

    def _assess(
        self, posts: Sequence[tables.Post], policy: Policy
    ) -> tuple[list[Assessment], dict[int, str]]:
        claims = self.claims.matcher()
        try:
            return assess(posts, self.model, policy, claims), {}
        except Exception:
            # One post in the batch is at fault: find it, so that the others are not held up.
            log.exception("score.batch_failed", posts=[post.id for post in posts])
        found, failed = [], {}
        for post in posts:
            try:
                found += assess([post], self.model, policy, claims)
            except Exception as error:
                failed[post.id] = f"{type(error).__name__}: {error}"
                self.hand.counters["score/failed"] += 1
                log.exception("score.failed", post=post.id)
        return found, failed

    def _write(self, session: Session, found: Sequence[Assessment], wanted: _Wanted) -> None:
        now = datetime.now(UTC)
        # All locks are taken at the start and in order of id: two workers, or a worker and a reviewer,
        # never wait for each other in a circle.
        versions = wanted.versions
        asked = select(tables.Post).where(tables.Post.id.in_(versions)).order_by(tables.Post.id)
        posts = {post.id: post for post in session.scalars(asked.with_for_update())}
        decided = _decided(session, {post.cluster_id for post in posts.values()})
        judged = {post.id: row for post in wanted.posts if (row := wanted.judged(post)) is not None}
        known = _rows(session, found)
        scored, flagged = [], []
        for one in found:
            post = posts.get(one.id)
            if post is None or post.purged_at is not None or post.version != versions[one.id]:
                continue  # gone, or edited meanwhile; the edit owes its own task
            if one.id in judged and post.cluster_id in decided:
                continue  # a person has said what it is
            row = known.get((one.id, post.version, one.model, one.policy))
            if row is None:
                row = _new_row(one, post.version, now)
                session.add(row)
                if one.flagged and not (one.id in judged and judged[one.id].flagged):
                    flagged.append(post)
            scored.append((post, row))
            self._count(one)
        session.flush()
        again = [post.id for post, row in scored if post.id in judged and post.assessment_id != row.id]
        for post, row in scored:
            post.assessment_id = row.id
        session.flush()
        places.keep(session, [post for post, _ in scored], {one.id: _named(one) for one in found})
        claim_mentions.keep(session, {row.post_id: _mentioned(row) for _, row in scored})
        frontier.watch(session, flagged, now)
        cases.refresh(session, {post.cluster_id for post, _ in scored}, now)
        cases.judged_again(session, again, now)
        outbox.owe_index(session, [one.id for one in found if not _reads_as(judged.get(one.id), one)])

    def _count(self, one: Assessment) -> None:
        self.hand.counters["score/done"] += 1
        self.hand.counters["score/flagged"] += one.flagged
        self.hand.counters["score/protected"] += one.protected
        self.hand.counters["score/uncertain"] += one.uncertain


_Key = tuple[int, int, str, str]


def _rows(session: Session, found: Sequence[Assessment]) -> dict[_Key, tables.Assessment]:
    """Return the rows there are; a post scored again by the same model and policy keeps its row."""
    rows = session.scalars(
        select(tables.Assessment).where(tables.Assessment.post_id.in_([one.id for one in found]))
    )
    return {(row.post_id, row.post_version, row.model, row.policy): row for row in rows}


def _reads_as(row: tables.Assessment | None, one: Assessment) -> bool:
    """Say whether a searcher finds by `one` what they found by the assessment before."""
    before = row and (row.flagged, row.protected, row.uncertain, row.harmful, row.act, row.detail["found"])
    return before == (one.flagged, one.protected, one.uncertain, one.harmful, one.act, [*one.found])


def _sha256(switch: PolicySwitch | None) -> str:
    return switch.sha256 if switch is not None else ""


def _decided(session: Session, clusters: set[int]) -> set[int]:
    """Hold the cases of some clusters, and return the clusters that somebody has decided."""
    held = select(tables.Case).where(tables.Case.cluster_id.in_(clusters)).order_by(tables.Case.id)
    cases = session.scalars(held.with_for_update())
    return {case.cluster_id for case in cases if case.state == CaseState.DECIDED}


def _named(one: Assessment) -> list[tuple[str, str]]:
    return [(code, province) for code, _, province in one.places]


def _mentioned(row: tables.Assessment) -> list[tuple[str, bool]]:
    return [(claim["claim_id"], claim.get("confirmed", False)) for claim in row.detail["claims"]]


def _new_row(one: Assessment, version: int, now: datetime) -> tables.Assessment:
    return tables.Assessment(
        post_id=one.id,
        post_version=version,
        model=one.model,
        policy=one.policy,
        about=one.about,
        act=one.act,
        harmful=one.harmful,
        flagged=one.flagged,
        protected=one.protected,
        uncertain=one.uncertain,
        referable=isinstance(one.judged, Free) and bool(one.judged.referable),
        priority=one.priority,
        detail=one.to_dict(),
        at=now,
    )
