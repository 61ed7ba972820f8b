"""Tells open pages what happens to cases, by server-sent events.

Each process reads the activity log once a second while anyone listens to it, however many listen; so pages
that other processes serve are told all the same.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from api.auth import Who, desk_of
from api.desk import Desk
from review import live
from review.live import Change
from review.permissions import Action, require

log = structlog.get_logger("kiemtin.http")
router = APIRouter(prefix="/api/v1")

POLL_SECONDS = 1.0
# A proxy that sees nothing for a minute hangs up.
_STILL_SECONDS = 15.0
# After that a browser connects anew, and is asked anew who it is.
_LONGEST_SECONDS = 300.0
# Numbers are given before rows are kept: a lower one may come to be seen after a higher one.
_LOOK_BACK = 200
_WAITING = 1000


class LiveChange(BaseModel):
    """One thing that happened to a case; `mine` when who asks did it, `who` the name of who did."""

    id: int
    case_id: int
    what: str
    who: str | None
    mine: bool

    @classmethod
    def of(cls, change: Change, user_id: int) -> LiveChange:
        return cls(
            id=change.id, case_id=change.case_id, what=change.what, who=change.name,
            mine=change.user_id == user_id,
        )  # fmt: skip


class LiveAnswer(BaseModel):
    """What happened after `after`, and where to ask on from."""

    last: int
    changes: list[LiveChange]


class Live:
    """The one reader of a process, and those who listen to it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listeners: set[asyncio.Queue[Change | None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def listen(self) -> AsyncIterator[Change | None]:
        """Give each change as it is seen, and None when there was nothing for a while."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(_WAITING)
        self._listeners.add(queue)
        self._loop = asyncio.get_running_loop()
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        until = self._loop.time() + _LONGEST_SECONDS
        try:
            while queue in self._listeners and self._loop.time() < until:
                try:
                    yield await asyncio.wait_for(queue.get(), _STILL_SECONDS)
                except TimeoutError:
                    yield None
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """Let every stream end; for a server that stops. May be called from a signal handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hang_up)

    def _hang_up(self) -> None:
        listeners, self._listeners = self._listeners, set()
        for queue in listeners:
            if not queue.full():
                queue.put_nowait(None)

    async def _read(self) -> None:
        after = await run_in_threadpool(self._last)
        told: deque[int] = deque(maxlen=4 * _LOOK_BACK)
        while self._listeners:
            await asyncio.sleep(POLL_SECONDS)
            try:
                found = await run_in_threadpool(self._since, max(0, after - _LOOK_BACK))
            except SQLAlchemyError as error:
                log.warning("live.records_down", error=str(getattr(error, "orig", error)))
                continue
            # What was there at the start is nobody's news.
            new = [one for one in found if one.id not in told and (one.id > after or told)]
            told.extend(one.id for one in new)
            after = max([after, *(one.id for one in found)])
            self._tell(new)

    def _tell(self, new: Sequence[Change]) -> None:
        for queue in [*self._listeners]:
            for change in new:
                if queue.full():
                    self._listeners.discard(queue)  # it does not keep up; its browser asks again
                    break
                queue.put_nowait(change)

    def _last(self) -> int:
        with self._desk.records.read() as session:
            return live.last(session)

    def _since(self, after: int) -> Sequence[Change]:
        with self._desk.records.read() as session:
            return live.since(session, after)


@router.get("/live")
async def changes(
    request: Request,
    who: Who,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[str, Header()] = "",
) -> LiveAnswer:
    """Give what happened to cases after change `after`; to who accepts `text/event-stream`, as it happens.

    Without `after`: where to ask on from. A stream that broke off goes on from its `Last-Event-ID`.
    """
    require(who.person, Action.READ)
    hub: Live = request.app.state.live
    if "text/event-stream" in accept:
        missed = int(last_event_id) if last_event_id.isdigit() and len(last_event_id) < 19 else None
        stream = _events(hub, who.user.id, await run_in_threadpool(_after, desk_of(request), missed))
        # Returned whole: the framework sends it as it is, and documents the answer for programs.
        return _as_is(StreamingResponse(stream, media_type="text/event-stream"))
    return await run_in_threadpool(_answer, desk_of(request), who.user.id, after)


def _as_is(response: Response) -> LiveAnswer:
    return response  # type: ignore[return-value]


def _answer(desk: Desk, user_id: int, after: int | None) -> LiveAnswer:
    with desk.records.read() as session:
        if after is None:
            return LiveAnswer(last=live.last(session), changes=[])
        found = live.since(session, after)
    shown = [LiveChange.of(change, user_id) for change in found]
    return LiveAnswer(last=max([after, *(one.id for one in shown)]), changes=shown)


def _after(desk: Desk, missed: int | None) -> Sequence[Change]:
    if missed is None:
        return ()
    with desk.records.read() as session:
        return live.since(session, missed)


async def _events(hub: Live, user_id: int, missed: Sequence[Change]) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    for change in missed:
        yield _event(change, user_id)
    async for heard in hub.listen():
        yield ":\n\n" if heard is None else _event(heard, user_id)


def _event(change: Change, user_id: int) -> str:
    said = LiveChange.of(change, user_id).model_dump()
    return f"id: {change.id}\ndata: {json.dumps(said, ensure_ascii=False)}\n\n"
