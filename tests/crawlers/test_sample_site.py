"""The sample site holds what it promises, and behaves like a site."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

import pytest
from lxml import html

import models
from crawlers.reading.articles import read_article
from crawlers.reading.forums import read_forum
from crawlers.reading.page import Raw
from crawlers.sample_site import Page, RunningSite, articles, render, serve, sources, threads
from crawlers.sample_site.content import Article, Message
from crawlers.sample_site.pages import PER_PAGE, article_page, path_of, thread_page
from crawlers.sources import parse
from store.cluster import SIMILAR, signatures, similarity
from store.text import content_hash, fold, normalise
from tests.conftest import ROOT

BASE = "http://127.0.0.1:9"
HOSTILE = """"'></script></title><script>alert(1)</script><img src=x onerror=alert(1)>&amp;{{ 7 * 7 }}"""


@pytest.fixture
def site() -> Iterator[RunningSite]:
    running = serve()
    yield running
    running.stop()


def messages() -> list[Message]:
    return [message for thread in threads() for message in thread.messages]


def items() -> list[Article | Message]:
    return [*articles(), *messages()]


def paths() -> list[str]:
    """Every path of the site but those of files that are no pages."""
    found = ["/", "/dien-dan/", *(path_of(article.slug) for article in articles())]
    for thread in threads():
        first = f"/dien-dan/chu-de/{thread.slug}.{thread.id}/"
        found += [first, *(f"{first}page-{n}" for n in range(2, -(-len(thread.messages) // PER_PAGE) + 1))]
    return found


def status_of(url: str, **headers: str) -> int:
    """The status of an answer, whatever it is."""
    try:
        with urlopen(Request(url, headers=headers)) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def raw(page: Page, url: str) -> Raw:
    return Raw(page.body, url, datetime(2026, 11, 20, tzinfo=UTC))


def test_every_act_and_harm_is_there_more_than_once() -> None:
    acts = Counter(item.act for item in items())
    harms = Counter(harm for item in items() for harm in item.harm)
    assert set(acts) == set(models.labels().acts)
    assert set(harms) == set(models.labels().harms)
    assert min(acts.values()) >= 3
    assert min(harms.values()) >= 3
    assert 150 <= len(items()) <= 200


def test_what_is_named_by_another_is_there_and_all_names_differ() -> None:
    slugs = [article.slug for article in articles()]
    numbers = [message.id for message in messages()]
    assert len(set(slugs)) == len(slugs)
    assert len(set(numbers)) == len(numbers)
    for thread in threads():
        said = []
        for message in thread.messages:
            assert message.quotes is None or message.quotes in said
            said.append(message.id)


def test_debunks_quote_rumours_and_nothing_protected_is_harmful() -> None:
    by_id = {message.id: message for message in messages()}
    rebuttals = [m for m in messages() if m.act == "debunk" and m.quotes and by_id[m.quotes].harm]
    assert len(rebuttals) >= 6
    assert not [
        item for item in items() if item.harm and item.act in {"debunk", "news", "question", "satire"}
    ]


def test_copies_are_what_they_say() -> None:
    originals: dict[object, Article | Message] = {item.slug: item for item in articles()}
    originals |= {item.id: item for item in messages()}
    copies = [item for item in items() if item.copy_of is not None]
    assert min(Counter(item.how for item in copies)[how] for how in ("exact", "near", "folded")) >= 6
    for copy in copies:
        original = originals[copy.copy_of]
        assert (copy.act, copy.harm) == (original.act, original.harm)
        assert copy.published > original.published
        assert (content_hash(copy.text) == content_hash(original.text)) == (copy.how == "exact")
        assert (fold(copy.text) == fold(original.text)) == (copy.how != "near")
        one, other = signatures([copy.text, original.text])
        assert one is not None
        assert other is not None
        assert similarity(one, other) >= SIMILAR


def test_all_is_said_within_twelve_weeks() -> None:
    last = datetime.fromisoformat("2026-11-20T00:00:00+07:00")
    for item in items():
        assert last - timedelta(weeks=12) <= item.published < last
        assert item.published.utcoffset() == timedelta(hours=7)


def test_articles_are_as_long_as_articles_and_text_is_normal() -> None:
    for article in articles():
        assert len(article.body) >= 2
        assert 60 <= len(article.text.split()) <= 320
    for item in items():
        assert item.text == normalise(item.text)


def test_no_host_or_telephone_number_can_be_somebodys() -> None:
    text = "\n".join(item.text for item in items())
    hosts = re.findall(r"https?://([^/\s,]+)", text)
    assert hosts
    assert all(host.endswith(".example") for host in hosts)
    assert not re.search(r"\w\.(?:com|net|org|info|vip|top|vn)\b", text)
    telephones = re.findall(r"\b0\d{3} \d{3} \d{3}\b", text)
    assert telephones
    assert all(number.startswith("0900 000 0") for number in telephones)


def test_every_link_of_the_feed_answers(site: RunningSite) -> None:
    with urlopen(f"{site.url}/rss.xml") as answer:
        assert answer.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
        entries = list(ElementTree.fromstring(answer.read()).iter("item"))
    by_title = Counter((entry.findtext("title"), entry.findtext("pubDate")) for entry in entries)
    assert len(by_title) == len(articles())
    for entry in entries:
        assert entry.findtext("guid") == entry.findtext("link")
        assert status_of(entry.findtext("link") or "") == 200
    dates = {parsedate_to_datetime(entry.findtext("pubDate") or "") for entry in entries}
    assert dates == {article.published for article in articles()}


def test_robots_forbid_the_one_article_and_nothing_else() -> None:
    robots = RobotFileParser()
    robots.parse(render("/robots.txt", BASE).body.decode().splitlines())
    forbidden = [path for path in ("/rss.xml", *paths()) if not robots.can_fetch("kiemtin", f"{BASE}{path}")]
    assert forbidden == ["/noi-bo/lich-cat-dien-phuong-ben-nuoc.html"]


def test_every_article_is_read_whole() -> None:
    for article in articles():
        url = f"{BASE}{path_of(article.slug)}"
        item = read_article(raw(render(path_of(article.slug), BASE), f"{url}?utm_source=rss")).items[0]
        assert (item.url, item.title, item.text) == (url, article.title, article.text)
        assert (item.handle, item.published) == (article.author, article.published)


def test_every_message_is_found_by_walking_the_forum() -> None:
    waiting = [lead.url for lead in read_forum(raw(render("/dien-dan/", BASE), f"{BASE}/dien-dan/")).leads]
    assert len(waiting) == len(threads())
    found = {}
    while waiting:
        url = waiting.pop()
        page = read_forum(raw(render(url.removeprefix(BASE), BASE), url))
        assert len(page.items) <= PER_PAGE
        found |= {item.anchor: item for item in page.items}
        waiting += [lead.url for lead in page.leads]
    assert set(found) == {f"post-{message.id}" for message in messages()}
    by_id = {message.id: message for message in messages()}
    for message in messages():
        item = found[f"post-{message.id}"]
        quoted = () if message.quotes is None else (by_id[message.quotes].text.replace("\n", " "),)
        assert (item.text, item.quotes) == (message.text, quoted)
        assert (item.handle, item.published) == (message.author, message.published)
    assert sum(len(thread.messages) >= 15 for thread in threads()) >= 2


def test_hostile_words_stay_words() -> None:
    article = replace(
        articles()[0], title=HOSTILE, author=HOSTILE, standfirst=HOSTILE, body=(HOSTILE, "Đoạn cuối của bài.")
    )
    page = article_page(article, BASE)
    root = html.document_fromstring(page.body.decode())
    (data,) = root.xpath("//script/text()")
    assert json.loads(data)["headline"] == HOSTILE
    assert json.loads(data)["author"]["name"] == HOSTILE
    assert_no_live_markup(page)
    item = read_article(raw(page, f"{BASE}{path_of(article.slug)}")).items[0]
    assert item.title == HOSTILE
    assert HOSTILE in item.text

    message = replace(threads()[0].messages[0], author=HOSTILE, text=HOSTILE)
    reply = replace(message, id=2, text="Trả lời", quotes=message.id)
    page = thread_page(replace(threads()[0], title=HOSTILE, messages=(message, reply)), 1, BASE)
    assert_no_live_markup(page)
    first, second = read_forum(raw(page, f"{BASE}/dien-dan/chu-de/x.41/")).items
    assert (first.title, first.handle, first.text) == (HOSTILE, HOSTILE, HOSTILE)
    assert (second.text, second.quotes) == ("Trả lời", (HOSTILE,))


def assert_no_live_markup(page: Page) -> None:
    root = html.document_fromstring(page.body.decode())
    assert not root.xpath("//img")
    assert not root.xpath("//@*[starts-with(name(), 'on')]")
    assert not root.xpath("//script[not(@type='application/ld+json')]")


@pytest.mark.parametrize(
    "path",
    [
        "/khong-co",
        "/bai/khong-co.html",
        "/bai/lich-cat-dien-phuong-ben-nuoc.html",
        "/dien-dan/chu-de/x.1/",
        f"/dien-dan/chu-de/{threads()[0].slug}.41/page-0",
        f"/dien-dan/chu-de/{threads()[0].slug}.41/page-3",
        "/bai/../../etc/passwd",
    ],
)
def test_what_is_not_there_is_a_404(path: str) -> None:
    assert render(path, BASE).status == 404


def test_the_truth_is_never_served_and_nothing_is_linked_from_elsewhere() -> None:
    told = re.compile(rf"\b(?:harm|copy_of|debunk|testimony|satire|{'|'.join(models.labels().harms)})\b")
    for path in ("/rss.xml", *paths()):
        page = render(path, BASE)
        text = page.body.decode()
        assert page.status == 200
        assert not told.search(text)
        assert set(re.findall(r"""(?:src|href|action)="(\w+:[^"]*?//[^/"]*|//[^/"]*)""", text)) <= {BASE}


def test_every_link_on_the_site_leads_to_a_page_of_it() -> None:
    for path in paths():
        root = html.document_fromstring(render(path, BASE).body.decode())
        root.make_links_absolute(f"{BASE}{path}")
        for link in {str(href).partition("#")[0] for href in root.xpath("//@href")}:
            assert render(link.removeprefix(BASE), BASE).status == 200


def test_a_page_says_its_type_and_age_and_an_unchanged_one_is_not_sent_again(site: RunningSite) -> None:
    url = site.url + path_of(articles()[0].slug)
    with urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        tag, date = answer.headers["ETag"], answer.headers["Last-Modified"]
    assert parsedate_to_datetime(date) == articles()[0].published
    assert status_of(url, **{"If-None-Match": tag}) == 304
    assert status_of(url, **{"If-Modified-Since": date}) == 304
    assert status_of(url, **{"If-None-Match": '"other"', "If-Modified-Since": date}) == 200
    assert status_of(f"{site.url}/khong-co") == 404


def test_its_sources_are_a_valid_list() -> None:
    entries = parse(sources(f"{BASE}/"))
    assert {(entry.kind, entry.url) for entry in entries} == {
        ("feed", f"{BASE}/rss.xml"),
        ("forum", f"{BASE}/dien-dan/"),
    }


def test_a_stopped_site_answers_no_more() -> None:
    running = serve()
    assert status_of(f"{running.url}/") == 200
    running.stop()
    with pytest.raises(URLError):
        urlopen(f"{running.url}/")


def test_a_site_that_runs_forever_ends_quietly_on_ctrl_c() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A shell that runs the tests in the background has them ignore Ctrl+C, and their children too.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; from crawlers.sample_site import run_forever; run_forever(port={port})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert answers(process, f"http://127.0.0.1:{port}/")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == (None, "")
        assert process.returncode == 0
    finally:
        process.kill()


def answers(process: subprocess.Popen[str], url: str) -> bool:
    """Ask until the process answers or has ended; it needs a moment to start."""
    for _ in range(300):
        try:
            return status_of(url) == 200
        except URLError:
            try:
                process.wait(0.1)
                return False
            except subprocess.TimeoutExpired:
                continue
    return False
