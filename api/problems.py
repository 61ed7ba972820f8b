"""Errors as answers: RFC 9457 problem JSON for programs; pages make their own of the same table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.accounts import BadLogin, LoginTaken, NoSuchUser, SignInFailed
from api.auth import (
    ForeignRequest,
    MustAddFactor,
    MustChangePassword,
    NoProvider,
    NotSignedIn,
    ReauthenticationNeeded,
    SignInOutside,
)
from api.bundles import NoBundleFile, NotSetUp
from api.claims import ClaimRefused, NoClaim
from api.drift import NoTrainingScores
from api.idempotency import BadKey
from api.kept_pages import NoKeptPage
from api.oidc import NotInvited, NotVouched, ProviderAway
from api.paging import BadCursor
from api.passwords import WeakPassword
from api.pictures import NoPicture
from api.pipeline import NoSuchTask
from api.policy import BadPolicy, NoneInForce, NoPolicy
from api.rates import TooMany
from api.region import NoSuchProvince
from api.reports import NoCorrection, NoReport, NotTold
from api.second_factor import NoFactor, WrongCode
from api.sessions import NoSuchSession
from api.sign_in_steps import StepGone
from api.sources import NoSuchSource
from api.throttle import TooManyTries
from api.tickets import BadTicket, NoFrame, TicketOver
from api.tokens import BadToken, BeyondToken, NoSuchToken, TokenRefused
from api.views import BadWeek, NoSuchCapture
from api.words import VIETNAMESE, language_of, say
from review.copies import NoSuchCopy
from review.decision import ActNeeded, ClaimNotShown
from review.drafts import NoDraft
from review.errors import (
    BadAlert,
    CorrectionNeeded,
    MustBeSomebodyElse,
    NoSuchAdjudication,
    NoSuchCase,
    NoSuchComplaint,
    NoSuchFilter,
    NoSuchGolden,
    NoSuchHold,
    NoSuchLabel,
    NoSuchLane,
    NoSuchSecondReview,
    NotAllowed,
    NotAReviewer,
    NotAssigned,
    NotBlind,
    NothingToHold,
    NothingToRead,
    ReasonNeeded,
    ReviewError,
)
from review.notes import EmptyNote
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
    NoSuchFilter: 404,
    BadAlert: 422,
    NotAReviewer: 422,
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
    ActNeeded: 422,
    ClaimNotShown: 422,
    EmptyNote: 422,
    NoSuchCopy: 404,
    NoDraft: 404,
    NoKeptPage: 404,
    WeakPassword: 422,
    BadLogin: 422,
    LoginTaken: 409,
    SignInFailed: 401,
    StepGone: 401,
    WrongCode: 422,
    NoFactor: 404,
    NoSuchSession: 404,
    NoSuchLane: 422,
    NoProvider: 404,
    NotVouched: 401,
    NotInvited: 403,
    ProviderAway: 502,
    TooManyTries: 429,
    NoSuchTask: 404,
    NoSuchSource: 404,
    NoClaim: 404,
    ClaimRefused: 422,
    NoSuchProvince: 404,
    NoPicture: 404,
    NoBundleFile: 404,
    NotSetUp: 503,
    NoFrame: 503,
    BadTicket: 403,
    TicketOver: 403,
    NoPolicy: 404,
    NoneInForce: 404,
    BadPolicy: 422,
    NoTrainingScores: 404,
    NoReport: 404,
    NoCorrection: 404,
    NotTold: 422,
    NotAssigned: 403,
    MustBeSomebodyElse: 422,
    NothingToRead: 403,
    NoSuchAdjudication: 404,
    NoSuchGolden: 404,
    NoSuchComplaint: 404,
    NoSuchCapture: 404,
    BadWeek: 422,
    NothingToHold: 404,
    NoSuchHold: 404,
    BadToken: 401,
    BeyondToken: 403,
    NoSuchToken: 404,
    TokenRefused: 422,
    BadKey: 422,
    BadCursor: 422,
    TooMany: 429,
    NotSignedIn: 401,
    MustChangePassword: 403,
    MustAddFactor: 403,
    ReauthenticationNeeded: 403,
    SignInOutside: 409,
    ForeignRequest: 403,
    SearchError: 503,
}
_WORDS: dict[type[Exception], str] = {
    NotSignedIn: "Bạn chưa đăng nhập.",
    MustChangePassword: "Hãy đổi mật khẩu dùng một lần trước.",
    MustAddFactor: "Vai trò của bạn bắt buộc xác thực hai bước. Hãy thêm ứng dụng xác thực trước.",
    ReauthenticationNeeded: "Đã lâu từ lần bạn nhập mật khẩu. Hãy nhập lại để làm việc này.",
    ForeignRequest: "Yêu cầu không đến từ trang này hoặc phiên đã đổi. Tải lại trang rồi thử lại.",
}
HANDLED = (
    ReviewError,
    NotSignedIn,
    MustChangePassword,
    MustAddFactor,
    ReauthenticationNeeded,
    ForeignRequest,
    SearchError,
)

FAILED = "Máy chủ gặp lỗi. Thử lại; nếu còn, báo quản trị mã {number}."
TOO_LARGE = "Nội dung gửi quá lớn."
NO_LENGTH = "Hãy gửi kèm độ dài nội dung (Content-Length)."
_INVALID = "Yêu cầu sai: {fields}"
_REFUSED = "Yêu cầu không thực hiện được."
_OF_HTTP = {404: "Không có địa chỉ này.", 405: "Không dùng được cách gọi này.", 413: TOO_LARGE}
_TITLES = {
    400: "Yêu cầu hỏng",
    401: "Chưa đăng nhập",
    403: "Không được phép",
    404: "Không tìm thấy",
    405: "Sai cách gọi",
    409: "Xung đột",
    411: "Thiếu độ dài",
    413: "Quá lớn",
    422: "Yêu cầu sai",
    429: "Quá nhiều yêu cầu",
    500: "Lỗi máy chủ",
    503: "Tạm không dùng được",
}
# What the framework finds wrong with a field, by the beginning of its kind; it says it in English itself.
_FIELD = {
    "missing": "còn thiếu",
    "extra_forbidden": "không có trường này",
    "json_invalid": "không phải JSON",
    "enum": "không phải một trong các giá trị được nhận",
    "literal_error": "không phải một trong các giá trị được nhận",
    "string_unicode": "có ký tự mà hệ thống không lưu được",
    "string_too_long": "quá dài",
    "string_too_short": "quá ngắn",
    "string": "phải là chữ",
    "int": "phải là số nguyên",
    "float": "phải là số",
    "bool": "phải là true hoặc false",
    "greater": "quá nhỏ",
    "less": "quá lớn",
    "date": "phải là ngày giờ",
    "list": "phải là danh sách",
    "model": "phải là đối tượng JSON",
    "dict": "phải là đối tượng JSON",
}
_FIELD_WRONG = "không đúng"


def every_text() -> set[str]:
    """Return every text of this module that a person may be shown in English too."""
    said = {FAILED, TOO_LARGE, NO_LENGTH, _INVALID, _REFUSED}
    return said | set(_WORDS.values()) | set(_OF_HTTP.values()) | set(_TITLES.values())


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error; a refusal of the desk that is not listed is a conflict, 409."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return 409


def words_of(error: Exception) -> str:
    """Return what an error says to the person, in Vietnamese."""
    return _WORDS.get(type(error), str(error))


def problem(
    request: Request, status: int, detail: str, kind: str = "", *, errors: Sequence[Mapping[str, str]] = ()
) -> JSONResponse:
    """Return a problem document in the language of a request; `detail` is in it already.

    `kind` is the stable name of the problem, for programs; none is that of the HTTP status alone.
    """
    content: dict[str, Any] = {
        "type": f"urn:kiemtin:problem:{kind}" if kind else "about:blank",
        "title": say(request, _TITLES.get(status, _REFUSED)),
        "status": status,
        "detail": detail,
    }
    if errors:
        content["errors"] = list(errors)
    headers = {"Content-Language": language_of(request)}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(content, status, media_type="application/problem+json", headers=headers)


def kind_of(error: type[Exception]) -> str:
    """Return the name of an error's class as a problem's type has it: `LeaseLost` is `lease-lost`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


async def on_known(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of the desk."""
    if isinstance(error, ReviewError):
        detail = say(request, error.template, **error.values)
    else:
        detail = say(request, _WORDS[type(error)]) if type(error) in _WORDS else str(error)
    return problem(request, status_of(error), detail, kind_of(type(error)))


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """Answer an HTTP error of the framework."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    answer = problem(request, status, say(request, _OF_HTTP.get(status, _REFUSED)))
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Answer a request whose fields are wrong, naming each."""
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {"at": ".".join(str(part) for part in one["loc"]), "why": _why(request, one)}
        for one in error.errors()
    ]
    fields = "; ".join(f"{one['at'].partition('.')[2]}: {one['why']}" for one in errors)
    return problem(request, 422, say(request, _INVALID, fields=fields), "invalid", errors=errors)


def _why(request: Request, error: Mapping[str, Any]) -> str:
    if language_of(request) != VIETNAMESE:
        return str(error["msg"])
    kind = str(error["type"])
    return next((words for start, words in _FIELD.items() if kind.startswith(start)), _FIELD_WRONG)
