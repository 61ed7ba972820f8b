"""A request that is sent twice is done once: the second gets the answer of the first.

A program gives a POST an `Idempotency-Key` of its own making. The key is reserved before the work and its
answer kept after it, for a day. What was refused changed nothing, so it may be tried again under the same
key. If this process dies or fails in between, nobody can say whether the work was done: the key stays taken,
and the program is told to look.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from cryptography.fernet import Fernet
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import delete

from api.desk import Desk
from review.errors import ReviewError
from store.records import lock
from store.token_tables import KeptAnswer

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(days=1)
_LONGEST = 200


class BadKey(ReviewError):
    template = "Idempotency-Key phải dài từ 1 đến {longest} ký tự ASCII không dấu cách."


class KeyReused(ReviewError):
    template = "Idempotency-Key này đã dùng cho một yêu cầu khác. Hãy dùng khóa mới. Chưa có gì được ghi."


class Unfinished(ReviewError):
    template = "Yêu cầu đầu tiên với Idempotency-Key này chưa xong. Xem hiện trạng rồi hãy gửi với khóa mới."


class Replayed(Exception):
    """A request came before; `answer` is what it was answered with."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True)
class Reserved:
    """A key that this request has taken."""

    user_id: int
    key: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.key.encode()).hexdigest()

    @property
    def cipher(self) -> Fernet:
        derived = hashlib.sha256(b"kiemtin kept answer v1 " + self.key.encode()).digest()
        return Fernet(base64.urlsafe_b64encode(derived))


async def begin(request: Request, desk: Desk, user_id: int) -> None:
    """Reserve the key of a request to change something, if it carries one.

    Raises `Replayed` when the same was done before, `KeyReused` when another was, `Unfinished`, `BadKey`.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST" or not request.url.path.startswith("/api/"):
        return
    if not 1 <= len(key) <= _LONGEST or not all("!" <= letter <= "~" for letter in key):
        raise BadKey(longest=_LONGEST)
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    reserved = Reserved(user_id, key)
    await run_in_threadpool(_reserve, desk, reserved, hashlib.sha256(asked).hexdigest())
    request.state.reserved = reserved


async def finish(request: Request, desk: Desk, response: Response) -> Response:
    """Keep the answer of a request that reserved a key, or free the key where it failed."""
    reserved: Reserved | None = getattr(request.state, "reserved", None)
    if reserved is None:
        return response
    if not 200 <= response.status_code < 300:
        if response.status_code < 500 or response.status_code == 503:
            await run_in_threadpool(_free, desk, reserved)
        return response
    body = b"".join([part async for part in _parts(response)])
    media_type = response.headers.get("Content-Type", "")
    await run_in_threadpool(_keep, desk, reserved, response.status_code, media_type, body)
    whole = Response(body, response.status_code)
    whole.raw_headers = list(response.raw_headers)
    return whole


async def on_replayed(request: Request, error: Exception) -> Response:
    """Answer what was answered before."""
    if not isinstance(error, Replayed):
        raise error
    return error.answer


async def _parts(response: Response) -> AsyncIterator[bytes]:
    # What a middleware is given back streams; its parts may be text by the letter of the interface.
    async for part in response.body_iterator:  # type: ignore[attr-defined]
        yield part if isinstance(part, bytes) else bytes(str(part), "utf-8")


def _reserve(desk: Desk, reserved: Reserved, request_sha256: str) -> None:
    at = desk.clock()
    with desk.records.write() as session:
        lock(session, f"answers/{reserved.user_id}")
        session.execute(
            delete(KeptAnswer).where(KeptAnswer.user_id == reserved.user_id, KeptAnswer.at <= at - KEPT_FOR)
        )
        found = session.get(KeptAnswer, (reserved.user_id, reserved.sha256))
        if found is None:
            session.add(
                KeptAnswer(
                    user_id=reserved.user_id, key_sha256=reserved.sha256, request_sha256=request_sha256,
                    at=at, status=None, media_type="", body=b"",
                )
            )  # fmt: skip
            return
    if found.request_sha256 != request_sha256:
        raise KeyReused()
    if found.status is None:
        raise Unfinished()
    answer = Response(reserved.cipher.decrypt(found.body), found.status)
    if found.media_type:
        answer.headers["Content-Type"] = found.media_type
    answer.headers["Idempotency-Replayed"] = "true"
    raise Replayed(answer)


def _keep(desk: Desk, reserved: Reserved, status: int, media_type: str, body: bytes) -> None:
    with desk.records.write() as session:
        kept = session.get(KeptAnswer, (reserved.user_id, reserved.sha256))
        if kept is not None:
            kept.status, kept.media_type, kept.body = status, media_type, reserved.cipher.encrypt(body)


def _free(desk: Desk, reserved: Reserved) -> None:
    with desk.records.write() as session:
        session.execute(
            delete(KeptAnswer).where(
                KeptAnswer.user_id == reserved.user_id, KeptAnswer.key_sha256 == reserved.sha256
            )
        )
