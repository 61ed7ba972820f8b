"""One page has one address, however it was linked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.canonical import canonical_url, thread_url


@pytest.mark.parametrize(
    ("linked", "canonical"),
    [
        ("HTTP://Bao.Example:80/a?utm_source=x&b=2&a=1#top", "http://bao.example/a?a=1&b=2"),
        ("https://bao.example:443", "https://bao.example/"),
        ("https://bao.example/a?fbclid=1&zarsrc=30", "https://bao.example/a"),
        ("https://user:secret@bao.example/a", "https://bao.example/a"),
        ("https://báo.example/đường", "https://xn--bo-mia.example/%C4%91%C6%B0%E1%BB%9Dng"),
        ("https://bao.example/%C4%91", "https://bao.example/%C4%91"),
        ("https://bao.example:8443/a?q=", "https://bao.example:8443/a?q="),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
    ],
)
def test_the_same_page_gets_the_same_address(linked: str, canonical: str) -> None:
    assert canonical_url(linked) == canonical
    assert canonical_url(canonical) == canonical


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "ftp://a.example/", "https://", "//a.example", "a.html"]
)
def test_what_is_no_web_page_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http URL"):
        canonical_url(url)


@pytest.mark.parametrize(
    ("page", "thread"),
    [
        ("https://f.example/t/chu-de.12/page-3", "https://f.example/t/chu-de.12/"),
        ("https://f.example/t/chu-de.12/unread", "https://f.example/t/chu-de.12/"),
        ("https://f.example/showthread.php?t=5&page=2", "https://f.example/showthread.php?t=5"),
    ],
)
def test_every_page_of_a_thread_is_the_thread(page: str, thread: str) -> None:
    assert thread_url(page) == thread


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_canonical_is_canonical(path: str, query: dict[str, str]) -> None:
    from urllib.parse import quote, urlencode

    url = f"http://a.example/{quote(path)}?{urlencode(query)}"
    once = canonical_url(url)
    assert canonical_url(once) == once
