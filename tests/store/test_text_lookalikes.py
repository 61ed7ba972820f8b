"""Letters that only look like Latin ones are kept as people read them; everything else as it was written."""

from __future__ import annotations

import json
import re
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.text import content_hash, normalise
from tests.conftest import shared


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("𝐯𝐚𝐜𝐜𝐢𝐧𝐞 𝑣𝑎𝑐𝑐𝑖𝑛𝑒 𝓿𝓪𝓬𝓬𝓲𝓷𝓮 𝕧𝕒𝕔𝕔𝕚𝕟𝕖 𝚟𝚊𝚌𝚌𝚒𝚗𝚎 𝖛𝖆𝖈𝖈𝖎𝖓𝖊", "vaccine vaccine vaccine vaccine vaccine vaccine"),
        ("ℎé 𝒽ℯ𝓁ℓℴ ℭℴ𝓋𝒾𝒹 𝟎𝟗𝟎𝟏", "hé hello Covid 0901"),
        ("ｖａｃｃｉｎｅ　ｔ．ｍｅ／ｘ（ｇấｐ）！", "vaccine t.me/x(gấp)!"),
        ("ⓥⓐⓒⓒⓘⓝⓔ ⒱⒜⒞⒞⒤⒩⒠ 🅥🅐🅒🅒🅘🅝🅔 🄲🄾🅅🄸🄳 🅲🅾🆅🅸🅳", "vaccine vaccine VACCINE COVID COVID"),
        ("vаccine vассinе СОVID khẩu trаng", "vaccine vaccine COVID khẩu trang"),
        ("vαccine, νaccine; thuốс chữa bệnh ủng һộ", "vaccine, vaccine; thuốc chữa bệnh ủng hộ"),
        ("vắс xin, vӑсxin, tiêm vа\u0301c", "vắc xin, văcxin, tiêm vác"),
        ("кhẩu тrang", "khẩu trang"),
        ("ᴠᴀᴄᴄɪɴᴇ", "vaccine"),
        ("vac\u200dxin vac\ufe0fxin vac\u034fxin vac\u3164xin vac\u200bxin vac\U000e0041xin", " ".join(["vacxin"] * 6)),
        ("ｖа\u200dс𝐜ine", "vaccine"),
    ],
)  # fmt: skip
def test_letters_that_look_like_latin_ones_are_those(written: str, read: str) -> None:
    assert normalise(written) == read
    assert content_hash(written) == content_hash(read)


@pytest.mark.parametrize(
    "text",
    [
        "Владимир Путин nói với Αθήνα, оно и НОСА",
        "Россиа và Pоссия, Фacebook",
        "TNFα, IFNγ, NFκB, γGT, HIF1α, 5 μm, 10 Ω, Δt = 3, β-carotene, π ≈ 3,14",
        "Vào vіetcombank.com.vn hoặc https://dịchvụсông.vn/x ngay",
        "½ cốc, 20 m², H₂O, xᵢ, ① rửa tay, ② đeo khẩu trang, ™ № ℃ ﬁ Ⅳ",
        "❤️ 1️⃣ ☎️ 👨‍👩‍👧‍👦 🏳️‍🌈 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f nhóm máu 🅰️ hay 🅱, 🆎, 🅾, đỗ 🅿️, Ⓜ️",
        "क्‍ष và می‍خواهم",
        "日本語、ﾃｽﾄ、한국어",
        "Đường, đã, Đắk Lắk, ðảng, café, naïve, Ørsted, Łódź, İstanbul",
    ],
)  # fmt: skip
def test_what_is_meant_as_it_is_written_stays(text: str) -> None:
    assert normalise(text) == text


def as_before(text: str) -> str:
    """Normalise as it was done before look-alikes were."""
    lines = re.sub("\r\n?|[\u2028\u2029]", "\n", text)
    lines = re.sub(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]",
        "",
        lines,
    )
    lines = "\n".join(re.sub(r"[^\S\n]+", " ", line).strip() for line in normalize("NFC", lines).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def test_a_real_post_without_such_letters_is_what_it_always_was() -> None:
    alike, rows = 0, shared("data/posts_unlabelled.jsonl").read_text(encoding="utf-8").splitlines()
    for text in (json.loads(row)["text"] for row in rows):
        if re.search("[\u0370-\u052f\uff01-\uff5e\U0001d400-\U0001d7ff]", text):
            alike += 1
        else:
            assert normalise(text) == as_before(text)
    assert alike < len(rows) / 100


VIETNAMESE = (
    "aàảãáạăằẳẵắặâầẩẫấậeèẻẽéẹêềểễếệiìỉĩíịoòỏõóọôồổỗốộơờởỡớợuùủũúụưừửữứựyỳỷỹýỵbcdđghklmnpqrstvxĂÂĐÊÔƠƯ"
)
CRAFTY = "aévK9 \n\t\u0301\u0323\u034f\u200d\u200b\ufe0f\u3164аеоѕіӑгФжαγνΟΣᴀɪʙ𝐚ℎ𝟎ａ（Ⓐⓥ⒱Ⓜ🅐🅰🅱🅲🄰❤👨½²①क्"


@settings(max_examples=300)
@given(st.text(st.sampled_from(VIETNAMESE + " ,.!?\n0123456789\u0301\u0323\t\xa0\r"), max_size=80))
def test_vietnamese_is_what_it_always_was(text: str) -> None:
    assert normalise(text) == as_before(text)


@settings(max_examples=600)
@given(st.text(st.sampled_from(CRAFTY), max_size=30) | st.text(max_size=30))
def test_what_is_normalised_stays_so_and_is_composed(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert normalize("NFC", once) == once
