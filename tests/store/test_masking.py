"""What is masked in a text that leaves, what stays, and that masking misses no long number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.masking import mask
from store.text import normalise


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Gọi 0912.345.678 hoặc (028) 3930 9912", "Gọi <PHONE> hoặc <PHONE>"),
        ("+84 912 345 678, +84(0)912345678", "<PHONE>, <PHONE>"),
        ("0912345678 0987654321", "<PHONE> <PHONE>"),
        ("sđt 0 9 1 2 3 4 5 6 7 8", "sđt <PHONE>"),
        ("tổng đài 1900 9095", "tổng đài <PHONE>"),
        ("stk 123456 vcb", "stk <ACCOUNT> vcb"),
        ("Số tài khoản: 0071001234567 ngân hàng A", "Số tài khoản: <ACCOUNT> ngân hàng A"),
        ("CHUYỂN KHOẢN 500.000đ vào 0071001234567", "CHUYỂN KHOẢN 500.000đ vào <ACCOUNT>"),
        ("CCCD 079123456789", "CCCD <ACCOUNT>"),
        ("viết a.b@c.example nhé", "viết <EMAIL> nhé"),
        ("theo @nguyen.van.a và fb.com/abc.d?x=1", "theo <USER> và fb.com/<USER>"),
        ("https://www.facebook.com/profile.php?id=12 xem", "https://www.facebook.com/<USER> xem"),
    ],
)
def test_what_reaches_a_person_is_masked(said: str, left: str) -> None:
    assert mask(said) == left


@pytest.mark.parametrize(
    "said",
    [
        "Ngày 20.11.2020 có 1.848 ca, 15/3-25/3/2020, 2020-02-15",
        "8:30 20/11/2026, giai đoạn 2019-2020 và 2020 2021",
        "giá 500.000đ, tổng 1.000.000.000 đồng, 12000000 VND, 4.200-4.500 đồng/lít",
        "BN 1234567, 5K, Covid-19, F0, Omicron BA.2.12.1",
        "xem https://vnexpress.net/bai-viet-4567.html và <URL>",
    ],
)
def test_dates_amounts_and_plain_links_stay(said: str) -> None:
    assert mask(said) == said


pieces = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.from_regex(r"\+?[0-9][0-9 .\-]{5,20}", fullmatch=True),
        st.sampled_from(["stk ", "@", "fb.com/", " đồng", "/", "a@b.vn", "0912345678"]),
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(pieces)
def test_masking_again_changes_nothing_and_leaves_no_phone(parts: list[str]) -> None:
    left = mask(normalise("".join(parts)))
    assert mask(left) == left
    assert not re.search(r"(?<!\d)0[35789](?:[0-9]){8}(?!\d)", left)
