"""Where the labels of a data set come from: every figure shown says it, for none is better than they are."""

from __future__ import annotations

import re
from pathlib import Path

_POSTS = (
    "Nhãn: một lượt đọc kỹ của một mô hình ngôn ngữ lớn theo bản hướng dẫn gán nhãn; chưa có người nào phân"
    " xử. Hai lượt độc lập trên 739 bài khác khớp nhau với κ 0,955 (có hại), 0,889 (hành vi), 0,920 (nói về"
    " COVID); các lượt của cùng một mô hình có thể sai giống nhau. Tỉ lệ bài có hại cao hơn ngoài thực tế."
)
_WRITTEN = (
    "Bài do một mô hình ngôn ngữ viết ra cho từng chức năng rồi đọc lại một lượt, nhãn có sẵn từ khi viết;"
    " không phải bài thật, chi tiết trong bài là bịa."
)
UNKNOWN = "Không rõ nhãn từ đâu. Hãy ghi vào --labels-note, hoặc một tệp cùng tên đuôi .labels.txt."
_KNOWN = (
    (re.compile(r"posts_train.*"), _POSTS),
    (re.compile(r"(functional|contrast)_.*"), _WRITTEN),
)
_MOST = 2_000


def note_of(file: Path) -> str:
    """Return what is known of the labels of `file`: `NAME.labels.txt` beside it, or what its name says."""
    beside = file.with_suffix(".labels.txt")
    try:
        return beside.read_text(encoding="utf-8")[:_MOST].strip() or UNKNOWN
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        return f"Không đọc được {beside.name}: {error}"
    return next((note for name, note in _KNOWN if name.fullmatch(file.stem)), UNKNOWN)
