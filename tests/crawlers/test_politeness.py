"""What a webmaster may expect: rules kept to, one request at a time and far enough apart, rests honoured."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy.http import Response

from crawlers.addresses import Allowed, is_public, literal
from crawlers.fetch import retry_after
from crawlers.gate import LONGEST_WAIT, Gate, HostResting
from crawlers.robots import LONGEST, Rules, directives, rules_of

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SITE = "https://trang.example"

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "192.88.99.1",
    "::127.0.0.1",
    "::10.0.0.1",
    "::ffff:0:127.0.0.1",
    "fec0::1",
    "5f00::1",
    "4000::1",
    "::ffff:169.254.169.254",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "123.30.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_inside_are_private(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert address not in Allowed()


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert address in Allowed()


def test_a_network_is_opened_on_purpose_and_no_other() -> None:
    opened = Allowed(["10.1.0.0/16", "127.0.0.1"])
    assert "10.1.9.9" in opened
    assert "127.0.0.1" in opened
    assert "10.2.0.1" not in opened
    assert "127.0.0.2" not in opened
    assert "không phải địa chỉ" not in opened
    with pytest.raises(ValueError, match="does not appear"):
        Allowed(["mạng nhà"])


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_what_it_maps_to(address: ipaddress.IPv4Address) -> None:
    assert is_public(ipaddress.IPv6Address(f"::ffff:{address}")) == is_public(address)


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1"), ("trang.example", None)],
)
def test_a_host_that_is_an_address_is_known_as_one(host: str, address: str | None) -> None:
    assert literal(host) == (None if address is None else ipaddress.ip_address(address))


# Cases of RFC 9309 and of the public description of how large crawlers read robots.txt, in our words.
CASES: list[tuple[str, dict[str, bool]]] = [
    ("", {"/": True, "/x": True}),
    ("User-agent: *\nDisallow:", {"/x": True}),
    ("User-agent: *\nDisallow: /", {"/": False, "/x": False, "/robots.txt": True}),
    ("User-agent: *\nDisallow: /a\nAllow: /a/b", {"/a": False, "/a/b": True, "/ab": False, "/b": True}),
    # The longest match decides, whatever the order; of equal ones the one that allows.
    ("User-agent: *\nAllow: /p\nDisallow: /", {"/p": True, "/page": True, "/x": False}),
    ("User-agent: *\nAllow: /folder\nDisallow: /folder", {"/folder/page": True}),
    ("User-agent: *\nAllow: /page\nDisallow: /*.htm", {"/page.htm": False, "/page": True}),
    ("User-agent: *\nAllow: /$\nDisallow: /", {"/": True, "/page.htm": False}),
    # Patterns.
    ("User-agent: *\nDisallow: /*.php", {"/a.php": False, "/f/a.php?x=1": False, "/a.PHP": True}),
    ("User-agent: *\nDisallow: /*.php$", {"/a.php": False, "/a.php?x=1": True, "/a.php5": True}),
    ("User-agent: *\nDisallow: /fish*.php", {"/fish.php": False, "/fishheads/c.php?p": False, "/Fish.php": True}),
    ("User-agent: *\nDisallow: /fish", {"/fish": False, "/fish.html": False, "/Fish.asp": True, "/catfish": True}),
    ("User-agent: *\nDisallow: /fish/", {"/fish": True, "/fish/": False, "/fish/a": False, "/fish.html": True}),
    # Our own group takes the place of the one for all, its parts are joined, names are without case.
    ("User-agent: *\nDisallow: /\nUser-agent: kiemtin\nDisallow: /k", {"/x": True, "/k": False}),
    ("User-agent: KIEMTIN\nDisallow: /a\n\nUser-agent: x\nDisallow: /\n\nUser-agent: kiemtin\nDisallow: /b",
     {"/a": False, "/b": False, "/c": True}),
    ("User-agent: a\nUser-agent: kiemtin\nDisallow: /a", {"/a": False, "/b": True}),
    ("User-agent: khac\nDisallow: /", {"/x": True}),
    # Comments, blank lines, odd spaces, unknown lines, no group.
    ("# mọi người\nUser-agent : * # tất cả\n  Disallow  :  /a   # kín", {"/a": False, "/b": True}),
    ("Sitemap: https://trang.example/s.xml\nUser-agent: *\nDisallow: /a\nHost: x", {"/a": False}),
    ("Disallow: /a", {"/a": True}),
    # Percent and Vietnamese letters are compared as what they stand for.
    ("User-agent: *\nDisallow: /tin-tức", {"/tin-t%E1%BB%A9c/1": False, "/tin-tuc": True}),
    ("User-agent: *\nDisallow: /a%3Cd.html", {"/a%3cd.html": False}),
    ("\ufeffUser-agent: *\nDisallow: /a", {"/a": False}),
    ("User-agent: *\r\nDisallow: /a\r\n", {"/a": False}),
    ("<html><body>Trang không có</body></html>", {"/a": True}),
    ("User-agent: *\nDisallow: /q?", {"/q?a=1": False, "/q": True}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_rules_are_read_as_the_standard_says(text: str, expected: dict[str, bool]) -> None:
    rules = rules_of(200, text.encode(), NOW)
    assert {path: rules.allows(SITE + path) for path in expected} == expected


@pytest.mark.parametrize(
    ("status", "readable", "allows"),
    [(200, True, False), (404, True, True), (410, True, True), (401, True, True), (403, True, True)]
    + [(status, False, False) for status in (429, 500, 502, 503, 504, 301, 204, None)],
)
def test_absent_rules_allow_all_and_unreadable_ones_nothing(
    status: int | None, readable: bool, allows: bool
) -> None:
    rules = Rules(status, "User-agent: *\nDisallow: /", NOW)
    assert (rules.readable, rules.allows(SITE + "/x")) == (readable, allows)


def test_rules_beyond_what_must_be_read_are_left() -> None:
    body = b"User-agent: *\nDisallow: /a\n" + b"#" * LONGEST + b"\nDisallow: /b\n"
    rules = rules_of(200, body, NOW)
    assert (rules.allows(SITE + "/a"), rules.allows(SITE + "/b")) == (False, True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("User-agent: *\nDisallow: /x", 0),
        ("User-agent: *\nCrawl-delay: 7", 7),
        ("User-agent: *\nCrawl-delay: 2.5\nRequest-rate: 1/10s", 10),
        ("User-agent: *\nRequest-rate: 4/1m", 15),
        ("User-agent: *\nCrawl-delay: 60\nUser-agent: kiemtin\nCrawl-delay: 3", 3),
        ("User-agent: *\nCrawl-delay: nhanh", 0),
    ],
)
def test_how_far_apart_is_read_from_both_lines(text: str, seconds: float) -> None:
    assert rules_of(200, text.encode(), NOW).seconds_apart == seconds


@given(st.binary(max_size=2000), st.text(max_size=60))
def test_no_file_is_an_error(body: bytes, path: str) -> None:
    rules = rules_of(200, body, NOW)
    assert rules.allows(f"{SITE}/{path}") in {True, False}
    assert rules.seconds_apart >= 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("", 0),
        ("-5", 0),
        ("mai", 0),
        ("1e9", 0),
        ("Fri, 20 Nov 2026 03:10:00 GMT", 600),
        ("Fri, 20 Nov 2026 02:00:00 GMT", 0),
        ("Fri, 20 Nov 2026 03:10:00", 600),
        ("99999999999999999999", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float) -> None:
    assert retry_after(Response(SITE, headers={"Retry-After": value}), NOW) == seconds


class Clock:
    """A clock that moves when someone sleeps, and notes who asked when."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[tuple[str, float]] = []

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def gate(clock: Clock) -> Gate:
    return Gate(lambda: clock.now, clock.sleep)


async def ask(gate: Gate, clock: Clock, host: str, takes: float = 0.0) -> None:
    async with gate.turn(host):
        clock.asked.append((host, clock.now))
        if takes:
            await clock.sleep(takes)


def test_requests_to_a_host_wait_for_each_other_and_keep_apart(clock: Clock) -> None:
    async def run() -> None:
        door = gate(clock)
        door.slow("a", 5)
        door.slow("a", 2)  # never less than was asked for before
        await asyncio.gather(*(ask(door, clock, "a", takes=1) for _ in range(4)))

    asyncio.run(run())
    assert [moment - 1000 for _, moment in clock.asked] == [0, 6, 12, 18]


def test_a_slow_answer_holds_the_next_request_off(clock: Clock) -> None:
    async def run() -> None:
        door = gate(clock)
        door.slow("a", 5)
        await asyncio.gather(*(ask(door, clock, "a", takes=30) for _ in range(2)))

    asyncio.run(run())
    assert [moment - 1000 for _, moment in clock.asked] == [0, 35]


def test_hosts_do_not_wait_for_each_other(clock: Clock) -> None:
    async def run() -> None:
        door = gate(clock)
        for host in "ab":
            door.slow(host, 50)
            await ask(door, clock, host)

    asyncio.run(run())
    assert [moment for _, moment in clock.asked] == [1000, 1000]


def test_a_short_rest_is_waited_for_and_a_long_one_left_to_a_later_crawl(clock: Clock) -> None:
    async def run() -> None:
        door = gate(clock)
        door.rest("a", 30)
        door.rest("a", 10)  # never shorter than was asked for before
        await ask(door, clock, "a")
        door.rest("a", LONGEST_WAIT + 1)
        with pytest.raises(HostResting) as told:
            await ask(door, clock, "a")
        assert told.value.seconds == LONGEST_WAIT + 1
        clock.now += LONGEST_WAIT
        await ask(door, clock, "a")

    asyncio.run(run())
    assert [moment - 1000 for _, moment in clock.asked] == [30, 30 + LONGEST_WAIT + 1]


def test_a_rest_that_is_asked_for_meanwhile_counts(clock: Clock) -> None:
    async def run() -> None:
        door = gate(clock)
        door.slow("a", 5)
        await ask(door, clock, "a")
        waiting = asyncio.ensure_future(ask(door, clock, "a"))
        await asyncio.sleep(0)
        door.rest("a", 60)
        await waiting

    asyncio.run(run())
    assert clock.asked[1][1] - clock.asked[0][1] >= 60


def test_what_another_process_asked_a_moment_ago_counts(clock: Clock) -> None:
    async def run() -> None:
        door = gate(clock)
        door.slow("a", 5)
        door.asked("a", 2)
        await ask(door, clock, "a")

    asyncio.run(run())
    assert clock.asked == [("a", 1003.0)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 20)), max_size=12))
def test_however_requests_come_none_is_too_near_the_one_before(asked: list[tuple[str, float]]) -> None:
    clock = Clock()

    async def run() -> None:
        door = gate(clock)
        for host in "abc":
            door.slow(host, 5)
        await asyncio.gather(*(ask(door, clock, host, takes) for host, takes in asked))

    asyncio.run(run())
    assert len(clock.asked) == len(asked)
    for host in "abc":
        moments = [moment for name, moment in clock.asked if name == host]
        assert all(b - a >= 5 - 1e-6 for a, b in pairwise(moments))


@pytest.mark.parametrize(
    ("tags", "body", "expected"),
    [
        ([], "<html>", []),
        (["noindex"], "", ["noindex"]),
        (["NoIndex, NOARCHIVE", "nosnippet"], "", ["noarchive", "noindex", "nosnippet"]),
        (["none"], "", ["nofollow", "noindex"]),
        (["khac: noindex"], "", []),
        (["KiemTin: noarchive"], "", ["noarchive"]),
        (["max-snippet: 5"], "", []),
        (["noindex, max-snippet: 5"], "", ["noindex"]),
        ([], '<meta name="robots" content="noindex, follow">', ["noindex"]),
        ([], "<META CONTENT='noarchive' NAME=robots />", ["noarchive"]),
        ([], '<meta name="kiemtin" content="noindex">', ["noindex"]),
        ([], '<meta name="khac" content="noindex"><meta name="description" content="noarchive">', []),
        ([], " " * 70_000 + '<meta name="robots" content="noindex">', []),
    ],
)
def test_what_a_page_asks_of_who_keeps_it_is_read(tags: list[str], body: str, expected: list[str]) -> None:
    assert directives(tags, body.encode()) == expected


@given(st.lists(st.text(max_size=40), max_size=3), st.binary(max_size=300))
def test_no_page_makes_that_an_error(tags: list[str], body: bytes) -> None:
    assert set(directives(tags, body)) <= {"noindex", "noarchive", "nofollow", "nosnippet"}
