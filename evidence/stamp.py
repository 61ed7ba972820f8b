"""Asks time-stamping authorities (RFC 3161) to date a signature, and keeps the raw answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import urllib3
from rfc3161_client import HashAlgorithm, PKIStatus, TimestampRequestBuilder, decode_timestamp_response

from evidence.errors import BundleError

Ask = Callable[[str, bytes], bytes]
_LARGEST = 1 << 20
_TIMEOUT = urllib3.Timeout(connect=5, read=15)


class NotStamped(BundleError):
    """An authority gave no date; the message says why. It is asked again later."""


@dataclass(frozen=True)
class Stamp:
    """A raw TimeStampResp, and the moment that it says."""

    token: bytes
    at: datetime


def stamp(authority: str, content: bytes, ask: Ask | None = None) -> Stamp:
    """Return the stamp of `authority` (a URL) over `content`; raises `NotStamped`.

    It is checked to be over this content, with the number that was sent; its certificates are looked at when
    the bundle is verified.
    """
    request = (
        TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True)
        .cert_request(cert_request=True).build()
    )  # fmt: skip
    answer = (ask or over_http)(authority, request.as_bytes())
    try:
        response = decode_timestamp_response(answer)
        if PKIStatus(response.status) != PKIStatus.GRANTED:
            raise NotStamped(f"{authority} từ chối: {', '.join(response.status_string) or response.status}")
        info = response.tst_info
        fits = info.message_imprint.message == request.message_imprint.message and info.nonce == request.nonce
    except ValueError as error:
        raise NotStamped(f"{authority}: câu trả lời không đọc được: {error}") from error
    if not fits:
        raise NotStamped(f"{authority}: dấu thời gian không phải cho gói này.")
    return Stamp(answer, info.gen_time)


def over_http(authority: str, request: bytes) -> bytes:
    """Ask over HTTP (RFC 3161, 3.4); raises `NotStamped` where no answer comes."""
    try:
        with urllib3.PoolManager(retries=False, timeout=_TIMEOUT) as pool:
            answer = pool.request(
                "POST", authority, body=request, preload_content=False, redirect=False,
                headers={"Content-Type": "application/timestamp-query"},
            )  # fmt: skip
            content = answer.read(_LARGEST)
    except urllib3.exceptions.HTTPError as error:
        raise NotStamped(f"Không hỏi được {authority}: {error}") from error
    if answer.status != 200:
        raise NotStamped(f"{authority} trả lời HTTP {answer.status}.")
    return bytes(content)


def name_of(place: int) -> str:
    """Return the name of a stamp in the bundle: the first, then 2, 3 and so on."""
    return "SHA256SUMS.p7s.tsr" if place == 1 else f"SHA256SUMS.p7s.{place}.tsr"
