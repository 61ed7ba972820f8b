"""Seven things to try in a demo, in an order that teaches; terminal and first page show the same list."""

from __future__ import annotations

from dataclasses import dataclass

COOKIE = "kiemtin_tour"


def _n(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Stop:
    """One thing to try: where it is, what it is called, and what to do there."""

    address: str
    name: str
    words: str


STOPS = (
    Stop(
        "/?lane=cure", _n("Duyệt một ca"),
        _n("Đọc bài, rồi cột phải nói vì sao nó ở đây. Nhấn d rồi 1 để bỏ qua, u để hoàn tác trong 30 giây."),
    ),
    Stop(
        "/?lane=uncertain", _n("Gặp phát ngôn được bảo vệ"),
        _n("Ở làn chưa chắc, nhấn p và chọn loại: lời kể, câu hỏi, ý kiến không bao giờ bị chuyển đi."),
    ),
    Stop(
        "/search?q=uong%20nuoc%20toi", _n("Tìm không dấu"),
        _n("Gõ không dấu vẫn ra bài có dấu; lọc bên trái, lưu bộ lọc ở cuối trang."),
    ),
    Stop(
        "/claims", _n("Xem kho tuyên bố đã kiểm chứng"),
        _n("Mỗi tuyên bố có kết luận, lời đính chính và nguồn; máy so từng câu của bài với kho này."),
    ),
    Stop(
        "/?lane=scam", _n("Thử đề nghị chuyển công an"),
        _n("Ở một ca lừa đảo, nhấn f. Đơn đòi căn cứ và lý do; một mình bạn không phê duyệt được."),
    ),
    Stop(
        "/reports", _n("Đọc báo cáo tuần"),
        _n("Xem trước tuần này, rồi tải bản .docx theo Nghị định 30/2020; số nhỏ được che."),
    ),
    Stop(
        "/audit?verify=true", _n("Kiểm tra nhật ký"),
        _n("Mọi việc bạn vừa làm đều ở đây, trong một chuỗi băm mà ai cũng kiểm tra lại được."),
    ),
)  # fmt: skip
