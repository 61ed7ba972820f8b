"""Errors as answers: RFC 9457 problem JSON for programs; pages make their own of the same table."""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.accounts import BadLogin, Locked, LoginTaken, NoSuchUser, SignInFailed, WeakPassword
from api.auth import ForeignRequest, MustChangePassword, NotSignedIn
from api.bundles import NoBundleFile, NotSetUp
from api.claims import ClaimRefused, NoClaim
from api.drift import NoTrainingScores
from api.pictures import NoPicture
from api.pipeline import NoSuchTask
from api.policy import BadPolicy, NoneInForce, NoPolicy
from api.region import NoSuchProvince
from api.sources import NoSuchSource
from review.errors import (
    CorrectionNeeded,
    NoSuchCase,
    NoSuchLabel,
    NoSuchSecondReview,
    NotAllowed,
    NotBlind,
    ReasonNeeded,
    ReviewError,
)
from review.referral_errors import (
    MilderNeeded,
    NecessityNeeded,
    NoBundle,
    NoSuchBasis,
    NoSuchReferral,
    ReceiptNeeded,
    SamePerson,
)
from search.engine import SearchError

_STATUS: dict[type[Exception], int] = {
    NotAllowed: 403,
    NoSuchCase: 404,
    NoSuchUser: 404,
    NoSuchReferral: 404,
    NoSuchSecondReview: 404,
    NotBlind: 403,
    SamePerson: 403,
    NoSuchLabel: 422,
    NoSuchBasis: 422,
    NecessityNeeded: 422,
    MilderNeeded: 422,
    ReceiptNeeded: 422,
    NoBundle: 422,
    ReasonNeeded: 422,
    CorrectionNeeded: 422,
    WeakPassword: 422,
    BadLogin: 422,
    LoginTaken: 409,
    SignInFailed: 401,
    Locked: 429,
    NoSuchTask: 404,
    NoSuchSource: 404,
    NoClaim: 404,
    ClaimRefused: 422,
    NoSuchProvince: 404,
    NoPicture: 404,
    NoBundleFile: 404,
    NotSetUp: 503,
    NoPolicy: 404,
    NoneInForce: 404,
    BadPolicy: 422,
    NoTrainingScores: 404,
    NotSignedIn: 401,
    MustChangePassword: 403,
    ForeignRequest: 403,
    SearchError: 503,
}
_WORDS: dict[type[Exception], str] = {
    NotSignedIn: "Bạn chưa đăng nhập.",
    MustChangePassword: "Hãy đổi mật khẩu dùng một lần trước.",
    ForeignRequest: "Yêu cầu không đến từ trang này hoặc phiên đã đổi. Tải lại trang rồi thử lại.",
}
HANDLED = (ReviewError, NotSignedIn, MustChangePassword, ForeignRequest, SearchError)


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error; a refusal of the desk that is not listed is a conflict, 409."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return 409


def words_of(error: Exception) -> str:
    """Return what an error says to the person, in Vietnamese."""
    return _WORDS.get(type(error), str(error))


def problem(status: int, detail: str, title: str = "") -> JSONResponse:
    """Return a problem document."""
    content = {"type": "about:blank", "title": title or f"HTTP {status}", "status": status, "detail": detail}
    return JSONResponse(content, status, media_type="application/problem+json")


async def on_known(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of the desk."""
    return problem(status_of(error), words_of(error), type(error).__name__)


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """Answer an HTTP error of the framework."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "Không có địa chỉ này.", 405: "Không dùng được cách gọi này.", 413: "Nội dung gửi quá lớn."}
    return problem(status, words.get(status, "Yêu cầu không thực hiện được."))


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Answer a request whose fields are wrong, naming each."""
    if not isinstance(error, RequestValidationError):
        raise error
    wrong = "; ".join(f"{'.'.join(str(p) for p in e['loc'][1:])}: {e['msg']}" for e in error.errors())
    return problem(422, f"Yêu cầu sai: {wrong}")
