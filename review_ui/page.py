"""The one way to answer with a page: templates, language, theme, and who is signed in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import models
from api.auth import PROVED_FOR, SignedIn, desk_of
from api.standing import by_kind
from classifier.places import provinces
from review import drafts, priority
from review.access import UNCERTAIN
from review.permissions import Action, may
from review_ui import reasons, render, tour
from review_ui.i18n import LANGUAGES, language_of, translations

THEME_COOKIE = "kiemtin_theme"
MARKS_COOKIE = "kiemtin_marks"
THEMES = ("auto", "light", "dark")


@cache
def environment(language: str) -> Environment:
    """Return the templates in one language. Everything put into them is escaped."""
    made = Environment(
        loader=PackageLoader("review_ui"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    translated = translations(language)
    # The extension adds this method to the environment at run time.
    made.install_gettext_translations(translated, newstyle=False)  # type: ignore[attr-defined]
    say = translated.gettext
    made.filters |= {
        "marked": render.marked,
        "cut": render.cut,
        "found_in": render.found_in,
        "level": lambda p: render.level(p, say),
        "number": render.number,
        "local": render.local,
        "count": render.count,
        "label": lambda key: models.labels().name(key, language),
        "lane": lambda key: say("Chưa chắc") if key == UNCERTAIN else models.labels().name(key, language),
        "word": lambda key: say(_WORDS[key]) if key in _WORDS else key,
        "province": lambda code: provinces().get(code, code),
        "spark": render.spark,
        "sparks": render.sparks,
        "percent": render.percent,
        "decimal": render.decimal,
        # What is drawn here escapes the texts that are in it.
        "drawing": Markup,
        "changes": lambda moment: render.changes(moment.before, moment.text),
        "diff": render.changes,
        "draft": drafts.from_claim,
    }
    made.globals |= {
        "language": language,
        "languages": LANGUAGES,
        "scheme": models.labels(),
        "Action": Action,
        "reasons": reasons.picks(),
        "proof_minutes": int(PROVED_FOR.total_seconds()) // 60,
    }
    return made


def page(
    request: Request, template: str, who: SignedIn | None = None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Answer with a page; `who` is None before sign-in."""
    language = language_of(request)
    now = desk_of(request).clock()
    say = translations(language).gettext
    theme = request.cookies.get(THEME_COOKIE, "auto")
    text = environment(language).get_template(template).render(
        request=request,
        who=who,
        theme=theme if theme in THEMES else "auto",
        marks=request.cookies.get(MARKS_COOKIE, "on") != "off",
        may=(lambda action: who is not None and may(who.person, action)),
        ago=lambda moment: render.ago(moment, now, say),
        with_query=lambda **changes: _with_query(request, changes),
        path=request.url.path,
        proved=who is not None and who.proved(now),
        tour=_tour(request, who),
        priority_of=lambda case: priority.of_case(case, now),
        faults=by_kind(desk_of(request).standing.faults()) if who is not None and who.free else {},
        due_of=lambda case: render.due(desk_of(request).clocks.due(case), now, say),
        **values,
    )  # fmt: skip
    return HTMLResponse(text, status)


# The first pages of those who review and of those who do not, and where setting up ends.
_TOURED = frozenset({"/", "/queue"})


def _tour(request: Request, who: SignedIn | None) -> Sequence[tour.Stop]:
    """Return what to try, on the first page of a demo, until a browser says to show it no more."""
    shown = who is not None and who.free and desk_of(request).demo and request.url.path in _TOURED
    return tour.STOPS if shown and request.cookies.get(tour.COOKIE) != "off" else ()


def say(request: Request, text: str, **values: object) -> str:
    """Return a message in the language of a browser."""
    return translations(language_of(request)).gettext(text).format(**values)


_PAGED = {"offset": None, "after": None}


def _with_query(request: Request, changes: dict[str, Any]) -> str:
    """Return this page's address with some parameters changed; None takes one away."""
    pairs = [(k, v) for k, v in request.query_params.multi_items() if k not in changes | _PAGED]
    pairs += [(k, str(v)) for k, v in changes.items() if v is not None]
    return f"{request.url.path}?{urlencode(pairs)}" if pairs else request.url.path


def _n(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


_WORDS = {
    "queued": _n("đang chờ"),
    "leased": _n("đang xem"),
    "escalated": _n("chuyển cấp"),
    "decided": _n("đã xong"),
    "dismiss": _n("Bỏ qua"),
    "protected": _n("Phát ngôn được bảo vệ"),
    "correct": _n("Đính chính"),
    "report": _n("Báo nền tảng"),
    "article": _n("bài báo"),
    "forum": _n("diễn đàn"),
    "comment": _n("bình luận"),
    "social": _n("mạng xã hội"),
    "hotline": _n("đường dây nóng"),
    "feed": _n("nguồn tin"),
    "sitemap": _n("sơ đồ trang"),
    "site": _n("trang chuyên mục"),
    "blog": _n("blog"),
    "telegram": _n("kênh Telegram"),
    "youtube": _n("kênh YouTube"),
    "facebook": _n("trang Facebook"),
    "warc": _n("tệp WARC"),
    "import": _n("tệp nhập"),
    "running": _n("đang chạy"),
    "done": _n("xong"),
    "failed": _n("hỏng"),
    "reviewer": _n("Người duyệt"),
    "lead": _n("Trưởng nhóm"),
    "liaison": _n("Cán bộ đầu mối"),
    "auditor": _n("Kiểm toán"),
    "admin": _n("Quản trị"),
    "password": _n("mật khẩu"),
    "code": _n("mật khẩu và mã"),
    "oidc": _n("hệ thống khác"),
    "opened": _n("mở ca"),
    "released": _n("trả lại hàng đợi"),
    "expired": _n("hết giờ giữ"),
    "skipped": _n("để sau"),
    "reopened": _n("mở lại"),
    "undone": _n("hoàn tác"),
    "changed": _n("bài đã sửa"),
    "passed": _n("đạt"),
    "held_unflagged": _n("chưa bao giờ bị gắn cờ"),
    "held_dismissed": _n("ca bác bỏ hoặc được bảo vệ"),
    "held_evidence": _n("chứng cứ: đính chính, báo nền tảng, từng đề nghị chuyển"),
    "held_legal_hold": _n("lệnh giữ lại"),
    "held_open_case": _n("ca còn mở"),
    "held_referral": _n("đang đề nghị chuyển, hoặc chờ biên nhận"),
    "held_complaint": _n("có đơn chưa giải quyết xong"),
    "held_reading": _n("đang được xem lại hoặc phân xử"),
    "held_golden": _n("ca mẫu đang dùng"),
    "digest_reads": _n("mở bản gốc"),
    "digest_exports": _n("xuất dữ liệu"),
    "not_applicable": _n("không xét"),
    "error": _n("lỗi"),
    "false": _n("sai"),
    "misleading": _n("gây hiểu lầm"),
    "unproven": _n("chưa có bằng chứng"),
    "outdated": _n("đã cũ"),
    "flagged": _n("gắn cờ"),
    "uncertain": _n("chưa chắc"),
    "harmful": _n("khả năng gây hại"),
    "in_doubt": _n("còn ngờ"),
    "below_flag": _n("chưa tới ngưỡng gắn cờ"),
    "protected_and_harmful": _n("vừa được bảo vệ vừa có điểm gây hại: chỉ người xem"),
    "protected_speech": _n("là phát ngôn được bảo vệ"),
    "protected_acts": _n("các hành vi được bảo vệ, cộng lại"),
    "judged_again": _n("xét lại theo chính sách mới"),
    "not_protected_speech": _n("không phải phát ngôn được bảo vệ"),
    "not_flagged": _n("không gắn cờ"),
    "claim_match": _n("khớp tuyên bố đã kiểm chứng"),
    "signals": _n("dấu hiệu trong bài"),
    "signal": _n("có dấu hiệu đi kèm"),
    "referable": _n("có thể đề nghị chuyển"),
    "phone": _n("số điện thoại"),
    "bank_account": _n("số tài khoản"),
    "price": _n("giá tiền"),
    "link": _n("đường dẫn"),
    "sale": _n("lời rao bán"),
    "sure_cure": _n("hứa khỏi bệnh"),
    "urge_to_share": _n("giục chia sẻ"),
    "agency": _n("nêu tên cơ quan"),
    "hearsay": _n("nghe nói"),
    "violence": _n("lời bạo lực"),
    "short_link": _n("đường dẫn rút gọn hoặc lời mời vào nhóm"),
    "lookalike_domain": _n("tên miền giống trang chính thức"),
    "urgency": _n("thúc giục gấp"),
    "threat_of_loss": _n("dọa mất tiền, mất quyền lợi"),
    "bait": _n("mồi nhử nhận tiền, trúng thưởng"),
    "advance_fee": _n("đòi chuyển tiền trước"),
    "otp_request": _n("đòi mã OTP, mật khẩu, số thẻ"),
    "work_from_home": _n("mời việc nhẹ lương cao"),
    "certificate_sale": _n("bán giấy tờ, suất tiêm"),
    "private_charity": _n("quyên góp vào tài khoản riêng"),
    "fraud": _n("lừa đảo"),
    "medicine_for_sale": _n("bán thuốc giả hoặc nguy hiểm"),
    "impersonation_for_gain": _n("mạo danh để lấy tiền"),
    "incitement": _n("kích động bạo lực"),
    "score": _n("chấm"),
    "index": _n("lập chỉ mục"),
    "crawl": _n("thu thập"),
    "render": _n("chụp trang"),
    "deliver": _n("gửi thư và webhook"),
    "taken": _n("thu thập lần đầu"),
    "edited": _n("đã sửa"),
    "same": _n("vẫn còn nguyên"),
    "deleted": _n("không còn"),
    "unreachable": _n("không xem lại được"),
    "assigned": _n("giao cho một người"),
    "unassigned": _n("thôi giao riêng"),
    "handed_over": _n("chuyển tay"),
    "email": _n("thư"),
    "webhook": _n("webhook"),
    "all": _n("Tất cả"),
    "mine": _n("Tôi đang giữ"),
    "source": _n("Nguồn"),
    "kind": _n("Loại"),
    "act": _n("Hành vi lời nói"),
    "harm": _n("Tác hại"),
    "state": _n("Trạng thái ca"),
    "province": _n("Nơi bài nêu"),
    "true": _n("có"),
    "dispute_sample": _n("Mẫu ngẫu nhiên"),
    "dispute_referral": _n("Đề nghị chuyển"),
    "dispute_complaint": _n("Khiếu nại"),
    "dispute_golden": _n("Ca đã biết đáp án"),
    "complaint_complaint": _n("Khiếu nại"),
    "complaint_correction": _n("Yêu cầu đính chính"),
    "complaint_received": _n("chờ giao"),
    "complaint_assigned": _n("đang có người xem"),
    "complaint_disputed": _n("chờ phân xử"),
    "complaint_upheld": _n("giữ nguyên quyết định"),
    "complaint_changed": _n("đã thay đổi quyết định"),
    "complaint_withdrawn": _n("đã rút đơn"),
    "adjudicated": _n("phân xử"),
    "referral_proposed": _n("Đã đề nghị chuyển công an"),
    "referral_approved": _n("Đã phê duyệt đề nghị"),
    "referral_rejected": _n("Đã từ chối đề nghị"),
    "referral_exported": _n("Đã gửi gói chứng cứ"),
    "referral_acknowledged": _n("Đã có biên nhận"),
    "referral_expired": _n("Phê duyệt hết hạn"),
    "referral_withdrawn": _n("Đã rút đề nghị"),
    "referral_recalled": _n("Đã thu hồi gói chứng cứ"),
    "second_reviewed": _n("đã xem lại độc lập"),
    "correction": _n("Đính chính"),
    "platform_report": _n("Báo nền tảng"),
    "public_warning": _n("Cảnh báo công khai"),
    "copy_same": _n("xác nhận bản sao cùng lời"),
    "copy_different": _n("đánh dấu bản sao là khác"),
    "copy_unmarked": _n("bỏ đánh dấu bản sao"),
    "copy_split": _n("tách bản sao thành ca riêng"),
    "mark_phone": _n("số điện thoại"),
    "mark_account": _n("số tài khoản"),
    "mark_email": _n("thư điện tử"),
    "mark_handle": _n("tên tài khoản"),
    "mark_name": _n("tên người"),
    "mark_address": _n("địa chỉ"),
    "mark_other": _n("khác"),
}
