"""The JSON API: translates requests into calls of the rooms below, and holds no rule of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, BaseModel

from api import auth, pictures, pipeline, region, schemas, views
from api import sources as source_room
from api.auth import SignedIn, Who, desk_of
from api.bounds import Count, Day, Id, reckonable
from api.paging import Pages, link_next
from reports import unusual
from review import case_page, decision, queue
from review.decision import Verdict
from search.engine import Query as Question
from store.vocabulary import Outcome

router = APIRouter(prefix="/api/v1")


class Credentials(BaseModel):
    login: str
    password: str


class PasswordChange(BaseModel):
    current: str
    new: str


class Held(BaseModel):
    token: str


class Skip(Held):
    reason: str


class Seen(Held):
    version: Count
    seen: str


class Escalation(Seen):
    reason: str


class Decide(Seen):
    """A decision; see `review.decision.Verdict` for what each outcome needs."""

    outcome: Outcome
    reason: str = ""
    correction: str = ""
    act: str = ""
    claim_id: str = ""


class Reason(BaseModel):
    reason: str


@router.get("/first")
def first(request: Request, response: Response) -> dict[str, str]:
    """Give the token that a sign-in must carry in `X-CSRF-Token`."""
    return {"csrf": auth.first_token(request, response)}


@router.post("/sign-in", dependencies=[Depends(auth.first_in_header)])
def sign_in(request: Request, response: Response, given: Credentials) -> dict[str, bool]:
    user = auth.sign_in(request, response, given.login, given.password)
    return {"must_change": user is not None and user.must_change, "needs_code": user is None}


@router.post("/sign-out", status_code=204)
def sign_out(
    request: Request, response: Response, who: Annotated[SignedIn, Depends(auth.signed_in_or_changing)]
) -> None:
    auth.sign_out(request, response, who)


@router.get("/me")
def me(who: Annotated[SignedIn, Depends(auth.signed_in_or_changing)]) -> schemas.Me:
    user = who.user
    return schemas.Me(
        login=user.login, name=user.name, role=user.role, must_change=user.must_change, csrf=who.csrf
    )


@router.post("/me/password", status_code=204)
def change_password(
    request: Request,
    response: Response,
    given: PasswordChange,
    who: Annotated[SignedIn, Depends(auth.signed_in_or_changing)],
) -> None:
    """Change one's password. The session gets a new token and `csrf`, all others end."""
    auth.change_password(request, response, who, given.current, given.new)


@router.get("/lanes")
def lanes(request: Request, who: Who, region: region.Asked) -> dict[str, int]:
    desk = desk_of(request)
    with desk.records.read() as session:
        return queue.lanes(session, who.person, desk.clock(), region)


@router.get("/queue")
def listing(
    request: Request, who: Who, region: region.Asked, paged: Pages, lane: str = queue.ALL
) -> list[schemas.QueueRow]:
    desk = desk_of(request)
    with desk.records.read() as session:
        at = desk.clock()
        cases = queue.listing(session, who.person, lane, at, paged.offset, paged.more, region)
        return [schemas.QueueRow.of(case, desk.clocks, at) for case in paged.by_offset(cases)]


@router.post("/lanes/{lane}/next")
def lease_next(request: Request, who: Who, lane: str, region: region.Asked) -> schemas.LeaseAnswer | None:
    """Lease the next case of a lane; null when none is left."""
    desk = desk_of(request)
    with desk.records.write() as session:
        lease = queue.lease_next(session, who.person, lane, desk.clock(), region, desk.severe_in_a_row)
    return schemas.LeaseAnswer.of(lease) if lease else None


@router.get("/cases/{case_id}")
def case(request: Request, who: Who, case_id: Id) -> schemas.CaseAnswer:
    desk = desk_of(request)
    with desk.records.read() as session:
        shown = case_page.load(session, who.person, case_id)
    return schemas.CaseAnswer.of(shown, desk.clocks, desk.clock())


@router.post("/cases/{case_id}/lease")
def lease(request: Request, who: Who, case_id: Id) -> schemas.LeaseAnswer:
    desk = desk_of(request)
    with desk.records.write() as session:
        return schemas.LeaseAnswer.of(queue.lease(session, who.person, case_id, desk.clock()))


@router.post("/cases/{case_id}/renew")
def renew(request: Request, who: Who, case_id: Id, given: Held) -> schemas.LeaseAnswer:
    desk = desk_of(request)
    with desk.records.write() as session:
        return schemas.LeaseAnswer.of(queue.renew(session, who.person, case_id, given.token, desk.clock()))


@router.post("/cases/{case_id}/release", status_code=204)
def release(request: Request, who: Who, case_id: Id, given: Held) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        queue.release(session, who.person, case_id, given.token, desk.clock())


@router.post("/cases/{case_id}/skip", status_code=204)
def skip(request: Request, who: Who, case_id: Id, given: Skip) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        queue.skip(session, who.person, case_id, given.token, given.reason, desk.clock())


@router.post("/cases/{case_id}/decide")
def decide(request: Request, who: Who, case_id: Id, given: Decide) -> schemas.DecisionAnswer:
    desk = desk_of(request)
    verdict = Verdict(given.outcome, given.reason, given.correction, given.act, given.claim_id)
    with desk.records.write() as session:
        made = decision.decide(
            session, who.person, case_id, given.version, given.token, given.seen, verdict, desk.clock()
        )
        return schemas.DecisionAnswer.model_validate(made)


@router.post("/cases/{case_id}/escalate", status_code=204)
def escalate(request: Request, who: Who, case_id: Id, given: Escalation) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        decision.escalate(
            session, who.person, case_id, given.version, given.token, given.seen, given.reason, desk.clock()
        )


@router.post("/cases/{case_id}/reopen", status_code=204)
def reopen(request: Request, who: Who, case_id: Id, given: Reason) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        decision.reopen(session, who.person, case_id, given.reason, desk.clock())


@router.post("/decisions/{decision_id}/undo")
def undo(request: Request, who: Who, decision_id: Id) -> schemas.LeaseAnswer:
    desk = desk_of(request)
    with desk.records.write() as session:
        return schemas.LeaseAnswer.of(decision.undo(session, who.person, decision_id, desk.clock()))


def _in_vietnam(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))


# A day typed without a zone is a day in Vietnam.
Moment = Annotated[datetime, AfterValidator(reckonable), AfterValidator(_in_vietnam)]


class Asked(BaseModel):
    """A search as it stands in a URL; see `search.engine.Query`."""

    q: str = ""
    source: list[str] = []
    kind: list[str] = []
    act: list[str] = []
    harm: list[str] = []
    province: list[str] = []
    state: list[str] = []
    flagged: bool | None = None
    protected: bool | None = None
    uncertain: bool | None = None
    since: Moment | None = None
    until: Moment | None = None
    order: Literal["relevance", "newest", "harmful"] = "relevance"
    after: Annotated[str, Query(max_length=200)] = ""
    limit: Annotated[int, Query(ge=1, le=100)] = 20

    def question(self) -> Question:
        """Return the question for the engine."""
        return Question(
            text=self.q[:500], sources=tuple(self.source), kinds=tuple(self.kind), acts=tuple(self.act),
            harms=tuple(self.harm), provinces=tuple(self.province), states=tuple(self.state),
            flagged=self.flagged, protected=self.protected, uncertain=self.uncertain, since=self.since,
            until=self.until, after=self.after, limit=self.limit, order=self.order,
        )  # fmt: skip


@router.get("/search")
def search(
    request: Request, response: Response, who: Who, asked: Annotated[Asked, Query()]
) -> schemas.SearchAnswer:
    found = desk_of(request).engine.search(asked.question())
    if found.next:
        link_next(request, response, found.next)
    return schemas.SearchAnswer.model_validate(found)


@router.get("/cases/{case_id}/similar")
def similar(request: Request, who: Who, case_id: Id) -> list[schemas.SimilarAnswer]:
    desk = desk_of(request)
    with desk.records.read() as session:
        found = views.similar(session, who.person, desk.engine, case_id)
    return [schemas.SimilarAnswer.model_validate(one) for one in found]


@router.get("/work")
def work(request: Request, who: Who) -> schemas.WorkAnswer:
    """Give the queues with their lag, the workers, the tasks given up, and what is wrong now."""
    desk = desk_of(request)
    with desk.records.read() as session:
        seen = pipeline.overview(session, desk.clock())
    return schemas.WorkAnswer.of(seen, desk.standing.faults())


@router.post("/work/{task_id}/retry")
def retry(request: Request, who: Who, task_id: Id) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        pipeline.retry(session, who.person, task_id, desk.clock())


@router.post("/work/{task_id}/discard")
def discard(request: Request, who: Who, task_id: Id) -> None:
    with desk_of(request).records.write() as session:
        pipeline.discard(session, who.person, task_id)


@router.post("/cases/{case_id}/picture", status_code=202)
def ask_for_picture(request: Request, who: Who, case_id: Id) -> None:
    desk = desk_of(request)
    with desk.records.write() as session:
        pictures.ask(session, who.person, case_id, desk.clock())


@router.get(
    "/cases/{case_id}/picture", response_class=Response, responses={200: {"content": {"image/png": {}}}}
)
def picture(request: Request, who: Who, case_id: Id) -> Response:
    """Give the latest picture of the page of a case's post; an event says that it was seen."""
    desk = desk_of(request)
    with desk.records.write() as session:
        return Response(pictures.read(session, desk.archive, who.person, case_id), media_type="image/png")


@router.get("/sources")
def sources(request: Request, who: Who) -> list[schemas.SourceAnswer]:
    with desk_of(request).records.read() as session:
        return [
            schemas.SourceAnswer(
                **{name: getattr(health.source, name) for name in _SOURCE_FIELDS},
                posts=health.posts,
                last_run=health.runs[0].started_at if health.runs else None,
                last_state=health.runs[0].state if health.runs else None,
                counters=health.runs[0].counters if health.runs else {},
                succeeded_at=health.succeeded_at,
                days=list(health.days),
                next_at=health.root.due_at if health.root else None,
                failures=health.root.attempts if health.root else 0,
                error=health.root.error if health.root else None,
                pages_waiting=health.waiting,
            )
            for health in source_room.health(session, who.person, desk_of(request).clock())
        ]


_SOURCE_FIELDS = (
    "id", "name", "kind", "url", "language", "legal_basis", "rate", "enabled", "paused_at", "verified_at",
)  # fmt: skip


@router.post("/sources/{source_id}/pause")
def pause_source(request: Request, who: Who, source_id: Id) -> None:
    with desk_of(request).records.write() as session:
        source_room.pause(session, who.person, source_id)


@router.post("/sources/{source_id}/resume")
def resume_source(request: Request, who: Who, source_id: Id) -> None:
    with desk_of(request).records.write() as session:
        source_room.resume(session, who.person, source_id)


@router.post("/sources/{source_id}/test")
def test_source(request: Request, who: Who, source_id: Id) -> dict[str, object]:
    return source_room.try_out(desk_of(request), who.person, source_id)


@router.get("/runs")
def runs(request: Request, who: Who, paged: Pages) -> list[schemas.RunAnswer]:
    with desk_of(request).records.read() as session:
        found = views.runs(session, who.person, paged.more, paged.before)
        return [schemas.RunAnswer.of(run) for run in paged.by_id(found, lambda run: run.id)]


@router.get("/audit")
def audit_log(
    request: Request, who: Who, paged: Pages, actor: str = "", action: str = "", subject: str = "",
    since: Day | None = None, until: Day | None = None,
) -> list[schemas.EventAnswer]:  # fmt: skip
    """Give events, newest first; `since` and `until` are days in Vietnam, both within."""
    wanted = views.EventFilter(actor, action, subject, since, until)
    with desk_of(request).records.read() as session:
        found = views.events(session, who.person, wanted, paged.before, paged.more)
        return [schemas.EventAnswer.of(event) for event in paged.by_id(found, lambda event: event.id)]


@router.get("/audit/digest")
def digest(request: Request, who: Who, week: str = "") -> unusual.Digest:
    """Give the digest of a week (`2026-W47`; the one that is over): unusual numbers, and odd hours."""
    desk = desk_of(request)
    with desk.records.read() as session:
        return views.digest(session, who.person, week, desk.clock())


@router.get("/audit/verify")
def verify(request: Request, who: Who) -> schemas.VerdictAnswer:
    with desk_of(request).records.read() as session:
        return schemas.VerdictAnswer.model_validate(views.verify(session, who.person))


@router.get("/captures/{capture_id}")
def capture(request: Request, who: Who, capture_id: Id, reason: str = "") -> schemas.CaptureAnswer:
    """Give a capture's record; an event says that it was looked at, and why: `reason` must be given."""
    with desk_of(request).records.write() as session:
        return schemas.CaptureAnswer.model_validate(views.capture(session, who.person, capture_id, reason))
