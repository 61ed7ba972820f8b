"""Common reasons, each one press away: those of the policy are its own words, the others are ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import models


def _n(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Pick:
    """A reason that can be picked. `key` is what the form sends, `label` the act or harm it is about, or "".

    `words` and `means` are Vietnamese: so the reason is recorded, in whatever language it was picked.
    """

    key: str
    words: str
    means: str = ""
    label: str = ""

    @property
    def reason(self) -> str:
        """What is recorded."""
        return f"{self.words}: {self.means}" if self.means else self.words


_OWN: Mapping[str, tuple[str, ...]] = {
    "dismiss": (
        _n("Không nói về COVID-19"),
        _n("Đúng theo nguồn đã kiểm chứng"),
        _n("Không gây hại cho ai"),
        _n("Chuyện cũ, nay không còn tác hại"),
        _n("Không đủ rõ để kết luận"),
    ),
    "escalate": (
        _n("Cần người có chuyên môn y tế xem"),
        _n("Chưa rõ có phải phát ngôn được bảo vệ không"),
        _n("Có thể nguy hiểm cho người khác ngay lúc này"),
    ),
    "skip": (
        _n("Cần đọc thêm nguồn"),
        _n("Tôi quen người hoặc nơi được nhắc tới"),
        _n("Cần người thạo đề tài này hơn"),
    ),
}


@cache
def picks() -> Mapping[str, tuple[Pick, ...]]:
    """Return the reasons by what they are for: outcomes, and `escalate` and `skip`.

    The order never changes with the case, so that a hand can learn it.
    """
    scheme = models.labels()
    acts = tuple(_of_label(act) for act in scheme.acts if act in scheme.protected)
    harms = tuple(_of_label(harm) for harm in scheme.harms)
    own = {kind: tuple(Pick(str(i), text) for i, text in enumerate(texts)) for kind, texts in _OWN.items()}
    return own | {"protected": acts, "correct": harms, "report": harms}


def picked(kind: str, key: str) -> Pick | None:
    """Return the reason that a form named, or None."""
    return next((pick for pick in picks().get(kind, ()) if pick.key == key), None)


def _of_label(key: str) -> Pick:
    label = models.labels().all[key]
    return Pick(key, label.vi, label.means, key)


# What the label scheme says of each act and harm, for the catalogue; a test holds the two together.
MEANINGS = (
    _n("khẳng định một điều là thật mà không có nguồn chính thống"),
    _n("thuật lại tin hoặc thông báo có nguồn"),
    _n("chỉ dẫn phòng bệnh, sức khỏe, cách làm"),
    _n("quan điểm, phê bình, than phiền, khen chê"),
    _n("chuyện đùa, ảnh chế, mỉa mai, hư cấu"),
    _n("điều chính tác giả trải qua hoặc chứng kiến"),
    _n("hỏi để biết"),
    _n("bác bỏ, đính chính, cảnh báo tin sai hoặc lừa đảo"),
    _n("kêu gọi giúp đỡ, đoàn kết, cầu nguyện, động viên"),
    _n("rao bán hoặc quảng bá hàng hóa, dịch vụ"),
    _n("không thuộc các loại trên"),
    _n("cách phòng, chữa, chẩn đoán sai hoặc nguy hiểm"),
    _n("điều sai về vắc xin"),
    _n("tin bịa hoặc chưa kiểm chứng về ca bệnh, phong tỏa, khan hiếm, biện pháp"),
    _n("nguồn gốc hoặc mưu đồ bịa đặt"),
    _n("lừa tiền, quyên góp giả, hàng y tế giả, mạo danh trúng thưởng"),
    _n("giả văn bản, tin nhắn của cơ quan, lời chuyên gia"),
    _n("hạ nhục hoặc kích động chống người bệnh, một nhóm, một vùng"),
    _n("lộ bệnh tình, địa chỉ, số điện thoại của người riêng"),
    _n("xúi trốn cách ly, giấu bệnh, chống nhân viên, vét hàng"),
)
