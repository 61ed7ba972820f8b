"""The desk of a province: its queue opens with what concerns it, and one click shows all."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.desk import Desk
from api.region import NoSuchProvince, region_of
from review.queue import EVERYWHERE, Region
from search.open import open_engine
from store.archive import Archive
from store.records import Records
from tests.api.conftest import House
from tests.api.test_pages import fields

# Invented, and like no other post of the house.
OURS = "Bình Dương ơi, uống lá ổi ngâm rượu ba hôm là sạch vi rút corona, khỏi hẳn, khỏi cần thuốc tây, share gấp!"
THEIRS = "Bà con Hà Nội nhớ xông tinh dầu bạc hà hai lần mỗi ngày là diệt sạch COVID, khỏi hẳn, đừng vào viện làm gì"


@pytest.fixture
def province(house: House) -> House:
    """The desk of TP. Hồ Chí Minh, with a case that names it and one that names Hà Nội."""
    house.place.take(OURS, THEIRS, keys=["ours", "theirs"])
    house.place.work(house.desk.engine)
    house.desk = replace(house.desk, provinces=("79",))
    return house


def keys(client: TestClient, province: str | None = None) -> set[str]:
    """Return which of the two are in the queue."""
    asked = {} if province is None else {"province": province}
    shown = client.get("/api/v1/queue", params={"limit": 200, **asked}).json()
    words = {"ours": "Bình Dương", "theirs": "Hà Nội"}
    return {key for key, word in words.items() if any(word in row["excerpt"] for row in shown)}


def test_an_address_asks_for_provinces_or_gets_those_of_the_installation(
    sqlite: Records, tmp_path: Path
) -> None:
    anywhere = Desk(sqlite, open_engine(f"tantivy:{tmp_path / 's'}"), Archive(tmp_path))
    ours = replace(anywhere, provinces=("79",))
    assert region_of(ours) == Region(("79",), placeless=True)
    assert region_of(anywhere) == region_of(ours, "all") == EVERYWHERE
    assert region_of(ours, "none") == Region(placeless=True)
    assert region_of(ours, "01") == region_of(anywhere, "Hà Nội") == Region(("01",))
    assert region_of(ours, "01,Bình Dương,79") == Region(("01", "79"))
    with pytest.raises(NoSuchProvince, match="Quảng Đông"):
        region_of(ours, "01,Quảng Đông")


def test_the_api_is_narrowed_as_the_desk_is(province: House) -> None:
    client = province.signed_in()
    assert keys(client) == {"ours"}
    assert keys(client, "all") == {"ours", "theirs"}
    assert keys(client, "Hà Nội") == {"theirs"}
    assert keys(client, "none") == set()
    ours, everywhere = (
        client.get("/api/v1/lanes", params=p).json()["all"] for p in ({}, {"province": "all"})
    )
    assert everywhere == ours + 1
    assert client.get("/api/v1/lanes?province=01").json()["all"] == 1
    lease = client.post("/api/v1/lanes/all/next?province=01").json()
    case = client.get(f"/api/v1/cases/{lease['case_id']}").json()
    assert case["text"] == THEIRS
    assert case["assessment"]["places"] == [["01", "Hà Nội", "01"]]
    assert client.post("/api/v1/lanes/all/next?province=92").json() is None
    for path in ("/queue", "/", "/api/v1/queue", "/api/v1/lanes"):
        answer = client.get(path, params={"province": "<b>Quảng Đông"})
        assert answer.status_code == 404, path
        assert "Không có tỉnh" in answer.text
        assert "<b>Quảng" not in answer.text or path.startswith("/api")


def test_the_desk_opens_with_the_default_and_one_click_shows_all(province: House) -> None:
    client = province.signed_in()
    shown = client.get("/queue").text
    assert "Tỉnh của ta và bài không nêu nơi" in shown
    assert OURS[:40] in shown
    assert THEIRS[:40] not in shown
    (everywhere,) = set(re.findall(r'href="(/queue\?lane=all&amp;province=all)"', shown))
    assert THEIRS[:40] in client.get(everywhere.replace("&amp;", "&")).text
    theirs = client.get("/queue?lane=all&province=01").text
    assert THEIRS[:40] in theirs
    assert OURS[:40] not in theirs
    assert re.search(r'aria-current="true">Hà Nội', theirs)
    # The triage screen walks through the region that it was opened with.
    given = fields(client, "/?lane=all&province=01")
    assert given["province"] == "01"
    answer = client.post(
        f"/cases/{given['case']}/decide", data={**given, "outcome": "dismiss", "reason": "không gây hại"}
    )
    assert "province=01" in answer.headers["Location"]
    after = client.get(answer.headers["Location"]).text
    assert "Hết ca trong làn này" in after
    assert 'href="/?lane=all&amp;province=all"' in after
    assert "TP. Hồ Chí Minh và bài không nêu nơi" in client.get("/").text


def test_a_case_and_a_search_name_the_provinces(province: House) -> None:
    client = province.signed_in()
    case = client.get("/api/v1/queue", params={"province": "79"}).json()[0]["case_id"]
    shown = client.get(f"/cases/{case}").text
    assert "Nơi bài nêu:" in shown
    assert "nay thuộc TP. Hồ Chí Minh" in shown
    facets = client.get("/search").text
    assert "Nơi bài nêu" in facets
    assert re.search(
        r'href="/search\?province=79"><span>TP\. Hồ Chí Minh</span><span class="num">1</span>', facets
    )
    found = client.get("/api/v1/search", params={"province": "79"}).json()
    assert [found["total"], found["facets"]["province"]] == [1, {"79": 1}]
    assert client.get("/api/v1/search", params={"province": ["79", "01"]}).json()["total"] == 2
