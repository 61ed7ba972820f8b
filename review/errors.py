"""What can go wrong at the desk. Each says what happened and what to do, in Vietnamese; pages translate."""

from __future__ import annotations

from typing import ClassVar


class ReviewError(Exception):
    """Something the desk refused. `template` is translated, then filled from `values`."""

    template: ClassVar[str] = ""

    def __init__(self, **values: object) -> None:
        self.values = values
        super().__init__(self.template.format(**values))


class NotAllowed(ReviewError):
    template = "Vai trò của bạn không được làm việc này. Hãy nhờ trưởng nhóm."


class NoSuchCase(ReviewError):
    template = "Không có ca {case}."


class NoSuchLane(ReviewError):
    template = "Không có làn {lane}."


class TextGone(ReviewError):
    template = "Nội dung ca {case} đã xóa vì hết hạn lưu; không mở lại hay xem lại được. Quyết định còn ghi."


class IllegalMove(ReviewError):
    template = "Không thể chuyển từ {current} sang {target}."


class CaseTaken(ReviewError):
    template = "Ca {case} đang do người khác giữ hoặc đã xong. Hãy lấy ca khác."


class KeptForAnother(ReviewError):
    template = "Ca {case} đã giao cho {person}. Hãy lấy ca khác, hoặc nhờ trưởng nhóm giao lại."


class NotAReviewer(ReviewError):
    template = "Không giao được: người này không duyệt bài, đã khóa tài khoản, hoặc chính là bạn."


class NoSuchFilter(ReviewError):
    template = "Không có bộ lọc {filter}, hoặc nó không phải của bạn."


class BadAlert(ReviewError):
    template = "Không gửi báo tin tới {to} được: cần một địa chỉ thư, hoặc một địa chỉ http(s) cho webhook."


class LeaseLost(ReviewError):
    template = "Bạn không còn giữ ca {case}: đã hết giờ hoặc có người khác nhận. Chưa có gì được ghi."


class CaseChanged(ReviewError):
    template = "Ca {case} vừa thay đổi sau khi bạn mở. Hãy xem lại rồi quyết định. Chưa có gì được ghi."


class ReasonNeeded(ReviewError):
    template = "Hãy ghi lý do."


class CorrectionNeeded(ReviewError):
    template = "Hãy ghi nội dung đính chính."


class UndoTooLate(ReviewError):
    template = "Đã quá {seconds} giây nên không hoàn tác được. Trưởng nhóm có thể mở lại ca."


class FileNotWritten(ReviewError):
    template = "Không ghi được {file}: {reason}"


class NoPolicyInForce(ReviewError):
    template = "Chưa có chính sách nào được dùng. Chạy kiemtin migrate rồi thử lại."


class NoSuchLabel(ReviewError):
    template = "Không có nhãn {label}."


class NoSuchSecondReview(ReviewError):
    template = "Không có lượt xem lại {review}."


class NotBlind(ReviewError):
    template = "Bạn đã biết kết luận trước về bài này, nên người khác phải xem lại."


class AlreadyAnswered(ReviewError):
    template = "Lượt xem lại này đã có người trả lời. Chưa có gì được ghi."


class NoSuchAdjudication(ReviewError):
    template = "Không có việc phân xử {adjudication}."


class NotSettled(ReviewError):
    template = "Chỉ ca đã được phân xử, còn nguyên lời, mới dùng làm ca mẫu được."


class NoSuchGolden(ReviewError):
    template = "Không có ca mẫu {golden}."


class NothingToRead(ReviewError):
    template = "Ca {case} không chờ bạn xem lại: đã có người xem, bài đã sửa, hoặc bạn đã biết kết luận."


class NoSuchComplaint(ReviewError):
    template = "Không có đơn {complaint}."


class ReferenceTaken(ReviewError):
    template = "Đã có đơn mang số {reference}. Hãy mở đơn ấy, hoặc kiểm tra lại số."


class NotStanding(ReviewError):
    template = "Ca {case} không có quyết định nào đang đứng, nên chưa có gì để khiếu nại."


class MustBeSomebodyElse(ReviewError):
    template = "Người đã quyết định hoặc đã có ý kiến về ca này không được xem đơn. Hãy giao người khác."


class NotAssigned(ReviewError):
    template = "Đơn này giao cho người khác xem."


class NothingToHold(ReviewError):
    template = "Không có ca hay bài số {number} để giữ lại, hoặc nội dung đã xóa."


class NoSuchHold(ReviewError):
    template = "Không có lệnh giữ lại {hold} đang hiệu lực."


class NotOpened(ReviewError):
    template = "Hãy ghi lý do trước khi mở bản gốc của ca {case}; lý do có hiệu lực {minutes} phút."
