"""Places that a text names: old and new names, with and without dấu, and what only looks like a place."""

from __future__ import annotations

import ast
import dataclasses
import gzip
import inspect
import json
import unicodedata
import zipfile
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from classifier import places
from classifier.assess import Assessment, assess
from classifier.places import How, build, named, places_of, province_of, provinces
from classifier.places.gazetteer import Unit, folded, gazetteer
from store.text import fold
from tests.factory import model, policy

HCMC = "TP. Hồ Chí Minh"

# Nghị quyết 202/2025/QH15, điều 1: the 63 provinces and cities, and the 34 that they are since 1 July 2025.
MERGERS = {
    "Tuyên Quang": "Hà Giang, Tuyên Quang", "Lào Cai": "Yên Bái, Lào Cai",
    "Thái Nguyên": "Bắc Kạn, Thái Nguyên", "Phú Thọ": "Vĩnh Phúc, Hòa Bình, Phú Thọ",
    "Bắc Ninh": "Bắc Giang, Bắc Ninh", "Hưng Yên": "Thái Bình, Hưng Yên",
    "Hải Phòng": "Hải Dương, Hải Phòng", "Ninh Bình": "Hà Nam, Nam Định, Ninh Bình",
    "Quảng Trị": "Quảng Bình, Quảng Trị", "Đà Nẵng": "Quảng Nam, Đà Nẵng",
    "Quảng Ngãi": "Kon Tum, Quảng Ngãi", "Gia Lai": "Bình Định, Gia Lai",
    "Khánh Hòa": "Ninh Thuận, Khánh Hòa", "Lâm Đồng": "Đắk Nông, Bình Thuận, Lâm Đồng",
    "Đắk Lắk": "Phú Yên, Đắk Lắk", HCMC: "Bà Rịa - Vũng Tàu, Bình Dương, Hồ Chí Minh",
    "Đồng Nai": "Bình Phước, Đồng Nai", "Tây Ninh": "Long An, Tây Ninh",
    "Cần Thơ": "Sóc Trăng, Hậu Giang, Cần Thơ", "Vĩnh Long": "Bến Tre, Trà Vinh, Vĩnh Long",
    "Đồng Tháp": "Tiền Giang, Đồng Tháp", "Cà Mau": "Bạc Liêu, Cà Mau", "An Giang": "Kiên Giang, An Giang",
    "Hà Nội": "Hà Nội", "Huế": "Huế", "Lai Châu": "Lai Châu", "Điện Biên": "Điện Biên", "Sơn La": "Sơn La",
    "Lạng Sơn": "Lạng Sơn", "Quảng Ninh": "Quảng Ninh", "Thanh Hóa": "Thanh Hóa", "Nghệ An": "Nghệ An",
    "Hà Tĩnh": "Hà Tĩnh", "Cao Bằng": "Cao Bằng",
}  # fmt: skip
TODAY = {before: now for now, olds in MERGERS.items() for before in olds.split(", ")}


def found(text: str) -> list[str]:
    """Return the names of the places of a text."""
    return [place.name for place in places_of(text)]


def today(text: str) -> set[str]:
    """Return the names of the provinces of today that a text names a place of."""
    return {place.province_name for place in places_of(text)}


@cache
def units() -> list[Unit]:
    """Return every unit, each once."""
    kept = gazetteer()
    indexes = (kept.province_names, kept.district_names, kept.ward_names)
    return list({id(unit): unit for index in indexes for same in index.values() for unit in same}.values())


@cache
def names_by_code() -> dict[str, set[str]]:
    """Return the folded names of every unit."""
    names: dict[str, set[str]] = {}
    for unit in units():
        names.setdefault(unit.code, set()).update(fold(name) for name in unit.said)
    return names


def test_all_provinces_of_before_are_those_of_today_by_law() -> None:
    assert len(TODAY) == 63
    assert len(MERGERS) == 34
    assert set(provinces().values()) == set(MERGERS)
    for before, now in TODAY.items():
        for text in (f"tỉnh {before}", f"TỈNH {before.upper()}", fold(f"tinh {before}")):
            (place,) = places_of(text)
            assert place.province_name == now, text
            assert place.how == How.LEVEL
            assert (place.former or place.province_name).removeprefix("TP. ") == before


@pytest.mark.parametrize(
    ("text", "name", "province", "former"),
    [
        ("Quận 7 có thêm 5 ca", "Quận 7", HCMC, None),
        ("ở q7 nè", "Quận 7", HCMC, None),
        ("ghé Q.7 mua", "Quận 7", HCMC, None),
        ("Q. 7 phong tỏa", "Quận 7", HCMC, None),
        ("quan 7 phong toa roi", "Quận 7", HCMC, None),
        ("QUẬN 12 PHONG TỎA", "Quận 12", HCMC, None),
        ("dịch đã đến Q1", "Quận 1", HCMC, None),
        ("Quận 2 và Thủ Thiêm", "Quận 2", HCMC, None),  # gone since 2021
        ("TP.HCM giãn cách", HCMC, HCMC, None),
        ("tphcm", HCMC, HCMC, None),
        ("TP Hồ Chí Minh", HCMC, HCMC, None),
        ("thanh pho ho chi minh", HCMC, HCMC, None),
        ("ở Hồ Chí Minh", HCMC, HCMC, None),
        ("Sài Gòn ơi", HCMC, HCMC, None),
        ("sai gon oi", HCMC, HCMC, None),
        ("bạn tôi ở SG bảo", HCMC, HCMC, None),
        ("Ai ở HN thì ở nhà", "Hà Nội", "Hà Nội", None),
        ("hà nội hôm nay", "Hà Nội", "Hà Nội", None),
        ("Hà Lội mưa to", "Hà Nội", "Hà Nội", None),
        ("#hanoi nắng", "Hà Nội", "Hà Nội", None),
        ("#BìnhPhước có ca", "Bình Phước", "Đồng Nai", "Bình Phước"),
        ("#binhphuoc co ca", "Bình Phước", "Đồng Nai", "Bình Phước"),
        ("Thủ Đức phong tỏa", "Thành phố Thủ Đức", HCMC, None),
        ("quận Thủ Đức", "Quận Thủ Đức", HCMC, None),
        ("BRVT thêm ca", "Bà Rịa - Vũng Tàu", HCMC, "Bà Rịa - Vũng Tàu"),
        ("Bà Rịa – Vũng Tàu thêm ca", "Bà Rịa - Vũng Tàu", HCMC, "Bà Rịa - Vũng Tàu"),
        ("ba ria vung tau", "Bà Rịa - Vũng Tàu", HCMC, "Bà Rịa - Vũng Tàu"),
        ("Bình Dương giãn cách", "Bình Dương", HCMC, "Bình Dương"),
        ("Hải Dương giãn cách", "Hải Dương", "Hải Phòng", "Hải Dương"),
        ("Hà Giang giãn cách", "Hà Giang", "Tuyên Quang", "Hà Giang"),
        ("Thừa Thiên - Huế giãn cách", "Huế", "Huế", None),
        ("Khánh Hoà, nơi có biển", "Khánh Hòa", "Khánh Hòa", None),  # the tone on either vowel
        ("tỉnh Hà Tây cũ", "Hà Tây", "Hà Nội", "Hà Tây"),  # gone since 2008
        ("du lịch Đà Lạt", "Thành phố Đà Lạt", "Lâm Đồng", None),
        ("đảo Phú Quốc", "Thành phố Phú Quốc", "An Giang", "Kiên Giang"),
        ("thành phố Bắc Ninh", "Thành phố Bắc Ninh", "Bắc Ninh", None),
        ("TX. Bỉm Sơn", "Thị xã Bỉm Sơn", "Thanh Hóa", None),
        ("huyện Thủy Nguyên", "Thành phố Thủy Nguyên", "Hải Phòng", None),  # under its level of before
        ("phường Gò Vấp", "Phường Gò Vấp", HCMC, None),  # a ward of today, a district before
        ("đặc khu Côn Đảo", "Đặc khu Côn Đảo", HCMC, "Bà Rịa - Vũng Tàu"),
    ],
)  # fmt: skip
def test_a_place_is_found_by_any_of_its_names(
    text: str, name: str, province: str, former: str | None
) -> None:
    (place,) = places_of(text)
    assert (place.name, place.province_name, place.former) == (name, province, former)


@pytest.mark.parametrize(
    "text",
    [
        "mong thế giới hòa bình",
        "hai nước cùng tồn tại hòa bình",
        "hoa binh cho moi nguoi",
        "giải Nobel Hòa Bình",
        "chung cư Hòa Bình bị phong tỏa",
        "thời thái bình thịnh trị",
        "vùng biển Thái Bình Dương",
        "châu Á - Thái Bình Dương",
        "tình hình an ninh bình thường",
        "dịch diễn biến phức tạp",
        "dien bien phuc tap",
        "chiến thắng Điện Biên Phủ",
        "tương lai châu Á",
        "công trình cao bằng tòa nhà",
        "ngành hải dương học",
        "chị Hà Giang kể lại",
        "ca sĩ Thái Bình hát",
        "ông Nguyễn Hòa Bình phát biểu",
        "cô Nguyễn Hương Thủy dạy văn",
        "Chủ tịch Hồ Chí Minh",
        "tư tưởng Hồ Chí Minh",
        "đường Bình Dương kẹt xe",
        "tỉnh Hà Nam, Trung Quốc",
        "Vũ Hán, Hồ Bắc và Hà Nam",
        "Little Saigon, California",
        "báo Sài Gòn Giải Phóng đưa tin",
        "sân bay Tân Sơn Nhất",
        "Tân Bình, Phú Nhuận đều vắng",  # no level word, no province: dropped, not guessed
        "phường 1",
        "phường Tân Bình",
        "xã Quyết Thắng",
        "Tiên Phong, Quyết Thắng",
        "huyện Châu Thành",
        "xã hội an toàn",
        "xã giao vài câu",
        "quận nội thành",
        "ông P. V. kể",
        "p7 tr 3",
        "ấp Tân Bình, xã nào đó",
        "doanh thu Q1/2020 và Q3 năm 2020",
        "hn gap nhe, sg roi",
        "https://vnexpress.net/ha-noi-them-ca-o-da-nang.html",
        "info@danang.gov.vn",
        "London, Paris, Vũ Hán, Bắc Kinh, New York",
        "",
        "🙏",
    ],
)
def test_what_only_looks_like_a_place_is_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("tỉnh Hòa Bình", ["Hòa Bình"]),
        ("ở Hòa Bình", ["Hòa Bình"]),
        ("o hoa binh", ["Hòa Bình"]),
        ("Hòa Bình có 3 ca", ["Hòa Bình"]),
        ("xã Hòa Bình, huyện Vũ Thư, Thái Bình", ["Xã Hòa Bình", "Huyện Vũ Thư", "Thái Bình"]),
        ("thai binh va ha noi", ["Thái Bình", "Hà Nội"]),
        ("Ở Thái Bình dương tính 3 ca", ["Thái Bình"]),
        ("o can tho, phu tho co ca", ["Cần Thơ", "Phú Thọ"]),
        ("tinh phu tho", ["Phú Thọ"]),
        ("dan Phu Tho bao nhau", ["Phú Thọ"]),
        ("Long An và An Giang", ["Long An", "An Giang"]),
        ("từ Bắc Ninh, Bắc Giang về Thanh Hóa", ["Bắc Ninh", "Bắc Giang", "Thanh Hóa"]),
        ("huyện Châu Thành, Long An", ["Huyện Châu Thành", "Long An"]),
        ("quận Tân Bình, Phú Nhuận", ["Quận Tân Bình", "Quận Phú Nhuận"]),
        ("các quận 1, 3, 5 và Bình Thạnh", ["Quận 1", "Quận 3", "Quận 5", "Quận Bình Thạnh"]),
        ("quận 7, 3 người", ["Quận 7"]),
        ("P.12, Q.Gò Vấp", ["Phường 12", "Quận Gò Vấp"]),
        ("phường 1, quận 3", ["Phường 1", "Quận 3"]),
        ("P. Tân Định, Q.1", ["Phường Tân Định", "Quận 1"]),
        ("xã Hòa Bình, Vũ Thư", ["Xã Hòa Bình", "Huyện Vũ Thư"]),
        ("xã Tiên Phong, huyện Ba Vì", ["Xã Tiên Phong", "Huyện Ba Vì"]),
        ("phường Tân Bình, TP Đồng Xoài", ["Phường Tân Bình", "Thành phố Đồng Xoài"]),
        ("xã Bình Hưng, Bình Chánh", ["Xã Bình Hưng", "Huyện Bình Chánh"]),
        ("Hải Dương: Chí Linh và Nam Sách", ["Hải Dương", "Thành phố Chí Linh", "Huyện Nam Sách"]),
        ("Q3 vắng tanh, cả TPHCM vắng", ["Quận 3", HCMC]),
        ("quận Hoàng Mai", ["Quận Hoàng Mai"]),
        ("thị xã Hoàng Mai", ["Thị xã Hoàng Mai"]),
        ("Hoàng Mai, Nghệ An", ["Thị xã Hoàng Mai", "Nghệ An"]),
        ("tại Định Hóa, huyện Kim Sơn", ["Huyện Kim Sơn"]),  # a commune, not the district of that name
        ("tỉnh Hà Nam và Nam Định", ["Hà Nam", "Nam Định"]),
    ],
)
def test_an_ambiguous_name_is_settled_by_what_stands_around_it(text: str, names: list[str]) -> None:
    assert found(text) == names


def test_the_same_ward_is_meant_in_all_of_a_text() -> None:
    text = "xã Phước Hiệp, huyện Tuy Phước có ca. Người dân xã Phước Hiệp lo lắng."
    wards = [place for place in places_of(text) if place.kind == "ward"]
    assert len(wards) == 2
    assert {ward.code for ward in wards} == {wards[0].code}
    assert wards[0].former == "Bình Định"


def test_a_ward_that_an_address_contradicts_is_dropped() -> None:
    assert found("xã Lê Minh Xuân, huyện Gia Lâm") == ["Huyện Gia Lâm"]


def test_every_district_is_found_with_its_level_and_province() -> None:
    former = gazetteer().former
    wrong = []
    for unit in units():
        if unit.kind != "district":
            continue
        text = f"{unit.name}, tỉnh {former[unit.home].name.removeprefix('TP. ')}"
        for written in (text, text.upper(), fold(text)):
            read = places_of(written)
            if {place.province for place in read} != {unit.province}:
                wrong.append(written)
            if written != fold(text) and (not read or read[0].code != unit.code):
                wrong.append(written)
    assert wrong == []


def test_every_ward_of_before_is_found_by_its_address() -> None:
    districts = {unit.code: unit for unit in units() if unit.kind == "district" and unit.district}
    wards = [unit for unit in units() if unit.kind == "ward" and unit.district]
    missed, mistaken = 0, []
    for ward in wards:
        text = f"{ward.name}, {districts[f'old-{ward.district}'].name}"
        read = [place for place in places_of(text) if place.kind == "ward"]
        missed += not read
        if read and read[0].code != ward.code and read[0].province != ward.province:
            mistaken.append(text)
    assert mistaken == []
    assert len(wards) == 10_035
    assert missed <= 30  # names that come twice in one district


NAMES = sorted(TODAY)
PROVINCE = st.sampled_from(NAMES).map(lambda name: f"tỉnh {name}")
FILLER = st.sampled_from(
    ["có ca mới", "đã phong tỏa", "mọi người cẩn thận", "hôm qua", "3 ca", "!!!", "rồi."]
)


@settings(max_examples=150)
@given(st.lists(st.one_of(PROVINCE, FILLER, st.just("Quận 7"), st.just("huyện Bình Chánh")), max_size=12))
def test_without_dau_a_text_names_the_same_provinces(parts: list[str]) -> None:
    text = " ".join(parts)
    assert today(fold(text)) == today(text)
    assert today(text.upper()) == today(text)
    assert {TODAY[part.removeprefix("tỉnh ")] for part in parts if part.startswith("tỉnh ")} <= today(text)


PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["Hà Nội", "ha noi", "quận", "Q.", "q7", "P.1", "phường", "xã", "Tân Bình", "Châu Thành", "tỉnh", "#",
         "Hòa Bình", "Long An", "Huế", "Bà Rịa - Vũng Tàu", "thành phố", ", ", " - ", "\n", "#hanoi", "HN", "ở"]
    ),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=25), st.sampled_from(["", " "]))
def test_spans_lie_in_the_text_and_are_a_name_of_the_place(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    read = places_of(text)
    composed = unicodedata.normalize("NFC", text)
    for place in read:
        assert 0 <= place.start < place.end <= len(composed)
        said = folded(composed[place.start : place.end])
        names = names_by_code()[place.code]
        assert said.lstrip("0") in names or said in {name.replace(" ", "") for name in names}
    assert all(a.end <= b.start for a, b in pairwise(read))


def test_what_is_kept_of_a_text_is_each_place_once_and_no_endless_list() -> None:
    text = "Hà Nội, Huế, Quận 7. Hà Nội, Quận 7."
    assert named(text) == (("01", "Hà Nội", "01"), ("46", "Huế", "46"), ("old-778", "Quận 7", "79"))
    assert len(named(", ".join(f"{unit.name}" for unit in units() if unit.kind == "district"))) == 64


@dataclasses.dataclass(frozen=True)
class Post:
    id: int
    text: str


def test_an_assessment_holds_the_places_and_survives_json() -> None:
    (one,) = assess([Post(1, "Bình Dương và Quận 7 có ca")], model(), policy())
    assert one.places == (("old-74", "Bình Dương", "79"), ("old-778", "Quận 7", "79"))
    plain = json.loads(json.dumps(one.to_dict()))
    assert Assessment.from_dict(plain) == one
    del plain["places"]  # kept by a version that knew no places
    assert Assessment.from_dict(plain).places == ()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("79", "79"), (" 01 ", "01"), ("Bình Dương", "79"), ("tỉnh Bình Dương", "79"), ("TP.HCM", "79"),
        ("TP. Hồ Chí Minh", "79"), ("ha noi", "01"), ("Hà Tây", "01"), ("Bà Rịa - Vũng Tàu", "79"),
        ("74", None), ("Quận 7", None), ("Quảng Đông", None), ("", None),
    ],
)  # fmt: skip
def test_a_province_is_known_by_its_code_of_today_or_by_any_name(said: str, code: str | None) -> None:
    assert province_of(said) == code


# ── rights: the text alone, and no location of anybody ──────────────────────────────────────────────────


def test_places_are_read_from_the_text_and_from_nothing_else() -> None:
    assert list(inspect.signature(places_of).parameters) == ["text"]
    assert list(inspect.signature(named).parameters) == ["text"]
    allowed = {"classifier.places", "models", "store.text"}
    for file in Path(places.__file__).parent.glob("*.py"):
        if file.name == "build.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = (
                [module] if module else [a.name for a in node.names] if isinstance(node, ast.Import) else []
            )
            for name in names:
                ours = name.split(".")[0] in {"classifier", "models", "store", "review", "search", "crawlers"}
                assert not ours or any(name.startswith(one) for one in allowed), f"{file.name}: {name}"
                assert name.split(".")[0] not in {"socket", "urllib", "http", "requests", "sqlalchemy"}


def test_neither_a_place_nor_the_gazetteer_has_coordinates_or_authors() -> None:
    fields = {field.name for field in dataclasses.fields(places.Place)}
    assert fields == {
        "code", "name", "kind", "province", "province_name", "former", "start", "end", "how"
    }  # fmt: skip
    rows = [row for value in kept().values() if isinstance(value, list) for row in value]
    assert all(isinstance(value, str) and "." not in value for row in rows for value in row)


# ── the shipped file ────────────────────────────────────────────────────────────────────────────────────


def kept() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(gzip.decompress(models.path(build.TARGET).read_bytes()))
    return made


def test_the_shipped_file_is_small_whole_and_says_where_it_is_from() -> None:
    made = kept()
    assert models.path(build.TARGET).stat().st_size < 1_500_000
    assert [len(made[name]) for name in ("provinces", "former_provinces", "districts", "former_wards", "wards")] == [
        34, 63, 696, 10_035, 3_321,
    ]  # fmt: skip
    assert "MIT License" in made["licence"]
    assert build.PACKAGE in made["source"]
    provinces_, districts = {row[0] for row in made["provinces"]}, {row[0] for row in made["districts"]}
    assert {row[2] for row in made["former_provinces"]} == provinces_
    assert {row[3] for row in made["districts"]} == {row[0] for row in made["former_provinces"]}
    assert {row[3] for row in made["former_wards"]} <= districts
    assert {row[3] for row in made["wards"]} == provinces_
    assert all(rows == sorted(rows) for rows in made.values() if isinstance(rows, list))


def test_it_is_packed_the_same_each_time() -> None:
    packed = build.packed(kept())
    assert json.loads(gzip.decompress(packed)) == kept()
    assert packed[4:8] == bytes(4)  # no time in it


def test_it_is_built_from_the_pinned_package_alone(tmp_path: Path) -> None:
    other = tmp_path / build.WHEEL
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("vietnamadminunits/data/dataset.db", "x")
    with pytest.raises(build.BuildError, match="SHA-256"):
        build.gazetteer(other)
    with pytest.raises(build.BuildError, match="không đọc được"):
        build.gazetteer(tmp_path / "absent.whl")


def test_a_broken_file_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / build.TARGET
    broken.write_bytes(b"\x1f\x8b not gzip")
    monkeypatch.setattr(models, "path", lambda name: broken)
    gazetteer.cache_clear()
    try:
        with pytest.raises(models.DataError, match=r"places\.json\.gz"):
            gazetteer()
    finally:
        gazetteer.cache_clear()
