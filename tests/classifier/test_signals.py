"""Signals are seen with dấu and without, take no time, and show no number that leads to a person."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from classifier import signals
from classifier.rules import Rule
from classifier.signals import data
from store.text import fold

# For each signal: texts that give it, and texts near them that do not.
SEEN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "phone": (
        (
            "Gọi 0900 000 000 nhé", "zalo 0387654321", "lh 0567-841-352 giao hàng thu tiền", "sđt:0708.123.456", "0812 34 56 78",
            "+84 98 765 43 21", "+84 (0)987 654 321", "0084987654321", "gọi 84987654321", "số cũ 0169 567 8945", "01234567890",
            "028 3930 9912", "(024) 3826 3531", "02253.123.456", "hotline 1900 54 54 15", "gọi 1800.6858", "0 9 8 7 6 5 4 3 2 1",
            "O9O2.345.678", "o987 654 32l", "09l2 345 678", "0️⃣9️⃣8️⃣7️⃣6️⃣5️⃣4️⃣3️⃣2️⃣1️⃣", "⓪⑨⑧⑦⑥⑤④③②①", "０９８７６５４３２１",
            "không chín không hai ba bốn năm sáu bảy tám", "0 chín tám 7 sáu năm bốn ba hai một", "0987654321/0912345678",
            "mua ngay 0987654321, 0912345678", "https://zalo.me/0987654321", "sđt0987654321", "0987_654_321", "1. 0987654321 2 hộp",
        ),
        (
            "năm 2020 có 1234567 người", "ngày 03/02/2020 09:30", "từ 03.02.2020 09 30", "08-03-2020 đến 12-04-2020", "08.30 - 11.30, 13.30",
            "MST 0312345678", "mã số thuế: 0312345678", "CMND số 0312345678", "số 0312345678/QĐ-UBND", "giá 84.300.000.000 đồng",
            "từ 1800 - 1900", "năm 1900 1945 người", "19001900 đồng", "bệnh nhân 0123", "bé 0987654", "0,5 - 0,7 - 0,9 - 0,3 - 1,2",
            "https://vnexpress.net/bai-viet-0912345678.html", "Gọi 113, 114, 115 khi khẩn cấp", "đường dây nóng 1900 9095 24/7",
            "hotline Bộ Y tế 1900.3228", "Bệnh viện Bạch Mai: 0969.851.616", "công an 069.2589.177", "không hai ba bốn năm sáu",
            "stk 0987654321", "0912345678901234", "098765432 lo", "không một hai ba bốn năm sáu bảy tám chín",
        ),
    ),
    "bank_account": (
        (
            "chuyển vào stk 0000 1234 5678", "Số tài khoản: 0071000123456 Vietcombank", "VCB 0071000123456", "ck 19034567890011 techcombank nha",
            "Agribank\nSTK: 1500205123456\nCTK: TRAN VAN A", "momo 0987654321", "mb 0987654321", "gửi vào tài khoản cán bộ 0000 9999 0000",
            "thẻ 9704 3612 3456 7890", "Ngân hàng Quân đội 123456789012", "bidv - 1234567890123", "stk 123456 acb", "số tk 0987654321 tpbank",
        ),
        (
            "mở tài khoản mới", "chuyển khoản 5.000.000 đồng", "chuyển khoản 500000000", "tài khoản facebook 100012345678901", "Vietcombank hotline 1900 545413",
            "ngân hàng mở ngày 03.02.2020", "gọi 0987654321", "ngân hàng có 12345 khách", "chuyển khoản giai đoạn 2019 2020",
            "tài khoản 5 triệu", "sdt 0987654321 ngân hàng nào cũng được",
        ),
    ),
    "price": (
        (
            "chỉ 350k một hộp", "199k/hộp", "1tr2 một bộ", "2tr350", "1.950.000đ/mũi", "280.000 đồng/thẻ", "500 nghìn", "2 triệu rưỡi", "còn 150 cành kèm đơn",
            "cọc e 1 củ giữ slot", "2 củ 2/mũi", "1200000đ", "20 ngàn thôi", "50 usd", "$100", "15tr-30tr", "3k/cái", "lương 1,5 triệu", "5tr",
        ),
        (
            "có 35 ca mới", "thực hiện 5K", "3 triệu liều", "20 ngân hàng", "hơn 600 triệu người", "2 cụ già", "năm 2020 đông người", "phim 3D", "sinh năm 2k2",
            "0987654321k", "siêu thị 0 đồng", "19.000 ca", "20 ngàn học sinh", "f0 khỏi",
        ),
    ),
    "link": (
        ("bấm https://trocap.example", "vào trocap-f0.top nhé", "www.abc.vn", "xem <URL>", "trocap[.]com", "zalo.me/g/abc", "http://1.2.3.4/a", "c19.kwin668.com"),
        ("bấm vào nút này", "hết bệnh.mai về", "dân số 96.462.106", "v.v.", "thư a@example.com", "lúc 17.30", "TP.HCM"),
    ),
    "short_link": (
        ("https://bit.ly/3abc", "t.ly/HBQ_l", "vào zalo.me/g/ugnbnw063", "t.me/+AbCd", "shorturl.at/frFHU", "https://www.tinyurl.com/x1", "cutt.ly/abc", "s.id/vay"),
        ("bit.ly", "zalo.me/", "https://zalo.me/0987654321", "https://vnexpress.net/a", "bitly.example/abc", "mybit.ly.vn/abc"),
    ),
    "sale": (
        ("inbox em chốt đơn", "giá sỉ liên hệ mua", "pass lại 300 que", "ship COD", "giao tận nhà", "thanh toán khi nhận hàng"),
        ("người bán rau", "bác sĩ Lê Văn A", "ghi nhận hàng trăm ca", "bản lề cửa"),
    ),
    "sure_cure": (
        (
            "ba ngày là khỏi hẳn", "thuốc đặc trị covid", "uống 5 ngày bao âm tính", "không âm không lấy tiền", "cam kết khỏi bệnh", "diệt sạch virus",
            "uống đều là khỏi", "không cần vắc xin", "khỏi 100%", "âm tính sau 3 ngày", "trị dứt điểm", "k khỏi hoàn tiền",
        ),
        ("đã khỏe lại", "123 bệnh nhân khỏi bệnh", "chưa có thuốc đặc trị", "bệnh nhân được chữa khỏi bệnh", "bảo vệ mình khỏi virus"),
    ),
    "urge_to_share": (("chia sẻ gấp cho người thân", "trước khi bị xóa"), ("xin chia sẻ nỗi buồn",)),
    "agency": (("Bộ Y tế vừa báo", "BHXH thông báo"), ("bộ quần áo y tế",)),
    "hearsay": (("nghe nói là vậy", "tin nội bộ"), ("nói nghe hay",)),
    "violence": (("gặp là đánh chết",), ("bệnh chết người",)),
    "urgency": (
        (
            "chỉ hôm nay", "duy nhất trong hôm nay", "còn 5 suất", "còn đúng 20 hộp", "trước 17h hôm nay", "thanh toán gấp", "GẤP GẤP GẤP", "nhanh tay kẻo hết",
            "hạn chót thứ sáu", "số lượng có hạn", "cảnh báo lần cuối", "sẽ khóa trong 2 giờ", "5 suất cuối cùng", "xác thực ngay hôm nay", "chậm là hết",
        ),
        ("gặp bạn trước cổng", "hôm nay trời mưa", "còn 5 bệnh nhân", "cách đây 17 giờ", "cần gặp bác sĩ"),
    ),
    "threat_of_loss": (
        (
            "tài khoản của bạn sẽ bị khóa", "thẻ ATM của quý khách bị tạm khóa", "thuê bao sẽ bị thu hồi", "quá hạn sẽ không được chấp nhận", "QUA_HAN SE KH0NG_DUOC CHAP_NHAN",
            "nếu không phải bạn đăng nhập vui lòng bấm vào đây", "truy cập https://abc.top để xác thực", "để tránh mất tiền", "Neu kh0ng tai khoan se bi kh0a",
        ),
        ("cửa bị khóa", "không đeo khẩu trang sẽ bị phạt", "vì dịch nên trường bị đóng", "mở tài khoản ở ngân hàng"),
    ),
    "bait": (
        (
            "nhận hỗ trợ 3 triệu", "nhận ngay 588k", "gói an sinh cho mọi nhà", "bạn đã đủ điều kiện nhận tiền", "Ban da du d!eu k!en NHAN T1EN", "trúng thưởng iPhone",
            "bấm vào link để nhận quà", "vay nhanh không thế chấp", "nợ xấu vẫn duyệt", "hoàn tiền bảo hiểm cho F0", "3 triệu trợ cấp F0", "nạp 50k nhận 108k",
        ),
        ("nhận lời cảm ơn", "chính phủ họp về hỗ trợ", "an toàn để lấy lại", "quầy số 4", "vay tiền mẹ mua gạo"),
    ),
    "advance_fee": (
        ("đóng phí trước", "nộp lệ phí 200k trước", "chuyển cọc giữ chỗ", "cọc 70%", "ck trc 50%", "chuyển trước 500 nghìn", "phí giải ngân", "nộp vào tài khoản cá nhân", "250k chuyển trước"),
        ("đừng chuyển cọc", "không đóng phí trước", "bảy cốc nước", "hội đồng trước đó", "đóng cửa trước giờ"),
    ),
    "otp_request": (
        ("gửi mã OTP", "nhập mật khẩu để tiếp tục", "đọc lại mã", "nhắn kèm số thẻ ATM", "cung cấp cho em mã xác thực", "nếu không gửi mã OTP sẽ khóa", "khai số thẻ và 3 số mặt sau"),
        ("không cung cấp mã OTP cho bất kỳ ai", "tuyệt đối không gửi mã OTP", "đừng đọc OTP", "không gửi. Mã OTP là gì", "quét mã QR"),
    ),
    "work_from_home": (
        ("việc nhẹ lương cao", "tuyển cộng tác viên chốt đơn", "kiếm 500k mỗi ngày", "làm việc tại nhà thu nhập cao", "lương 15 triệu", "hoa hồng 20%", "kiếm tiền online"),
        ("làm việc tại nhà để chống dịch", "học sinh học online", "lương y như từ mẫu", "tìm người nhà"),
    ),
    "certificate_sale": (
        (
            "bán giấy xét nghiệm âm tính", "lo được giấy đi đường", "thẻ xanh giá 900k", "không tiêm vẫn có thẻ xanh", "tiêm không cần chờ", "2 triệu một mũi",
            "nhận làm hộ chiếu vaccine", "Giấy đi đường mùa giãn cách, có dấu sẵn, 600 nghìn một tờ", "không cần lấy mẫu", "suất tiêm giá 2 củ",
        ),
        ("phường cấp giấy đi đường", "thẻ xanh áp dụng từ tháng 10", "báo kết quả xét nghiệm", "lịch tiêm cho người già", "không bán giấy đi đường"),
    ),
    "private_charity": (
        (
            "ủng hộ bà con qua momo", "quyên góp vào tài khoản cá nhân của em", "Mạnh thường quân gửi vào ví của em nhé", "từ thiện: stk 0123456789 mb", "gửi vào ví em ủng hộ bà con",
        ),
        (
            "Ủng hộ Quỹ vắc xin STK 3712.3.1121612.000 Kho bạc Nhà nước", "ủng hộ đội tuyển", "Mặt trận Tổ quốc kêu gọi ủng hộ, stk 0123456789", "stk 0123456789 mb",
        ),
    ),
}  # fmt: skip
# Another file holds the table of lookalike_domain.
OTHERS = {"lookalike_domain"}
GIVEN = [(name, text) for name, (given_, _) in SEEN.items() for text in given_]
SPARED = [(name, text) for name, (_, spared) in SEEN.items() for text in spared]
TEXTS = [text for _, text in GIVEN + SPARED]


def test_every_signal_has_its_examples() -> None:
    assert set(SEEN) | OTHERS == set(signals.NAMES)


@pytest.mark.parametrize(("name", "text"), GIVEN)
def test_a_signal_is_seen_where_it_is(name: str, text: str) -> None:
    for written in (text, fold(text), fold(text).upper(), f"Mọi người ơi: {text}", f"{text} nha mọi người"):
        assert signals.evaluate(written)[name].passed, written


@pytest.mark.parametrize(("name", "text"), SPARED)
def test_a_signal_is_not_seen_in_what_is_only_near_it(name: str, text: str) -> None:
    for written in (text, fold(text), fold(text).upper()):
        assert not signals.evaluate(written)[name].passed, written


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("gọi 1900 9095 24/7", "19009095"),
        ("hotline 19001516", "19001516"),
        ("gọi ngay 115", "115"),
        ("Bệnh viện Chợ Rẫy: 0969.871.010", "0969871010"),
        ("liên hệ công an 069.2589.177", "0692589177"),
    ],
)
def test_a_number_of_a_public_body_is_named_and_is_no_signal(text: str, number: str) -> None:
    leaf = signals.evaluate(text)["phone"]
    assert not leaf.passed
    assert dict(leaf.inputs) == {"official": number}
    assert signals.evaluate(f"{text} hoặc 0987654321")["phone"].passed


@pytest.mark.parametrize(
    ("text", "bank"),
    [
        ("Ngân hàng Vietcombank stk 0071000123456", "Vietcombank"),
        ("stk 0071000123456 vcb", "Vietcombank"),
        ("ck 19034567890011 tech", "Techcombank"),
        ("STK 123456789 ngân hàng quân đội", "MB"),
        ("mb bank 0987654321", "MB"),
        ("Zalo Pay 0987 654 321", "ZaloPay"),
        ("thẻ 9704 0512 3456 7890", "Agribank"),
        ("ngan hang a chau so tk 123456789", "ACB"),
        ("stk 123456789", ""),
    ],
)
def test_an_account_is_shown_with_its_bank_and_its_last_digits(text: str, bank: str) -> None:
    leaf = dict(signals.evaluate(text)["bank_account"].inputs)
    assert leaf.get("bank", "") == bank
    digits = re.sub(r"\D", "", text)
    assert leaf["matched"] == f"{bank} •••{digits[-3:]}".lstrip()


def test_every_bank_is_found_by_each_of_its_names_and_codes() -> None:
    for bank in data.banks().values():
        for name in (*bank.names, *bank.codes):
            leaf = signals.evaluate(f"stk 123456789012 {name}")["bank_account"]
            assert dict(leaf.inputs).get("bank") == bank.name, name


UNRELATED = st.text(max_size=60) | st.sampled_from(TEXTS)
WRITTEN = st.lists(st.text(max_size=20) | st.sampled_from(TEXTS), max_size=4).map(" ".join)


@given(WRITTEN)
def test_a_text_without_dau_gives_the_same(text: str) -> None:
    folded = fold(text)
    assume(fold(folded) == folded)
    assert signals.evaluate(folded) == signals.evaluate(text)


@given(st.sampled_from(GIVEN), UNRELATED, UNRELATED)
def test_another_paragraph_takes_no_signal_away(seen: tuple[str, str], before: str, after: str) -> None:
    name, text = seen
    assert signals.evaluate(f"{before}\n\n{text}\n\n{after}")[name].passed


@given(st.text(max_size=500))
def test_any_text_gives_every_leaf_short_and_whole(text: str) -> None:
    leaves = signals.evaluate(text)
    assert tuple(leaves) == signals.NAMES
    for name, leaf in leaves.items():
        assert leaf.name == name
        assert leaf.passed == ("matched" in dict(leaf.inputs))
        assert Rule.from_dict(leaf.to_dict()) == leaf
        assert all(len(str(value)) <= 80 for _, value in leaf.inputs)


PREFIX = st.sampled_from(["03", "05", "07", "08", "09"])
NUMBER = st.builds(lambda first, rest: first + rest, PREFIX, st.from_regex(r"[0-9]{8}", fullmatch=True))
SEPARATOR = st.sampled_from(["", " ", ".", "-", " - ", "_"])


@given(
    NUMBER,
    st.lists(SEPARATOR, min_size=9, max_size=9),
    st.sampled_from([
        "zalo {}", "đặt cọc giữ chỗ gọi {} chuyển trước", "stk {} mb", "momo {} ủng hộ bà con", "ủng hộ bà con {} qua momo",
        "https://zalo.me/{}", "https://bit.ly/{}", "vietcombank-{}.top", "nhận ngay quà {} 500k", "{} chỉ hôm nay", "làm việc tại nhà {} lương cao",
        "ck {} techcombank", "{}k một hộp", "bán gấp {} giá 5tr", "http://a.vn/?q={}", "{}.com", "hỗ trợ {} triệu", "gửi {} mã OTP",
    ]),
)  # fmt: skip
def test_no_leaf_shows_a_whole_number(number: str, between: list[str], around: str) -> None:
    spaced = "".join(a + b for a, b in zip(number, [*between, ""], strict=True))
    for leaf in signals.evaluate(around.format(spaced)).values():
        if "official" not in dict(leaf.inputs):
            shown = re.sub(r"\D", "", "".join(str(value) for _, value in leaf.inputs))
            assert number not in shown
            assert number[:7] not in shown


HOSTILE = (
    "0 ", "09", "03.02.2020 09 ", "stk ", "stk 123456", "chuyển khoản ", "9.", "a-", "a.", "a.b.c", "a" * 70 + ".", "vietcombank.com.vn.", "http://",
    "x@a.com ", "zalo.me/0", "1.000.", "gửi mã ", "không ", "không chín ", "k0ng!", "[.]", "0,5 ", "+84", "o9o", "xn--a.com ", "\u20e3", "giấy đi đường ",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_does_not_hold_the_signals_up(piece: str) -> None:
    # What is not linear does not end on a text of this size.
    assert tuple(signals.evaluate(piece * (150_000 // len(piece)))) == signals.NAMES
