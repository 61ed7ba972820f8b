"""Tells open pages what happens to cases, by server-sent events.

Each process reads the activity log once a second while anyone listens to it, however many listen; so pages
that other processes serve are told all the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Query, Request
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


Heard = asyncio.Queue[Change | None]


class Live:
    """The one reader of a process, and those who listen to it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listeners: set[Heard] = set()
        self._placed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Heard]:
        """Give a queue of all that happens from now on; None in it, and the end: somebody hung up."""
        heard: Heard = asyncio.Queue(_WAITING)
        self._listeners.add(heard)
        self._loop = asyncio.get_running_loop()
        if self._reading is None or self._reading.done():
            self._placed = asyncio.Event()
            self._reading = asyncio.create_task(self._read(self._placed))
        try:
            await self._placed.wait()
            yield heard
        finally:
            self._listeners.discard(heard)

    def close(self) -> None:
        """Let every stream end; for a server that stops. May be called from a signal handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hang_up)

    def _hang_up(self) -> None:
        for heard in [*self._listeners]:
            self._drop(heard)

    def _drop(self, heard: Heard) -> None:
        self._listeners.discard(heard)
        if heard.full():
            heard.get_nowait()
        heard.put_nowait(None)

    async def _read(self, placed: asyncio.Event) -> None:
        after, told = 0, set[int]()
        while self._listeners:
            try:
                found = await run_in_threadpool(self.since, after - _LOOK_BACK if placed.is_set() else None)
            except SQLAlchemyError as error:
                log.warning("live.records_down", error=str(getattr(error, "orig", error)))
            else:
                # What was there at the start is nobody's news.
                self._tell([one for one in found if one.id not in told] if placed.is_set() else ())
                told |= {one.id for one in found}
                after = max([after, *told])
                told = {number for number in told if number > after - _LOOK_BACK}
                placed.set()
            await asyncio.sleep(POLL_SECONDS)

    def _tell(self, new: Sequence[Change]) -> None:
        for heard in [*self._listeners]:
            for change in new:
                if heard.full():
                    # It does not keep up; its browser connects anew and asks for what it missed.
                    self._drop(heard)
                    break
                heard.put_nowait(change)

    def since(self, after: int | None) -> Sequence[Change]:
        """Return what happened after a change, or of late where None is given."""
        with self._desk.records.read() as session:
            return live.since(session, live.last(session) - _LOOK_BACK if after is None else after)


@router.get("/live")
async def changes(
    request: Request,
    who: Who,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[str, Header()] = "",
) -> LiveAnswer:
    """Give what happened to cases after change `after`; to who accepts `text/event-stream`, as it happens.

    Without `after`: where to ask on from, or a stream from now on. A stream that broke off goes on from its
    `Last-Event-ID`.
    """
    require(who.person, Action.READ)
    if "text/event-stream" in accept:
        missed = int(last_event_id) if last_event_id.isdecimal() and len(last_event_id) < 19 else after
        stream = StreamingResponse(_events(request, who.user.id, missed), media_type="text/event-stream")
        # The framework sends a response as it is, and documents the answer that programs get.
        return stream  # type: ignore[return-value]
    return await run_in_threadpool(_answer, desk_of(request), who.user.id, after)


def _answer(desk: Desk, user_id: int, after: int | None) -> LiveAnswer:
    with desk.records.read() as session:
        if after is None:
            return LiveAnswer(last=live.last(session), changes=[])
        found = live.since(session, after)
    shown = [LiveChange.of(change, user_id) for change in found]
    return LiveAnswer(last=max([after, *(one.id for one in shown)]), changes=shown)


async def _events(request: Request, user_id: int, missed: int | None) -> AsyncIterator[str]:
    hub: Live = request.app.state.live
    until = asyncio.get_running_loop().time() + _LONGEST_SECONDS
    async with hub.listening() as heard:
        yield "retry: 3000\n\n"
        if missed is not None:
            for change in await run_in_threadpool(hub.since, missed):
                yield _event(change, user_id)
        while asyncio.get_running_loop().time() < until:
            try:
                said = await asyncio.wait_for(heard.get(), _STILL_SECONDS)
            except TimeoutError:
                yield ":\n\n"
                continue
            if said is None:
                return
            yield _event(said, user_id)


def _event(change: Change, user_id: int) -> str:
    said = LiveChange.of(change, user_id).model_dump()
    return f"id: {change.id}\ndata: {json.dumps(said, ensure_ascii=False)}\n\n"
