"""Account numbers in folded text, with the bank that they are said to be of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from classifier.signals.data import Bank, banks
from classifier.signals.leaves import masked
from classifier.signals.phrases import WORD, Phrases

# An account has 6 to 19 digits, in groups or not; a card of Napas has 16 or 19.
_NUMBER = re.compile(r"\d(?<![0-9].)(?:[ .\-]{0,2}\d){5,22}(?![0-9])")
_MOST: Final = 19
_SHORTEST: Final = 8  # digits of a number that no "stk" stands before
_AROUND: Final = 45  # characters beside a number in which its bank and the words of a transfer are looked for
_SURE = re.compile(r"\b(?:stk|so ?tk|so tai khoan|so the)\b[^\d]{0,40}$")
_PERHAPS = re.compile(
    r"\b(?:tk|tai khoan|chuyen khoan|ck|c\.k|chuyen tien|chuyen ve|chuyen vao|chuyen qua|gui ve|gui vao"
    r"|gui qua|nop vao|ngan hang|account|ctk)\b[^\d]{0,40}$"
)
_ELSEWHERE = re.compile(r"\b(?:facebook|fb|tiktok|youtube|game|zalo|email|gmail|instagram|id)\b")
_CALL = re.compile(
    r"\b(?:sdt|dt|dien thoai|hotline|tong dai|goi|zalo|lh|lien he|mst|cmnd|cccd|ma so thue|ma don)"
    r"[^\w\n]{0,3}(?:so)?[^\w\n]{0,3}$"
)
_PHONE = re.compile(r"0[35789]\d{8}|02\d{9}|84[35789]\d{8}|1[89]00\d{4}(?:\d\d)?")
_DATE = re.compile(r"\d{1,2}[.-]\d{1,2}[.-](?:19|20)\d\d|(?:19|20)\d\d[ .-]{1,2}(?:19|20)\d\d")
_SUM = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})*\.000|[1-9]\d*00000")
_MONEY_AFTER = re.compile(r" ?(?:d|dong(?! a\b)|vnd|usd|trieu|nghin|ngan(?! hang)|ty|k|%)(?![a-z0-9])")


@dataclass(frozen=True)
class Account:
    """A number that money is to be sent to: the bank ("" when none is said), the digits, where it stands."""

    bank: str
    digits: str
    start: int
    end: int

    @property
    def shown(self) -> str:
        """The account as it may be shown: the bank and the last three digits."""
        return f"{self.bank} {masked(self.digits)}".lstrip()


def find(text: str) -> Iterator[Account]:
    """Yield the accounts of a folded text with plain digits, in order."""
    for match in _NUMBER.finditer(text):
        said, start = match.group(), match.start()
        digits = "".join(c for c in said if c.isdigit())
        if len(digits) > _MOST:  # two numbers side by side
            said = said.split(" ")[0]
            digits = "".join(c for c in said if c.isdigit())
        if 6 <= len(digits) <= _MOST and (account := _account(text, said, digits, start)):
            yield account


def _account(text: str, said: str, digits: str, start: int) -> Account | None:
    end = start + len(said)
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    sure = _SURE.search(before) is not None
    told = sure or _PERHAPS.search(before) is not None
    bank = _of_card(digits) or _named(before, after, told)
    if _DATE.match(said) or _MONEY_AFTER.match(text, end):
        return None
    if sure or _of_card(digits) or _is_paid(said, digits, bank, told, before, after):
        return Account(bank.name if bank else "", digits, start, end)
    return None


def _is_paid(said: str, digits: str, bank: Bank | None, told: bool, before: str, after: str) -> bool:
    """Say whether a number that nothing calls an account is one; `told`: words of a transfer precede."""
    if len(digits) < _SHORTEST or _SUM.fullmatch(said):
        return False
    if bank and bank.wallet:
        return True
    if _CALL.search(before):
        return False
    if _PHONE.fullmatch(digits):
        # Many accounts are phone numbers; a bank's hotline is none.
        return bank is not None and digits[0] != "1" and (told or _beside(bank, before, after))
    return bank is not None or (told and not _ELSEWHERE.search(before.rpartition("\n")[2]))


def _of_card(digits: str) -> Bank | None:
    return _bins().get(digits[:6]) if len(digits) in (16, 19) else None


def _named(before: str, after: str, told: bool) -> Bank | None:
    """Return the bank named nearest before the number, else nearest after it."""
    words_before, words_after = WORD.findall(before), WORD.findall(after)
    found = _names().find(words_before)
    if told:
        found |= _codes().find(words_before)
    if found:
        return banks()[max(found, key=lambda name: found[name][1])]
    found = _names().find(words_after)
    if told:
        found |= _codes().find(words_after)
    if found:
        return banks()[min(found, key=lambda name: found[name][0])]
    if not told:
        for word in (*words_before[-1:], *words_after[:1]):
            for name in _codes().find([word]):
                return banks()[name]
    return None


def _beside(bank: Bank, before: str, after: str) -> bool:
    """Say whether nothing but signs stands between the bank's name and the number."""
    both = {**_codes().find((last := WORD.findall(before))[-4:]), **_names().find(last[-4:])}
    if bank.name in both and both[bank.name][1] == len(last[-4:]):
        return True
    following = WORD.findall(after)[:4]
    return bank.name in {**_codes().find(following[:1]), **_names().find(following)}


@cache
def _names() -> Phrases:
    return Phrases({bank.name: bank.names for bank in banks().values()})


@cache
def _codes() -> Phrases:
    return Phrases({bank.name: bank.codes for bank in banks().values() if bank.codes})


@cache
def _bins() -> dict[str, Bank]:
    return {first: bank for bank in banks().values() for first in bank.bins}
