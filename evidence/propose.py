"""Proposes what to mask: texts that reach or name a person. A person confirms each of them.

Numbers, addresses of e-mail and handles are found by `store.masking`; names and street addresses by the
words before them and by family names; where underthesea is installed and asked for, by its NER too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from store.masking import ACCOUNT, EMAIL, HANDLE, PHONE, reaching


class Kind(StrEnum):
    PHONE = "phone"
    ACCOUNT = "account"
    EMAIL = "email"
    HANDLE = "handle"
    NAME = "name"
    ADDRESS = "address"
    OTHER = "other"


_KINDS = {PHONE: Kind.PHONE, ACCOUNT: Kind.ACCOUNT, EMAIL: Kind.EMAIL, HANDLE: Kind.HANDLE}
# The family names of some 95 % of Vietnamese people (Lê Trung Hoa, "Họ và tên người Việt Nam", 2005).
_FAMILY = (
    "Nguyễn|Trần|Lê|Phạm|Hoàng|Huỳnh|Phan|Vũ|Võ|Đặng|Bùi|Đỗ|Hồ|Ngô|Dương|Lý|Đào|Đoàn|Vương|Trịnh|Trương|Đinh|Lâm"
    "|Phùng|Mai|Tô|Tạ|Hà|Lương|Cao|Thái|Châu|La|Quách|Tăng|Nghiêm|Kiều|Thạch|Sơn|Lưu|Chu|Triệu|Từ|Văn"
)
_WORD = r"[A-ZÀ-ỴĐ][a-zà-ỹđ]+"
_TITLE = (
    r"anh|chị|ông|bà|cô|chú|bác|em|bé|cháu|cụ|thầy|bác sĩ|bs\.?|y tá|điều dưỡng|bệnh nhân|bn\.?|chủ tk"
    r"|chủ tài khoản|tên(?: là)?"
)
_NAMES = (
    re.compile(rf"(?<!\w)(?P<name>(?:{_FAMILY})(?: {_WORD}){{1,3}})(?!\w)"),
    re.compile(rf"(?<!\w)(?i:{_TITLE}) (?P<name>{_WORD}(?: {_WORD}){{0,3}})(?!\w)"),
    re.compile(
        r"(?<!\w)(?i:chủ tk|chủ tài khoản|ctk)[: ]+(?P<name>[A-ZÀ-ỴĐ]{2,}(?: [A-ZÀ-ỴĐ]{2,}){1,4})(?!\w)"
    ),
)
_HOUSE = r"\d{1,4}[A-Za-z]?(?:/\d{1,4}[A-Za-z]?)*"
_PLACE = r"[^\s,.;:()!?\n][^,.;:()!?\n]{0,40}?"
_ADDRESSES = (
    re.compile(
        rf"(?<![\w/])(?:(?i:số|nhà|số nhà) )?{_HOUSE},? (?i:đường|phố|ngõ|ngách|hẻm|kiệt) {_PLACE}"
        r"(?=[,.;:()!?\n]|$)"
    ),
    re.compile(rf"(?<!\w)(?i:số nhà|nhà số) {_HOUSE}(?!\w)"),
    re.compile(
        r"(?<!\w)(?i:ngõ|ngách|hẻm|kiệt|thôn|ấp|xóm|tổ dân phố|khu phố|tổ) "
        rf"(?:{_HOUSE}|{_WORD}(?: {_WORD}){{0,3}})(?!\w)"
    ),
)
_MOST = 400


@dataclass(frozen=True)
class Proposal:
    """A text to mask: what it seems to be, how often it is there, its words around it, and whose rule it was.

    `inside` says that the referred post itself has it, not only the page around it.
    """

    text: str
    kind: Kind
    count: int
    around: str
    inside: bool
    by: str


def propose(post: str, page: str = "", named: Iterable[str] = ()) -> list[Proposal]:
    """Return what may have to be masked in the text of a post and of the page around it, at most 400.

    `named` are names that an NER found. The same text is proposed once, that of the post first.
    """
    found: dict[str, tuple[Kind, str, str, bool]] = {}
    for text, inside in ((post, True), (page, False)):
        for start, end, kind in sorted((*_reaching(text), *_named(text))):
            said = text[start:end].strip()
            found.setdefault(said, (kind, text[max(0, start - 40) : end + 40], "rules", inside))
        for name in named:
            at = text.find(name)
            if at >= 0:
                around = text[max(0, at - 40) : at + len(name) + 40]
                found.setdefault(name, (Kind.NAME, around, "ner", inside))
    both = post + "\n" + page
    return [
        Proposal(said, kind, both.count(said), " ".join(around.split()), inside, by)
        for said, (kind, around, by, inside) in list(found.items())[:_MOST]
    ]


def _reaching(text: str) -> list[tuple[int, int, Kind]]:
    return [(start, end, _KINDS[tag]) for start, end, tag in reaching(text)]


def _named(text: str) -> Iterable[tuple[int, int, Kind]]:
    for pattern in _NAMES:
        for match in pattern.finditer(text):
            yield (*match.span("name"), Kind.NAME)
    for pattern in _ADDRESSES:
        for match in pattern.finditer(text):
            yield (*match.span(), Kind.ADDRESS)


def names_by_ner(texts: Sequence[str], seconds: float = 180) -> list[str]:
    """Return the names of people that underthesea finds, or none where it is not installed.

    It runs in a process of its own: it loads some hundred megabytes that a server should not keep.
    """
    line = [sys.executable, "-m", "evidence.propose"]
    given = json.dumps([unicodedata.normalize("NFC", text) for text in texts])
    try:
        done = subprocess.run(  # noqa: S603 our own program
            line, input=given, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return []
    return list(json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 and done.stdout else []


def people(tagged: Iterable[Sequence[str]]) -> list[str]:
    """Return the names in what underthesea's `ner` gives: words with part of speech, chunk and entity."""
    names: list[list[str]] = []
    before = "O"
    for word, *_, entity in tagged:
        if entity == "B-PER" or (entity == "I-PER" and not before.endswith("PER")):
            names.append([word])
        elif entity == "I-PER":
            names[-1].append(word)
        before = entity
    return list(dict.fromkeys(" ".join(words) for words in names))


def _main() -> None:
    from underthesea import ner

    found = [name for text in json.load(sys.stdin) for name in people(ner(text))]
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    _main()
