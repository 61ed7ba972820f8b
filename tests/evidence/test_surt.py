"""The key of an index of an archive: what web archives write for the same address, held to by a table.

The rows that bear no note are what py-wacz (by the library `surt` 0.3.1) writes; so it was for all 9,300
addresses of the real pages and 3,700 made ones when this was written, but for the kinds that bear a note.
"""

from __future__ import annotations

import pytest

from evidence.surt import surt


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.example.org/index.html", "org,example)/index.html"),
        ("HTTPS://WWW2.Example.VN:443", "vn,example)/"),
        ("http://example.vn:443/", "vn,example:443)/"),
        ("https://example.vn:8080/a", "vn,example:8080)/a"),
        ("https://hoa:mat-khau@example.vn./", "vn,example)/"),
        ("https://www1x.vn/", "vn,www1x)/"),
        ("https://www.www.vn/", "vn,www)/"),
        ("https://%77ww.a.vn/", "vn,a)/"),
        ("https://báo.vn/tin-tức", "vn,xn--bo-mia)/tin-t%e1%bb%a9c"),
        ("http://127.0.0.1:8000/", "1,0,0,127:8000)/"),
        ("http://[::1]/", "::1)/"),
        ("https://voz.vn/Threads/Thuốc%20nam.12/", "vn,voz)/threads/thu%e1%bb%91c%20nam.12"),
        ("https://voz.vn/a//b/./c/../d/#post-7", "vn,voz)/a/b/d"),
        ("https://voz.vn/%2541%25c4%2591", "vn,voz)/a%c4%91"),
        ("https://voz.vn/100%", "vn,voz)/100%25"),
        ("https://voz.vn/a b\\|\"'<>`{}^~;!", "vn,voz)/a%20b\\|\"'<>`{}^~;!"),
        ("https://voz.vn/f?", "vn,voz)/f"),
        ("https://voz.vn/f?B=2&a=%C4%91&a&A=0&a=&&=", "vn,voz)/f?&=&a&a=&a=%c4%91&a=0&b=2"),
        ("https://voz.vn?q=a+b c%26d", "vn,voz)/?d&q=a+b%20c"),
        # Not as `surt`: above the root is nothing (RFC 3986, 5.2.4), it kept the dots.
        ("https://voz.vn/../a", "vn,voz)/a"),
        # It took port 0 for none.
        ("https://voz.vn:0/", "vn,voz:0)/"),
        # It took session numbers out.
        ("https://voz.vn/?sid=" + "a" * 32, "vn,voz)/?sid=" + "a" * 32),
        # It mended these hosts; nothing that was fetched has one.
        ("https://a..b.vn/", "https://a..b.vn/"),
        ("https://voz.vn:ab/ c", "https://voz.vn:ab/%20c"),
        ("https://[", "https://["),
        ("urn:pageinfo:https://voz.vn/a b", "urn:pageinfo:https://voz.vn/a%20b"),
    ],
)
def test_an_address_has_the_key_that_web_archives_give_it(url: str, key: str) -> None:
    assert surt(url) == key
