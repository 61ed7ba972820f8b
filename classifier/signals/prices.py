"""Prices in folded text: sums of money as people write them, and not counts of people, doses or cases."""

from __future__ import annotations

import re
from typing import Final

# What news counts in thousands and millions: "3 triệu liều", "20 ngàn người"; and "20 ngân hàng".
_COUNTED: Final = (
    r"(?! ?(?:nguoi|ca|lieu|dan|mui|luot|truong hop|hoc sinh|sinh vien|tan|khau trang|view|cong nhan|ho dan"
    r"|ho ngheo|tre|lao dong|viec lam|khach|doanh nghiep|benh nhan|nhan vien|nhan khau|m2|km|cong dan|fan"
    r"|follow|like|tai khoan|hang|sach|giuong|f0|f1|tam|lan|bac si|cu tri|thue bao|hoi vien)\b)"
)
# The first character is looked for alone, which is fast. No part repeats inside another.
_PRICE = re.compile(
    r"[$\d](?<![\d.,].)(?:"
    r"(?<=\$) ?\d[\d.,]{0,9}"  # $100
    r"|(?<=[1-9])(?:\d{0,2}(?:[.,]\d{3}){1,3}|\d{3,7}(?<=00)) ?(?:d|dong|vnd)\b"  # 280.000đ, 1200000 đồng
    r"|(?<=[1-9])\d{2} ?(?:dong|vnd)\b"  # 500 đồng
    r"|(?<=[1-9])\d{3}k\b"  # 3000k
    r"|(?<=\d)\d{0,2}(?:[.,]\d{1,3})?(?:"
    rf" ?(?:trieu|tr)(?:\d{{1,3}}|(?: ruoi)?)\b{_COUNTED}"  # 3 triệu rưỡi, 1tr2
    rf"| ?(?:nghin|ngan)\b{_COUNTED}"
    r"| ?(?:usd|do la)\b| ?\$"
    r"|(?:(?<=\d\d)|(?<=[.,]\d))k\b"  # 90k, 1.5k; 5K alone is the health rule of 2020
    r"|k(?=/)|(?<!2)k\d(?=/|\b)"  # 3k/cái, 1k2; 2k2 is a year of birth
    r"))(?![0-9])"
)
# Củ is a million and cành a thousand đồng in slang; elsewhere they are roots, branches, and old people.
_SLANG = re.compile(
    r"\b(?:gia|phi|coc|ck|chuyen|tra|mat|het|chi|bot)(?: \w{1,4})? \d{1,3}(?:[.,]\d)? (?:cu|canh)\b"
    r"(?! (?:gia|ba|ong|dan|to|khoai|sa)\b)"
    r"|\b\d{1,3}(?:[.,]\d)? cu (?:ruoi\b|\d(?!\d)|tien\b)|\b\d{1,3} cu/"
    r"|\b[1-9]\d{1,2} canh (?:kem|mot|1|cho)\b"
)


def find(text: str) -> str | None:
    """Return the first price of a folded text with plain digits."""
    match = _PRICE.search(text)
    if match is None and (" cu" in text or " canh" in text):
        match = _SLANG.search(text)
    return match.group().strip() if match else None
