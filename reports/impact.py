"""The data-protection impact assessment of an installation: a Vietnamese template, filled from its settings.

It follows what Luật Bảo vệ dữ liệu cá nhân 91/2025/QH15 and Nghị định 13/2023/NĐ-CP (article 24) ask such a
file to say. It is a draft for the agency and its lawyer, who finds every place to look at marked `LAWYER`;
it says what the program does, and nothing of what only the agency can know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reports.blocks import Block, Bullets, Document, Heading, Key, Para, Table
from reports.letterhead import Letterhead
from reports.words import count, moment
from store.holdings import Holdings
from store.retention import Terms

LAWYER = "[LUẬT SƯ XEM]"
FILL = "[CƠ QUAN ĐIỀN]"

WHY = {
    "unflagged": "Chưa bao giờ bị gắn cờ",
    "dismissed": "Ca bác bỏ hoặc được bảo vệ",
    "evidence": "Chứng cứ (đính chính, báo nền tảng, từng đề nghị chuyển)",
    "legal_hold": "Lệnh giữ lại theo pháp luật",
    "open_case": "Ca còn mở",
    "referral": "Đang đề nghị chuyển, hoặc đã chuyển chờ biên nhận",
    "complaint": "Có đơn chưa giải quyết xong",
    "reading": "Đang được xem lại hoặc phân xử",
    "golden": "Ca mẫu đang dùng",
}


@dataclass(frozen=True)
class Installation:
    """What the settings say that the assessment tells. `sources` are (name, kind, legal basis)."""

    head: Letterhead
    terms: Terms
    contact: str
    database: str
    search: str
    archive: str
    second_factor: Sequence[str]
    webhooks: int
    mail: bool
    sources: Sequence[tuple[str, str, str]]


def document(here: Installation, held: Holdings, at: datetime) -> Document:
    """Return the assessment as blocks; `held` says what is kept now."""
    return Document(
        kind="HỒ SƠ ĐÁNH GIÁ TÁC ĐỘNG XỬ LÝ DỮ LIỆU CÁ NHÂN (DỰ THẢO)",
        title="Tìm và đính chính tin sai lệch, lừa đảo liên quan COVID-19 trong bài công khai",
        blocks=(*_first(here), *_data(here, held), *_risks(here), *_open(here)),
        foot=f"Dự thảo lập từ thiết lập của hệ thống Kiểm Tin lúc {moment(at)}. Không phải ý kiến pháp lý.",
    )


def _first(here: Installation) -> tuple[Block, ...]:
    return (
        Key(
            "Trước khi dùng",
            (
                f"Chỗ ghi {LAWYER} cần luật sư xác nhận; chỗ ghi {FILL} chỉ cơ quan biết.",
                "Căn cứ mẫu: Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15 (hiệu lực từ 01/01/2026) và"
                " Nghị định"
                f" 13/2023/NĐ-CP, Điều 24. {LAWYER} nghị định nào đang hướng dẫn Luật vào ngày ký,"
                " mẫu biểu và"
                " thời hạn gửi cơ quan chuyên trách (Bộ Công an, A05).",
            ),
        ),
        Heading("1. Bên kiểm soát và xử lý dữ liệu"),
        Table(
            "Các bên",
            ("Vai trò", "Bên"),
            (
                ("Kiểm soát và xử lý dữ liệu", here.head.agency or FILL),
                ("Cơ quan chủ quản", here.head.parent or FILL),
                ("Bộ phận, người phụ trách bảo vệ dữ liệu cá nhân", FILL),
                ("Liên hệ", here.contact or FILL),
                (
                    "Bên xử lý thuê ngoài (máy chủ, kho tệp, thư)",
                    "không có trong thiết lập"
                    if not (here.archive or here.mail)
                    else f"{FILL} hợp đồng xử lý dữ liệu với bên cung cấp {_outside(here)}",
                ),
            ),
            widths=(40, 60),
        ),
        Heading("2. Mục đích và căn cứ"),
        Bullets(
            (
                "Mục đích: tìm trong bài **đã công khai** những tin sai và lừa đảo quanh COVID-19,"
                " để người duyệt"
                " đính chính, báo nền tảng, và chuyển cho công an số ít hành vi xâm hại con người"
                " (lừa đảo, thuốc"
                " giả hoặc nguy hiểm, mạo danh trục lợi, kích động bạo lực).",
                "Không dùng để lập hồ sơ, tìm kiếm, xếp hạng hay theo dõi người đăng; không xử lý tự"
                " động: máy chỉ"
                " xếp thứ tự, người quyết định.",
                "Căn cứ xử lý không cần sự đồng ý (hoạt động của cơ quan nhà nước; dữ liệu đã công"
                f" khai): {LAWYER}"
                " nêu điều, khoản của Luật 91/2025/QH15 và văn bản giao nhiệm vụ của cơ quan.",
                f"Căn cứ của từng nguồn thu thập ở Phụ lục. {LAWYER} điều khoản sử dụng của từng trang.",
            )
        ),
    )


def _data(here: Installation, held: Holdings) -> tuple[Block, ...]:
    terms = here.terms
    return (
        Heading("3. Dữ liệu, thời hạn và nơi lưu"),
        Table(
            "Dữ liệu được xử lý",
            ("Dữ liệu", "Ai thấy", "Lưu thế nào"),
            (
                ("Lời bài, tiêu đề, địa chỉ trang công khai", "người duyệt", "bản ghi, chỉ mục tìm kiếm"),
                (
                    "Tên tài khoản người đăng",
                    "không ai; chỉ mở trong một đề nghị chuyển đã được hai người phê duyệt, có lý do",
                    "mã hóa bằng khóa riêng; thay bằng bí danh không tìm kiếm được",
                ),
                (
                    "Trang gốc và ảnh chụp trang (có thể có tên, ảnh của người khác)",
                    "người duyệt, sau khi ghi lý do; mỗi lần xem vào nhật ký",
                    "tệp WARC",
                ),
                (
                    "Số điện thoại, tài khoản, địa chỉ trong bài",
                    "người duyệt; che trước khi ra ngoài",
                    "như lời bài",
                ),
                ("Người dùng của hệ thống, việc họ làm", "quản trị, kiểm toán", "bản ghi, nhật ký"),
            ),
            widths=(34, 33, 33),
        ),
        Para(
            f"{LAWYER} Lời bài về sức khỏe, quan điểm chính trị, tôn giáo là dữ liệu nhạy cảm dù"
            " người viết tự công"
            " khai: xác nhận biện pháp bổ sung và người phụ trách theo Luật."
        ),
        Table(
            "Thời hạn lưu (hết hạn thì hệ thống tự xóa hằng đêm, xóa xong kiểm lại)",
            ("Loại", "Giữ"),
            (
                (WHY["unflagged"], f"{terms.unflagged.days} ngày từ khi thu thập"),
                (WHY["dismissed"], f"{terms.dismissed.days} ngày sau khi ca kết thúc"),
                (WHY["evidence"], f"{terms.evidence.days} ngày sau khi ca kết thúc {LAWYER}"),
                ("Bản sao lưu", f"{FILL} bao nhiêu ngày thì hủy bản cũ"),
                ("Nhật ký kiểm toán", f"không xóa; không có lời bài, không có tên người đăng {LAWYER}"),
            ),
            widths=(60, 40),
        ),
        Table(
            "Đang giữ lúc lập hồ sơ",
            ("Vì sao", "Bài"),
            tuple((WHY.get(line.why, line.why), count(line.posts)) for line in held.lines),
            frozenset({1}),
            (75, 25),
        ),
        Table(
            "Nơi lưu",
            ("Phần", "Ở đâu"),
            (
                ("Bản ghi", here.database),
                ("Chỉ mục tìm kiếm", here.search),
                ("Trang gốc (WARC)", here.archive or "thư mục trên máy chủ"),
            ),
            widths=(40, 60),
        ),
        Para(
            f"Chuyển dữ liệu ra nước ngoài: {LAWYER} nếu kho tệp, máy chủ thư hay webhook đặt ngoài"
            " Việt Nam thì"
            " cần thêm hồ sơ đánh giá tác động chuyển dữ liệu."
        ),
    )


def _risks(here: Installation) -> tuple[Block, ...]:
    factor = ", ".join(here.second_factor) or "chưa vai trò nào"
    return (
        Heading("4. Rủi ro và biện pháp"),
        Table(
            "Rủi ro",
            ("Rủi ro với người có dữ liệu", "Biện pháp trong hệ thống", "Còn lại"),
            (
                (
                    "Phát ngôn được bảo vệ bị coi là tin sai",
                    "lớp phát ngôn được bảo vệ; máy và cơ sở dữ liệu không cho chuyển; đo tỷ lệ gắn"
                    " cờ nhầm trên"
                    " mọi báo cáo",
                    "người duyệt vẫn có thể sai: khiếu nại do người khác xem lại",
                ),
                (
                    "Dùng hệ thống để truy tìm một người",
                    "không có trường, trang, chỉ mục, tệp xuất nào tìm hay liệt kê theo người đăng"
                    " (kiểm thử thường"
                    " trực)",
                    "lời bài có thể tự nêu tên",
                ),
                (
                    "Người trong cơ quan xem hoặc đưa dữ liệu ra ngoài",
                    "lý do trước mỗi lần mở bản gốc; nhật ký nối chuỗi băm; bản tin bất thường hằng tuần",
                    f"chụp màn hình: {FILL} quy chế nội bộ",
                ),
                (
                    "Lộ dữ liệu khi mất máy hoặc bị tấn công",
                    f"tên người đăng mã hóa; xác thực hai bước bắt buộc: {factor}",
                    f"{FILL} mã hóa ổ đĩa, nơi giữ tệp khóa",
                ),
                (
                    "Người ngoài cuộc bị nêu trong chứng cứ",
                    "che tên, số, địa chỉ trước khi xuất; người xác nhận từng chỗ; bản gốc chỉ đi"
                    " kèm khi có lý do"
                    " và được niêm phong",
                    "tên chỉ người đọc mới nhận ra",
                ),
                (
                    "Giữ quá hạn",
                    "xóa hằng đêm, kiểm lại, ghi nhật ký; báo cáo `kiemtin privacy report`",
                    "bản sao lưu cũ",
                ),
            ),
            widths=(28, 42, 30),
        ),
        Heading("5. Quyền của người có dữ liệu"),
        Bullets(
            (
                "Khiếu nại, yêu cầu đính chính: nhận bằng văn bản, người không dự quyết định xem"
                " lại, trả lời trong"
                " 30 ngày (Luật Khiếu nại 02/2011/QH13, Điều 28).",
                f"Yêu cầu xem, sửa, xóa: {LAWYER} thời hạn theo Luật 91/2025/QH15 và ngoại lệ cho cơ"
                " quan nhà nước."
                " Hệ thống không tìm được theo người đăng; người yêu cầu nêu địa chỉ bài.",
                f"Thông báo công khai về việc xử lý: {FILL} địa chỉ trang; báo cáo minh bạch hằng quý"
                " có sẵn.",
            )
        ),
        Heading("6. Khi có vi phạm"),
        Para(
            f"Báo cơ quan chuyên trách trong 72 giờ kể từ khi phát hiện. {LAWYER} điều khoản và mẫu"
            " hiện hành."
            f" Người trực: {FILL}."
        ),
    )


def _open(here: Installation) -> tuple[Block, ...]:
    return (
        Heading("7. Kết luận và chữ ký"),
        Bullets(
            (
                f"Mức rủi ro còn lại, có tiếp tục xử lý không: {FILL}.",
                f"Ý kiến của bộ phận bảo vệ dữ liệu cá nhân: {FILL}.",
                f"Ngày gửi cơ quan chuyên trách (trong 60 ngày từ khi bắt đầu xử lý): {FILL} {LAWYER}.",
                "Cập nhật khi đổi mục đích, nguồn, thời hạn hay bên xử lý; xem lại định kỳ sáu tháng.",
            )
        ),
        Heading("Phụ lục: nguồn và căn cứ"),
        Table(
            "Nguồn thu thập",
            ("Nguồn", "Loại", "Căn cứ đã ghi"),
            tuple(here.sources) or ((FILL, "", ""),),
            widths=(35, 15, 50),
        ),
    )


def _outside(here: Installation) -> str:
    parts: Mapping[str, bool] = {"kho tệp": bool(here.archive), "thư": here.mail}
    return ", ".join(name for name, used in parts.items() if used)
