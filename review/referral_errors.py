"""What the gate of referrals refuses, each refusal for the person who meets it."""

from __future__ import annotations

from review.errors import ReviewError


class NoSuchReferral(ReviewError):
    template = "Không có đề nghị {referral}."


class NotReferable(ReviewError):
    template = "Ca {case} không thuộc tác hại được phép chuyển theo chính sách. Hãy chọn kết luận khác."


class StandsProtected(ReviewError):
    template = (
        "Ca {case} đang được coi là phát ngôn được bảo vệ. Chỉ khi hai người khác nhau đều thấy có hại thì"
        " mới đề nghị được."
    )


class NoSuchBasis(ReviewError):
    template = "Hãy chọn căn cứ pháp lý trong danh sách của chính sách đang dùng."


class NecessityNeeded(ReviewError):
    template = "Hãy ghi vì sao biện pháp nhẹ hơn không đủ."


class MilderNeeded(ReviewError):
    template = "Hãy chọn ít nhất một biện pháp nhẹ hơn đã cân nhắc."


class AlreadyReferred(ReviewError):
    template = "Ca {case} đã có đề nghị {referral} chưa xong hoặc đã gửi đúng nội dung này."


class SamePerson(ReviewError):
    template = "Bạn là người đề nghị, nên người khác phải phê duyệt hoặc từ chối. Bạn có thể rút lại."


class NotYetReviewed(ReviewError):
    template = "Chưa có người thứ hai xem lại độc lập bài này. Chưa có gì được ghi."


class StillBlind(ReviewError):
    template = "Đề nghị này đang chờ xem lại độc lập. Hãy xem lại bài trước; lời đề nghị hiện ra sau đó."


class NotAgreed(ReviewError):
    template = (
        "Người xem lại độc lập không thấy căn cứ này trong bài. Hãy từ chối, hoặc để người đề nghị rút lại."
    )


class EvidenceChanged(ReviewError):
    template = "Bài hoặc chứng cứ đã đổi sau khi đề nghị. Hãy rút lại rồi đề nghị theo nội dung mới."


class PolicyChanged(ReviewError):
    template = (
        "Chính sách đã đổi từ khi bài được xét. Hãy chờ bài được chấm lại (ca đã xong thì mở lại), rồi đề"
        " nghị lại."
    )


class ApprovalExpired(ReviewError):
    template = "Phê duyệt đã hết hạn. Hãy đề nghị lại nếu vẫn cần."


class ReceiptNeeded(ReviewError):
    template = "Hãy ghi số biên nhận của nơi nhận."


class NoBundle(ReviewError):
    template = "Gói chứng cứ phải có mã SHA-256 gồm 64 chữ số thập lục phân."
