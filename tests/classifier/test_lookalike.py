"""A domain that imitates an official one is seen, whatever the trick; an official or an innocent one never is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import signals
from classifier.signals import data, links

IMITATIONS = [
    # an official name before another domain
    ("tiemchungcovid19.gov.vn.xyz.top", "tiemchungcovid19.gov.vn", "place"),
    ("https://vietcombank.vn-iy.life/a", "vietcombank.com.vn", "place"),
    ("vietcombank.com.vn.abc.xyz", "vietcombank.com.vn", "place"),
    ("msb.vn-cvs.top", "msb.com.vn", "place"),
    ("dichvucong.cvgov[.]com", "dichvucong.gov.vn", "place"),
    ("hotro.gov.vn-xacminh.com", "gov.vn", "place"),
    ("trocap-gov.com", "gov.vn", "place"),
    ("hotro-govvn.net", "gov.vn", "place"),
    # inside a longer name
    ("i-vietcombank.com", "vietcombank.com.vn", "word"),
    ("vietcombankd.cfd", "vietcombank.com.vn", "word"),
    ("dichvucong-vneid.top", "dichvucong.gov.vn", "word"),
    ("sosuckhoedientu-covid.com", "hssk.kcb.vn", "word"),
    ("hotro-bocongan.online", "bocongan.gov.vn", "word"),
    ("nhan-bao-hiem-xa-hoi.vip", "baohiemxahoi.gov.vn", "word"),
    ("svip-acb.com", "acb.com.vn", "word"),
    ("vneid-capnhat.xyz", "vneid.gov.vn", "word"),
    ("ncov-moh-vn.info", "moh.gov.vn", "word"),
    ("tiem-chung-covid-19-vn.net", "tiemchungcovid19.gov.vn", "word"),
    # the same name, another ending
    ("vietinbank.top", "vietinbank.vn", "ending"),
    ("www.vietinbank.vip", "vietinbank.vn", "ending"),
    ("bidv.vip", "bidv.com.vn", "ending"),
    ("vneid.com", "vneid.gov.vn", "ending"),
    ("dichvucong.com.vn", "dichvucong.gov.vn", "ending"),
    ("acb.vip", "acb.com.vn", "ending"),
    ("suckhoedientu.vn", "hssk.kcb.vn", "ending"),
    # spelling
    ("www.vniatinbanks.cc", "vietinbank.vn", "spelling"),
    ("b0dv.xyz", "bidv.com.vn", "spelling"),
    ("sh0pie.vip", "shopee.vn", "spelling"),
    ("v1etcombank.com", "vietcombank.com.vn", "spelling"),
    ("vietcornbank.com", "vietcombank.com.vn", "spelling"),
    ("dichvuconq.top", "dichvucong.gov.vn", "spelling"),
    ("bocongam.com", "bocongan.gov.vn", "spelling"),
    ("techconbank.net", "techcombank.com", "spelling"),
    ("tiemchungc0vid19.com", "tiemchungcovid19.gov.vn", "spelling"),
    ("baohienxahoi.com.vn", "baohiemxahoi.gov.vn", "spelling"),
    # letters of another alphabet
    ("vietcombаnk.com.vn", "vietcombank.com.vn", "letters"),
    ("xn--vietcombnk-f4g.com", "vietcombank.com.vn", "letters"),
    ("асв.com.vn", "acb.com.vn", "letters"),
    # the address of a letter
    ("hotro@vietcombank-vn.com", "vietcombank.com.vn", "word"),
]  # fmt: skip

# Lawful sites, some near an official name.
LAWFUL = re.findall(r"\S+", """
    vnexpress.net tuoitre.vn thanhnien.vn suckhoedoisong.vn dantri.com.vn vietnamnet.vn znews.vn nhandan.vn vtv.vn plo.vn
    baochinhphu.vn xaydungchinhsach.chinhphu.vn moh.gov.vn ncov.moh.gov.vn tiemchungcovid19.gov.vn dichvucong.gov.vn
    dichvucong.hanoi.gov.vn vneid.gov.vn dichvucong.bocongan.gov.vn vnvc.vn vinmec.com hellobacsi.com choray.vn www.who.int
    www.cdc.gov https://moh.gov.sg https://www.gov.uk/a facebook.com m.facebook.com youtube.com drive.google.com chat.zalo.me/a
    shopee.vn https://shopee.co.th tiki.vn portal.vietcombank.com.vn vietinbank.vn bidv.com.vn techcombank.com acb.com.vn tpb.vn
    vietbank.com.vn vietabank.com.vn lpbank.com.vn momo.vn https://momoshop.com.tw zalopay.vn sbv.gov.vn data.worldbank.org
    arabbank.com https://scb.co.th chinhphuc.vn bluezones.com suckhoe.vnexpress.net bvtwhue.com.vn tingia.gov.vn
    tiemchungocovid19.gov.vn thuvienphapluat.vn vietnamairlines.com baotintuc.vn kcb.vn hssk.kcb.vn tokhaiyte.vn oceanbank.com
    https://acb.org https://mb.com.ph who-knows.com opengov.com
""")  # fmt: skip


@pytest.mark.parametrize(("written", "official", "how"), IMITATIONS)
def test_an_imitation_is_seen_with_what_it_imitates(written: str, official: str, how: str) -> None:
    leaf = signals.evaluate(f"Vui lòng vào {written} để xác thực")["lookalike_domain"]
    assert leaf.passed
    inputs = dict(leaf.inputs)
    assert (inputs["like"], inputs["how"]) == (official, how)


@pytest.mark.parametrize("site", LAWFUL)
def test_a_lawful_site_imitates_nothing(site: str) -> None:
    leaves = signals.evaluate(f"Xem thêm tại {site} nhé")
    assert leaves["link"].passed
    assert not leaves["lookalike_domain"].passed


def test_no_official_domain_imitates_another_nor_does_what_lies_under_it() -> None:
    for site in data.sites():
        for domain in site.domains:
            for host in (domain, f"www.{domain}", f"a-b.c.{domain}"):
                assert not signals.evaluate(f"https://{host}/x")["lookalike_domain"].passed, host


DOMAINS = st.sampled_from([domain for site in data.sites() for domain in site.domains])
LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@given(DOMAINS, LABEL, st.sampled_from(["top", "xyz", "com", "com.vn", "vip", "life"]))
def test_an_official_domain_before_any_other_is_an_imitation(domain: str, label: str, ending: str) -> None:
    leaf = signals.evaluate(f"https://{domain}.{label}.{ending}/")["lookalike_domain"]
    assert leaf.passed
    assert domain.endswith(str(dict(leaf.inputs)["like"]))


@given(st.lists(st.from_regex(r"[a-z0-9а-я-]{1,12}", fullmatch=True), min_size=1, max_size=6))
def test_any_host_is_judged(labels: list[str]) -> None:
    signals.evaluate(f"https://{'.'.join(labels)}.com/")


def test_no_list_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    links._suffixes.cache_clear()
    assert signals.evaluate("https://vietcombank.com.vn.abc.xyz")["lookalike_domain"].passed
