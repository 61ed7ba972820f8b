"""Written posts on a few topics by function, as the evaluation reads them: harmful, protected and neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import models
from classifier.model import Scores
from store.text import fold

_SCHEME = models.labels()

_TOPICS = {
    "nước tỏi": ("nước tỏi nóng", "cure"),
    "nước muối": ("súc nước muối đặc", "cure"),
    "xông lá": ("xông lá sả gừng", "cure"),
    "cồn": ("uống cồn pha loãng", "cure"),
    "trứng gà": ("ăn trứng gà luộc nửa đêm", "cure"),
    "thuốc nam": ("thuốc nam gia truyền", "cure"),
    "chip 5G": ("chip 5G trong vắc xin", "vaccine"),
    "vô sinh": ("vắc xin làm vô sinh", "vaccine"),
}
_FUNCTIONS: dict[str, tuple[str, str]] = {
    "F1": ("claim", "Cứ {} là khỏi hẳn COVID, virus chết sạch, khỏi cần thuốc, nhà tôi ai cũng khỏi. Share gấp!"),
    "F2": ("claim", "moi nguoi oi {} la am tinh ngay, benh vien giau khong cho biet dau, khoi can tiem"),
    "F3": ("claim", "m.n ơi {} là khỏi cô vy ngay nha, ko cần thuốc j hết, bv giấu đó, k tin thì thôi"),
    "F6": ("debunk", "Bộ Y tế: tin nói {} chữa được COVID là sai, người dân không làm theo và không chia sẻ."),
    "F7": ("question", "Cho em hỏi chuyện {} chữa COVID có đúng không ạ, ai biết chỉ em với?"),
    "F9": ("satire", "Nghe bảo {} chữa bách bệnh, thế thì bác sĩ thất nghiệp hết rồi các bác nhỉ haha"),
    "F11": ("opinion", "Để dân tin vào {} thế này là lỗi của cách truyền thông chậm chạp, quá chán."),
    "F12": ("advice", "Đừng trông vào {}; hãy đeo khẩu trang, rửa tay, tiêm đủ mũi và gọi y tế khi sốt."),
    "F14": ("other", "Chiều nay chợ đông, ghé mua ít rau với cá, tiện hỏi chuyện {} rồi về nấu cơm."),
}  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """Return 72 rows, a topic after the other."""
    made = []
    for topic, (words, harm) in _TOPICS.items():
        for function, (act, text) in _FUNCTIONS.items():
            harmful = act == "claim"
            made.append(
                {
                    "id": f"{topic}-{function}",
                    "topic": topic,
                    "function": function,
                    "text": text.format(fold(words) if function == "F2" else words),
                    "about": int(function != "F14"),
                    "act": act,
                    "harm": [harm] if harmful else [],
                    "source": "viết tay" if function < "F2" else "viết máy",
                }
            )
    return made


def write(file: Path, made: list[dict[str, Any]], *broken: str) -> Path:
    """Write rows to a file, one a line, and broken lines after them."""
    lines = [*(json.dumps(row, ensure_ascii=False) for row in made), *broken]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def some_scores(number: int, seed: int = 5) -> Scores:
    """Return scores by chance: what says nothing, and is still added up."""
    random = np.random.default_rng(seed)
    return Scores(
        about=random.random(number),
        acts=random.dirichlet(np.full(len(_SCHEME.acts), 0.3), number),
        harms=random.random((number, len(_SCHEME.harms))),
        harmful=random.random(number),
    )
