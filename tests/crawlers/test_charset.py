"""Bytes become the text that was written, whatever they are said to be; what is no such text stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.reading.charset import decode
from crawlers.reading.page import LARGEST, Unreadable
from store.text import normalise
from tests.conftest import shared

SAID = "Đường phố vắng người, chợ Bãi Sậy đóng cửa; ai cũng đeo khẩu trang và giữ khoảng cách ở mỗi ngõ hẻm."
TONES = dict(zip("\u0300\u0301\u0309\u0303\u0323", "øùûõï", strict=True))
# Typed from the charts of the two fonts, letter by letter, and not from the tables that are tested.
TCVN3 = dict(
    zip(
        "ăâêôơưđ" "àảãáạằẳẵắặầẩẫấậ" "èẻẽéẹềểễếệìỉĩíị" "òỏõóọồổỗốộờởỡớợ" "ùủũúụừửữứựỳỷỹýỵ" "ĂÂÊÔƠƯĐ",
        "¨©ª«¬\u00ad®" "µ¶·¸¹»¼½¾ÆÇÈÉÊË" "ÌÎÏÐÑÒÓÔÕÖ×ØÜÝÞ" "ßáâãäåæçèéêëìíî" "ïñòóôõö÷øùúûüýþ" "¡¢£¤¥¦§",
        strict=True,
    )
)  # fmt: skip
VNI_BASES = {"\u0302": "âàáåãä", "\u0306": "êèéúüë"}
VNI_ALONE = {"đ": "ñ", "ĩ": "ó", "ị": "ò", "ỉ": "æ", "í": "í", "ì": "ì", "ỵ": "î"}


def tcvn3(text: str) -> bytes:
    """Type a text in TCVN3, whose only capitals with marks are seven: the others are set in a font of capitals."""
    return "".join(TCVN3.get(c) or TCVN3.get(c.lower(), c) for c in text).encode("cp1252")


def vni(text: str) -> bytes:
    typed = ""
    for letter in text:
        one = _vni_letter(letter.lower())
        typed += one.upper() if letter.isupper() else one
    return typed.encode("cp1252")


def _vni_letter(letter: str) -> str:
    if letter in VNI_ALONE:
        return VNI_ALONE[letter]
    base, *marks = normalize("NFD", letter)
    tone = next((mark for mark in marks if mark in TONES), "")
    if shape := next((mark for mark in marks if mark in VNI_BASES), ""):
        return base + VNI_BASES[shape][["", *TONES].index(tone)]
    horned = {"o": "ô", "u": "ö"}[base] if "\u031b" in marks else base
    return horned + (TONES[tone] if tone else "")


def cp1258(text: str) -> bytes:
    """Encode a text as Windows does: a letter with its shape, then the tone as a mark of its own."""
    spelled = []
    for letter in normalize("NFC", text):
        apart = normalize("NFD", letter)
        tones = "".join(mark for mark in apart if mark in TONES)
        spelled.append(normalize("NFC", "".join(mark for mark in apart if mark not in TONES)) + tones)
    return "".join(spelled).encode("cp1258")


@pytest.mark.parametrize(
    "charset", [None, "utf-8", "iso-8859-1", "windows-1252", "windows-1258", "x-la", "utf-16"]
)
@pytest.mark.parametrize(
    "body",
    [
        SAID.encode(),
        b"\xef\xbb\xbf" + SAID.encode(),
        b"\xff\xfe" + SAID.encode("utf-16-le"),
        b"\xfe\xff" + SAID.encode("utf-16-be"),
        SAID.encode("utf-16-le"),
        SAID.encode("utf-16-be"),
        SAID.encode("utf-32"),
    ],
    ids=["utf-8", "utf-8-bom", "utf-16-le-bom", "utf-16-be-bom", "utf-16-le", "utf-16-be", "utf-32-bom"],
)
def test_unicode_is_known_by_its_bytes_whatever_is_declared(body: bytes, charset: str | None) -> None:
    assert decode(body, charset) == SAID
    assert decode(b'<meta charset="iso-8859-1">' + SAID.encode(), charset).endswith(SAID)


@pytest.mark.parametrize("charset", [None, "utf-8", "iso-8859-1", "windows-1252", "windows-1258", "khong-co"])
def test_windows_1258_is_read_whatever_is_declared(charset: str | None) -> None:
    body = cp1258(SAID)
    assert decode(body, charset) != SAID, "a tone is a mark of its own there"
    assert normalise(decode(body, charset)) == SAID


def test_utf_8_with_a_broken_letter_is_still_utf_8() -> None:
    body = SAID.encode()
    assert decode(body[:-1] + b"\xe1\xba") == SAID[:-1] + "\ufffd"
    assert decode(body[:1] + body, "windows-1258") == "\ufffd" + SAID


def test_another_charset_is_believed_where_the_bytes_bear_it_out() -> None:
    assert decode("新型冠状病毒".encode("gb18030"), "gb2312") == "新型冠状病毒"
    assert decode("Вакцина".encode("koi8-r"), "koi8-r") == "Вакцина"
    assert decode(b'<meta charset="windows-1251">' + "Вакцина".encode("cp1251")).endswith("Вакцина")
    assert (
        decode("Le vaccin a été livré à Nîmes.".encode("cp1252"), "utf-8") == "Le vaccin a été livré à Nîmes."
    )


@pytest.mark.parametrize(
    "charset", ["unicode_escape", "utf-7", "punycode", "idna", "hex", "undefined", "\x00", ""]
)
def test_a_charset_that_no_page_may_have_is_not_believed(charset: str) -> None:
    assert decode(b"caf\xe9 \\u0041 +AEE-", charset) == "café \\u0041 +AEE-"


def test_what_xml_cannot_hold_is_left_out() -> None:
    assert decode("a\x00b\x0b\uffffc".encode()) == "abc"
    with pytest.raises(Unreadable):
        decode(b"x" * (LARGEST + 1))


@pytest.mark.parametrize(
    "charset", [None, "utf-8", "iso-8859-1", "windows-1252", "windows-1258", "x-user-defined"]
)
@pytest.mark.parametrize("typed", [tcvn3, vni])
def test_text_in_a_font_of_before_unicode_is_read_as_people_saw_it(
    typed: Callable[[str], bytes], charset: str | None
) -> None:
    assert decode(typed(SAID), charset) == SAID
    page = (
        '<html><head><title>%s</title></head><body style="color:red"><p class="n">%s</p>© 2003</body></html>'
    )
    assert decode((page % ("#", "#")).encode("cp1252").replace(b"#", typed(SAID)), charset) == page % (
        SAID,
        SAID,
    )


@pytest.mark.parametrize("typed", [tcvn3, vni])
def test_such_text_is_known_in_a_page_that_was_turned_into_utf_8(typed: Callable[[str], bytes]) -> None:
    assert decode(typed(SAID).decode("cp1252").encode(), "utf-8") == SAID


def test_a_word_set_in_the_font_of_capitals_is_all_capitals() -> None:
    assert decode("§¦êng vµ ng¸o ngÕ ®ång VIÖT NAM hai ch÷ THÕ giíi".encode("cp1252")).split()[5:7] == [
        "VIỆT",
        "NAM",
    ]


GENUINE = {
    "Vietnamese": SAID,
    "Vietnamese of Latin-1 letters alone": "Có là có, nó hò hét gì thì hãy cho bà là bà, cô là cô, và ai nói gì thì mình ghi.",
    "Vietnamese with entities": "Ti&#7871;ng Vi&#7879;t c&#7911;a m&#236;nh là thế? và có cả ì, à, ó, ò".replace(
        "ế", "e"
    ),
    "Vietnamese, composed apart": normalize("NFD", SAID),
    "English": "The naïve café owner’s résumé — “façade” © 2020 ®, 20 °C, £5, ½ cup, touché, déjà vu, coöperate.",
    "French": "L’été dernier, où êtes-vous allés ? À Nîmes, né là-bas, le thé était très cher et la forêt brûlait déjà ; "
    "naïf, il a dû célébrer Noël à côté de chez elle, et ça a été gâché par la grêle. Hé, dès là, né du thé, côté blé.",
    "German": "Für schöne Grüße aus Köln müssen wir über größere Straßen fahren, während die Bäume blühen und Äpfel fallen.",
    "Spanish": "¿Qué pasó ayer? El niño bebió más café, después volvió a España en avión y llegó él mismo al balcón.",
    "Portuguese": "Não há vacinação amanhã; as crianças já estão na escola, então é só aguardar a próxima informação à mão.",
    "Norwegian": "Så må vi gå på å få nå det både på øya og i åsen, for når vi får så må de også gå på, så på må få nå så.",
    "Icelandic": "Það má sjá á því að nú er ró á sjó, og þó sá ég á ný að hún á bú á Mýrum, já, nú má sá fá þá þrjá.",
    "a font's own bytes, too few to tell": "Hµ Néi",
}


@pytest.mark.parametrize("text", GENUINE.values(), ids=GENUINE)
def test_text_that_is_no_such_font_is_never_changed(text: str) -> None:
    assert decode(text.encode()) == text
    assert decode(f"<p>{text}</p>".encode() * 40) == f"<p>{text}</p>" * 40


def test_no_real_post_is_taken_for_such_a_font() -> None:
    for line in shared("data/posts_unlabelled.jsonl").read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"].replace("\x00", "")
        assert decode(text.encode()) == text


_OPEN = "aáàảãạeéèẻẽẹêếềểễệiíìỉĩịoóòỏõọôốồổỗộơớờởỡợuúùủũụưứừửữựyýỳỷỹỵ"
_RIMES = [*_OPEN, *(f"{vowel}n" for vowel in "ăắằẳẵặâấầẩẫậ")]
_ONSETS = ["b", "ch", "d", "đ", "h", "kh", "l", "m", "n", "nh", "ph", "r", "s", "t", "th", "tr", "v", "x"]
_WORDS = st.tuples(st.sampled_from(_ONSETS), st.sampled_from(_RIMES)).map("".join)
_SHAPES = st.sampled_from([str.lower, str.capitalize])
_TEXTS = st.lists(
    st.tuples(_SHAPES, _WORDS).map(lambda pair: pair[0](pair[1])), min_size=12, max_size=40, unique=True
).map(" ".join)


@settings(max_examples=150)
@given(_TEXTS)
def test_any_vietnamese_typed_in_either_font_comes_back_as_it_was(text: str) -> None:
    text = f"{SAID} {text} {SAID}"
    assert decode(tcvn3(text), "iso-8859-1") == text
    assert decode(vni(text), "iso-8859-1") == text
    assert decode(text.encode(), "iso-8859-1") == text


@settings(max_examples=100)
@given(st.binary(max_size=200), st.none() | st.text(max_size=12))
def test_no_bytes_and_no_charset_make_decoding_fail(body: bytes, charset: str | None) -> None:
    assert isinstance(decode(body, charset), str)
