"""Signals: what a careful reader notices at once in a text, and what a fraud cannot do without.

They explain, qualify, and raise the priority of a post; none flags, refers or protects. `evaluate` looks for
all of them in the folded text, so a post without dấu gives the same; its time is linear in the text.
"""

from __future__ import annotations

import re
from typing import Final

from classifier.rules import Rule
from classifier.signals import accounts, data, links, lookalike, phones, prices
from classifier.signals.accounts import Account
from classifier.signals.leaves import absent, masked, present, without_numbers
from classifier.signals.phrases import WORD, places
from store.text import fold

_READ: Final = ("phone", "bank_account", "price", "link", "short_link", "lookalike_domain")
NAMES: Final[tuple[str, ...]] = (*_READ, *data.said_names())
_ABSENT: Final = {name: absent(name) for name in NAMES}

_DIGIT = re.compile(r"\d")
# kh0ng, d!eu k!en, ba0: a sign that stands for a letter. F0, H1N1 and 1tr2 are none.
_STAND_IN = re.compile(r"[01!](?:(?<=[a-z].)(?=[a-z])|(?<=[a-z]{2}0)(?!\w)|(?<=\bh0)(?!\w))")
_LETTERS = str.maketrans("01!", "oii")
# Who collects in public, with accounts of their own: near an account these make it no private one.
_ORGANISATION = re.compile(
    r"\b(?:mat tran|mttq|chu thap do|kho bac|quy vac ?xin|quy vaccine|quy hy vong|uy ban|ubnd|so y te|bo y te"
    r"|benh vien|cong ty|hiep hoi|trung uong|toa soan"
    r"|bao (?:thanh nien|tuoi tre|nhan dan|lao dong|dan tri|tien phong))\b"
)
_NEAR: Final = 100  # characters around an account in which its owner is said


def evaluate(text: str) -> dict[str, Rule]:
    """Return one leaf for each of `NAMES`, with the words it matched in the folded text.

    Phone and account numbers are shown by their last three digits: leaves are stored and shown, and a number
    in a post may be a bystander's. Numbers of public bodies are no `phone`; the leaf then says `official`.
    """
    folded = fold(text)
    said = _said(folded)
    charity = said.pop("charity", None)
    found = dict(_ABSENT)
    for name, matched in said.items():
        found[name] = present(name, without_numbers(matched))
    plain = phones.plain_digits(folded)
    if _DIGIT.search(plain) or "khong" in plain:  # a number may be told in words
        found["phone"] = _phone(plain)
        if price := prices.find(plain):
            found["price"] = present("price", price)
        if numbers := list(accounts.find(plain)):
            found["bank_account"] = _account(numbers[0])
            if charity and "private_charity" not in said and any(_is_private(plain, n) for n in numbers):
                found["private_charity"] = present("private_charity", without_numbers(charity))
    _read_links(folded, found)
    return found


def _said(folded: str) -> dict[str, str]:
    """Return the signals that are words, with the words; signs that stand for letters are read so too."""
    said = _phrases(folded, folded)
    if _STAND_IN.search(folded):
        plain = _STAND_IN.sub(lambda sign: sign.group().translate(_LETTERS), folded)
        said = _phrases(plain, folded) | said
    return said


def _phrases(read: str, shown: str) -> dict[str, str]:
    found = data.said().find(WORD.findall(read))
    return {name: shown[start:end] for name, (start, end) in places(read, found).items()}


def _phone(plain: str) -> Rule:
    official = None
    for phone in phones.find(plain):
        if not phone.official:
            return present("phone", masked(phone.digits))
        official = official or phone.digits
    official = official or phones.short_official(plain)
    return absent("phone", ("official", official)) if official else _ABSENT["phone"]


def _account(account: Account) -> Rule:
    bank = (("bank", account.bank),) if account.bank else ()
    return present("bank_account", account.shown, *bank)


def _is_private(plain: str, account: Account) -> bool:
    """Say whether no organisation is named near an account, within its paragraph."""
    before = plain[max(0, account.start - _NEAR) : account.start].rpartition("\n\n")[2]
    after = plain[account.end : account.end + _NEAR].partition("\n\n")[0]
    return _ORGANISATION.search(before) is None and _ORGANISATION.search(after) is None


def _read_links(folded: str, found: dict[str, Rule]) -> None:
    for address in links.find(folded):
        if not found["lookalike_domain"].passed and (imitation := lookalike.judge(address)):
            found["lookalike_domain"] = present(
                "lookalike_domain",
                without_numbers(address.host),
                ("like", imitation.site),
                ("how", imitation.how),
            )
        if address.is_link and not found["link"].passed:
            found["link"] = present("link", without_numbers(address.said))
        if address.is_link and not found["short_link"].passed and links.hides(address):
            found["short_link"] = present("short_link", without_numbers(address.said))
    if not found["link"].passed and (matched := links.bare_link(folded)):
        found["link"] = present("link", matched)
