"""How forum software writes its pages: a table of where each says what."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lxml import html

from crawlers.canonical import thread_url
from crawlers.reading.markup import xpath

Path = Callable[[html.HtmlElement], list[Any]]


@dataclass(frozen=True)
class Dialect:
    """One forum software: `title` to `messages` start at the page, `body` to `quotes` at a message.

    `threads` are the links of a listing. `unsaid` is what the software puts among the words of a body or a
    quote: who said it, buttons, previews of links. `answered` names the message that a quote is of, by the
    quote and the thread it stands in; `first_page` the thread, by the address of any of its pages.
    """

    name: str
    title: Path
    section: Path
    threads: Path
    messages: Path
    anchor: str
    body: Path
    handle: Path
    published: Path
    modified: Path
    position: Path
    quotes: Path
    unsaid: Path
    answered: Callable[[html.HtmlElement, str], str | None]
    first_page: Callable[[str], str] = thread_url


def path(expression: str) -> Path:
    """Return a compiled XPath in which `.name` in brackets is a class: `//div[.post]`.

    What lies anywhere in X is written `//Y[ancestor::X]`: for `//X//Y`, as for `//` spelt out, libxml2
    compares each Y found with all others, which on a hostile page takes minutes. So may a union of paths.
    """
    expression = re.sub(r"(?<=[\[( ])\.([a-zA-Z][\w-]*)", _CLASS, expression)
    expression = re.sub(r"(^|[(| ])//", r"\1/descendant::", expression.replace(".//", "descendant::"))
    return xpath(expression)


_CLASS = r"contains(concat(' ', normalize-space(@class), ' '), ' \1 ')"


def _linked(links: str, number: str, anchor: str) -> Callable[[html.HtmlElement, str], str | None]:
    """Return what finds in the `links` of a quote the number of the message it is of.

    They name no thread; a message of another one is rarely quoted, and is taken for one of this.
    """
    found, pattern = path(links), re.compile(number, re.A)

    def answered(quote: html.HtmlElement, thread: str) -> str | None:
        match = next((match for link in found(quote) if (match := pattern.search(link))), None)
        return f"{thread}#{anchor.format(match.group(1))}" if match else None

    return answered


XENFORO = Dialect(
    name="XenForo 2",
    title=path("(//h1[.p-title-value])[1]//text()[not(ancestor::*[.label])]"),
    section=path("(//ul[.p-breadcrumbs])[1]/li[last()]//text()"),
    threads=path(
        "//a[@href and (.node-extra-title"
        " or parent::*[.structItem-title]/ancestor::*[.structItem--thread] and not(.labelLink))]"
    ),
    messages=path("//article[.message--post and not(.message--deleted)]"),
    anchor="post-{}",
    body=path(".//*[.bbWrapper and ancestor::*[.message-body]]"),
    handle=path("@data-author"),
    published=path(".//time[not(ancestor::*[.bbWrapper or .message-lastEdit])]"),
    modified=path(".//time[ancestor::*[.message-lastEdit]]"),
    position=path(".//a[ancestor::*[.message-attribution-opposite]]/text()"),
    quotes=path(".//blockquote[.bbCodeBlock--quote]"),
    unsaid=path(
        ".//*[.bbCodeBlock-title or .bbCodeBlock-expandLink or .bbCodeBlock-shrinkLink"
        " or .bbCodeSpoiler-button or .bbCodeBlock--unfurl]"
    ),
    answered=_linked(
        "@data-source | ./*[.bbCodeBlock-title]//a/@href",
        r"(?<!-)\bpost\W{1,3}(?:id\W)?(\d{1,20})$",
        "post-{}",
    ),
)

_VBULLETIN_PAGE = re.compile(r"/page\d+(?=[/?&#]|$)|(?<=[?&])(?:goto|s)=[^&#]*", re.A)


def _vbulletin_thread(url: str) -> str:
    return thread_url(_VBULLETIN_PAGE.sub("", url))


_POSTED_BY = r"(?:[?&]p=|#post)(\d{1,20})"

VBULLETIN_3 = Dialect(
    name="vBulletin 3",
    title=path("(//strong[ancestor::td[.navbar]])[1]//text()"),
    section=path("(//span[.navbar]/a)[last()]//text()"),
    threads=path("//a[@href and (starts-with(@id, 'thread_title_') or contains(@href, 'goto=newpost'))]"),
    messages=path("//table[starts-with(@id, 'post')]"),
    anchor="post{}",
    body=path(".//div[starts-with(@id, 'post_message_')]"),
    handle=path(".//a[.bigusername] | .//div[starts-with(@id, 'postmenu_') and not(.//a)]"),
    published=path(".//td[.thead]"),
    modified=path(
        ".//div[.smallfont]/em[contains(., ';') and not(ancestor::div[starts-with(@id, 'post_message_')])]"
    ),
    position=path(".//a[starts-with(@id, 'postcount')]/@name"),
    quotes=path(".//div[div[.smallfont] and table[.//td[contains(@style, 'inset')]]]"),
    unsaid=path(
        "descendant-or-self::div[div[.smallfont]][table or pre or div[.alt2]]/div[.smallfont]"
        " | .//td[contains(@style, 'inset') and div[2]]/div[1][strong]"
    ),
    answered=_linked("(./table//td)[1]/div[strong]//a/@href", _POSTED_BY, "post{}"),
    first_page=_vbulletin_thread,
)

VBULLETIN_4 = replace(
    VBULLETIN_3,
    name="vBulletin 4",
    title=path("(//*[.threadtitle and ancestor::*[@id='pagetitle']])[1]//text()"),
    section=path("(//li[.navbit and ancestor::*[@id='breadcrumb']]/a)[last()]//text()"),
    messages=path("//li[.postcontainer and starts-with(@id, 'post_')]"),
    handle=path(".//*[.username and ancestor::*[.username_container]]"),
    published=path(".//*[.postdate]"),
    modified=path(".//*[.lastedited]"),
    quotes=path(".//div[.bbcode_container and *[.bbcode_quote]]"),
    unsaid=path(".//*[.bbcode_postedby or .bbcode_description]"),
    answered=_linked("./div/div/div[.bbcode_postedby]//a/@href", _POSTED_BY, "post{}"),
)

VBULLETIN_5 = replace(
    VBULLETIN_4,
    name="vBulletin 5",
    title=path("(//*[.main-title or .js-post-title])[1]//text()"),
    section=path("(//a[ancestor::*[@id='breadcrumbs']])[last()]//text()"),
    threads=path("//a[.js-topic-title and @href]"),
    messages=path("//li[.b-post and @data-node-id]"),
    body=path(".//*[.js-post__content-text]"),
    handle=path(".//*[.author]"),
    published=path("@data-node-publishdate | .//time[ancestor::*[.b-post__timestamp]]"),
    modified=path(".//*[.b-post__edit]"),
    position=path(".//a[.b-post__count]/text()"),
)

_DISCOURSE_POST = re.compile(r"(/[0-9]+)/[0-9]+/?(?=[?#]|$)")
_QUOTED_TOPIC = path("./*[.title]//a/@href")


def _discourse_thread(url: str) -> str:
    return thread_url(_DISCOURSE_POST.sub(r"\1", url))


def _discourse_answered(quote: html.HtmlElement, thread: str) -> str | None:
    topic, post = (
        re.fullmatch(r"[0-9]{1,20}", quote.get(name) or "") for name in ("data-topic", "data-post")
    )
    if topic is None or post is None:
        return None
    others = (_discourse_thread(link) for link in _QUOTED_TOPIC(quote) if link.startswith("http"))
    found = next((url for url in (thread, *others) if url.endswith(f"/{topic.group()}")), None)
    return f"{found}#post_{post.group()}" if found else None


# What Discourse answers where no script runs.
DISCOURSE = Dialect(
    name="Discourse",
    title=path("(//h1[ancestor::*[@id='topic-title']])[1]//text()"),
    section=path("(//*[.category-name and ancestor::*[@id='topic-title']])[last()]//text()"),
    threads=path("//a[@href and (.raw-topic-link or @itemprop='item') and ancestor::*[.topic-list]]"),
    messages=path("//*[.crawler-post]"),
    anchor="post_{}",
    body=path(".//div[.post]"),
    handle=path(".//*[@itemprop='name' and ancestor::*[.creator]]"),
    published=path(".//time[ancestor::*[.crawler-post-meta]]"),
    modified=path(".//meta[@itemprop='dateModified']/@content"),
    position=path("@id"),
    quotes=path(".//aside[.quote]"),
    unsaid=path(
        ".//*[.title and parent::aside[.quote]] | .//aside[.onebox] | .//*[.lightbox]/*[.meta] | .//*[.badge]"
    ),
    answered=_discourse_answered,
    first_page=_discourse_thread,
)

DIALECTS = (XENFORO, VBULLETIN_3, VBULLETIN_4, VBULLETIN_5, DISCOURSE)
