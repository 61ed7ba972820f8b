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


class IllegalMove(ReviewError):
    template = "Không thể chuyển từ {current} sang {target}."


class CaseTaken(ReviewError):
    template = "Ca {case} đang do người khác giữ hoặc đã xong. Hãy lấy ca khác."


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
