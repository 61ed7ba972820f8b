"""Texts written to break what shows them: each name says what it would do where nothing guards."""

from __future__ import annotations

MARKUP = {
    "script": "<script>alert(1)</script>",
    "broken out of an attribute": "\"'><img src=x onerror=alert(1)>",
    "mixed case": "<ScRiPt/x>alert(1)</sCrIpT>",
    "nested": "<scr<script>ipt>alert(1)</script>",
    "svg": "<svg/onload=alert(1)><animate onbegin=alert(1) attributeName=x>",
    "mathml": '<math><mtext><table><mglyph><style><!--</style><img title="--><img src=x onerror=alert(1)>">',
    "javascript": '<a href="java\tscript:alert(1)">xem</a>',
    "data": '<iframe src="data:text/html,<script>alert(1)</script>"></iframe>',
    "foreign": '<link rel=stylesheet href="//evil.example/a.css"><img src="https://evil.example/p.gif">',
    "template": "{{7*7}} {% include '/etc/passwd' %} ${7*7} #{7*7} <%= 7*7 %>",
    "out of a title": "</title></style></textarea></script><script>alert(1)</script>",
    "escaped already": "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;script&#x3e;",
}
TRICKS = {
    "right to left": "vắc-xin \u202egpj.exe\u202c",
    "isolates": "\u2066tin\u2069 \u2067giả\u2069",
    "zero width": "vắc\u200b-\u200dxin\ufeff",
    "homoglyph": "vас-хin",
    "many marks": "a" + "\u0301" * 2_000,
}
CONTROLS = {
    "null": "tin\x00giả",
    "escape": "tin\x1b[31mgiả",
    "form feed": "tin\x0cgiả",
    "not a character": "tin\ufffe\uffffgiả",
    "cdata": "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>&x;",
}
FORMULAS = {
    "equals": "=cmd|'/c calc'!A0",
    "plus": "+1+1",
    "minus": "-2+3",
    "at": "@SUM(1)",
    "tab": "\t=1+1",
    "return": "\r=1+1",
    "line": "\n=1+1",
    "space": " =1+1",
    "full width": "\uff1d1+1",
    "full width at": "\uff20SUM(1)",
    "zero width": "\u200b=1+1",
    "null": "\x00=1+1",
}
EVERY = {
    f"{kind}: {name}": text
    for kind, texts in {
        "markup": MARKUP,
        "tricks": TRICKS,
        "controls": CONTROLS,
        "formulas": FORMULAS,
    }.items()
    for name, text in texts.items()
}
