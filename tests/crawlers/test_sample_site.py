"""The sample site holds what it promises, and behaves like a site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

import models
from crawlers.articles import read_article
from crawlers.forums import read_forum
from crawlers.sample_site import RunningSite, articles, render, serve, sources, threads
from crawlers.sources import parse
from store.text import content_hash, fold

BASE = "http://127.0.0.1:9"


@pytest.fixture
def site() -> Iterator[RunningSite]:
    running = serve()
    yield running
    running.stop()


def test_every_act_and_harm_is_there() -> None:
    items = [*articles(), *(message for thread in threads() for message in thread.messages)]
    assert {item.act for item in items} == set(models.labels().acts)
    assert {harm for item in items for harm in item.harm} == set(models.labels().harms)
    assert 150 <= len(items) <= 200


def test_copies_are_what_they_say() -> None:
    by_slug = {article.slug: article for article in articles()}
    how = [article.how for article in articles() if article.how]
    assert min(how.count(kind) for kind in ("exact", "near", "folded")) >= 3
    for article in articles():
        if article.copy_of is None:
            continue
        mine, theirs = ("\n".join(a.body) for a in (article, by_slug[article.copy_of]))
        assert (content_hash(mine) == content_hash(theirs)) == (article.how == "exact")
        assert (fold(mine) == fold(theirs)) == (article.how != "near")


def test_every_link_of_the_feed_answers(site: RunningSite) -> None:
    with urlopen(f"{site.url}/rss.xml") as answer:
        links = [item.findtext("link") or "" for item in ElementTree.fromstring(answer.read()).iter("item")]
    assert len(links) == len(articles())
    for link in links:
        with urlopen(link) as answer:
            assert answer.status == 200
    assert sum("/noi-bo/" in link for link in links) == 1


def test_every_article_is_read_whole() -> None:
    for article in articles():
        page = render(f"/bai/{article.slug}.html", BASE)
        if page.status == 404:
            continue
        item = read_article(page.body, f"{BASE}/bai/{article.slug}.html")
        assert item.title == article.title
        assert item.text == "\n\n".join([article.title, *article.body])
        assert item.published == article.published


def test_every_message_is_found_by_walking_the_forum() -> None:
    index = read_forum(render("/dien-dan/", BASE).body, f"{BASE}/dien-dan/")
    assert len(index.threads) == len(threads())
    found = {}
    for thread in index.threads:
        url: str | None = thread
        while url is not None:
            page = read_forum(render(url.removeprefix(BASE), BASE).body, url)
            found |= {item.anchor: item for item in page.items}
            url = page.next_page
    expected = {f"post-{message.id}": message for thread in threads() for message in thread.messages}
    assert set(found) == set(expected)
    for anchor, message in expected.items():
        assert fold(re.sub(r"\s+", "", found[anchor].text)) == fold(re.sub(r"\s+", "", message.text))
        assert bool(found[anchor].quotes) == (message.quotes is not None)
    assert sum(len(thread.messages) > 10 for thread in threads()) >= 2


@pytest.mark.parametrize(
    "path", ["/khong-co", "/bai/khong-co.html", "/dien-dan/chu-de/x.1/", "/bai/../../etc/passwd"]
)
def test_what_is_not_there_is_a_404(path: str) -> None:
    assert render(path, BASE).status == 404


def test_the_truth_is_never_served_and_nothing_is_loaded_from_elsewhere() -> None:
    pages = [render(path, BASE).body.decode() for path in ("/", "/dien-dan/", "/rss.xml")]
    pages += [render(f"/bai/{article.slug}.html", BASE).body.decode() for article in articles()]
    for page in pages:
        assert "harm" not in page
        assert set(re.findall(r"""(?:src|href)="(https?://[^/"]+)""", page)) <= {BASE}


def test_an_unchanged_page_answers_304(site: RunningSite) -> None:
    with urlopen(f"{site.url}/") as answer:
        etag = answer.headers["ETag"]
    from urllib.error import HTTPError

    with pytest.raises(HTTPError) as error:
        urlopen(Request(f"{site.url}/", headers={"If-None-Match": etag}))
    assert error.value.code == 304


def test_its_sources_are_a_valid_list() -> None:
    assert {entry.kind for entry in parse(sources(BASE))} == {"rss", "forum"}
