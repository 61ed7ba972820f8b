"""Signals: what a careful reader notices at once in a text. They explain and qualify; none flags alone."""

from __future__ import annotations

import re

from classifier.rules import Rule, found
from store.text import fold

# Over folded text, so that a post without dấu gives the same signals. Each is bounded: no nested repeats.
PATTERNS: dict[str, re.Pattern[str]] = {
    "phone": re.compile(r"(?<!\d)(?:\+?84|0)(?:[ .-]?\d){9,10}(?!\d)"),
    "bank_account": re.compile(
        r"(?:\bstk\b|so tai khoan|tai khoan(?: so)?|chuyen khoan)[^\d\n]{0,40}\d[\d .-]{6,20}\d"
    ),
    "price": re.compile(r"\b\d[\d.,]{0,12} ?(?:k|nghin|ngan|trieu|tr|dong|vnd|usd)\b"),
    "link": re.compile(
        r"https?://|<url>|\bbit\.ly\b|\bwww\.|\b[a-z0-9-]{2,40}\.(?:com|net|vn|info|xyz|top|shop|site|example)\b"
    ),
    "sale": re.compile(
        r"\b(?:dat mua|mua ngay|ban si|ban le|gia si|gia le|khuyen mai|giam gia|ship cod|freeship|inbox|ib em"
        r"|dat hang|con hang|het hang|lien he mua|chot don|nhan hang|thanh ly)\b"
    ),
    "sure_cure": re.compile(
        r"\b(?:khoi han|khoi benh|chua khoi|khoi ngay|het benh|diet (?:sach )?vi ?rut|diet virus"
        r"|sach (?:vi ?rut|virus)|100% (?:khoi|hieu qua)|khong can (?:thuoc|vac ?xin|di vien))\b"
    ),
    "urge_to_share": re.compile(
        r"\b(?:chia se (?:gap|ngay|giup|cho)|share (?:gap|manh|ngay|di|giup)"
        r"|gui cho (?:moi nguoi|nguoi than)|lan toa|truoc khi bi xoa|dung de bi xoa)\b"
    ),
    "agency": re.compile(
        r"\b(?:bo y te|bo cong an|bo quoc phong|cdc|who|to chuc y te the gioi|so y te|ubnd"
        r"|uy ban nhan dan|thu tuong|benh vien bach mai|bo giao duc)\b"
    ),
    "hearsay": re.compile(
        r"\b(?:nghe noi|nghe dau|nguoi quen (?:ke|bao|noi)|ban em lam|tin mat|noi bo cho biet|tin noi bo)\b"
    ),
    "violence": re.compile(
        r"\b(?:danh chet|giet|duoi (?:het|co)|dot (?:nha|xe)|xu dep|cho chet|dap chet|tan cong|chem"
        r"|tay chay het)\b"
    ),
}


def evaluate(text: str) -> dict[str, Rule]:
    """Return one leaf for each signal, with the words it matched in the folded text."""
    folded = fold(text)
    return {name: found(name, _matched(pattern, folded)) for name, pattern in PATTERNS.items()}


def _matched(pattern: re.Pattern[str], folded: str) -> str | None:
    match = pattern.search(folded)
    return match.group()[:80] if match else None
