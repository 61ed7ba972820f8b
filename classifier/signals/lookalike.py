"""Domains that imitate an official one: by a name in the wrong place, by an ending, by spelling, by letters.

The kinds follow the studies of typosquatting of Szurdi et al. (USENIX Security 2014) and of combosquatting of
Kintis et al. (CCS 2017); the edit distance is optimal string alignment, at most 2 on names of 9 letters and
more, else 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from classifier.signals.data import sites
from classifier.signals.links import Address
from store.text import fold, normalise

_LONG: Final = 9  # letters of a name from which two may be wrong
_SHORTEST: Final = 6  # letters of a name that is compared by spelling without a digit in the domain
# What digits and pairs of letters are read as: vietc0mbank, b1dv, rnbbank.
_READ_AS: Final = str.maketrans("013457", "oieast")
_PAIRS: Final = (("rn", "m"), ("vv", "w"))
_BETWEEN = re.compile(r"[.\-_]+")
_TAIL = re.compile(r"(?:\d+|s)$")
_GOVERNMENT: Final = "gov.vn"
_GOVERNMENT_WORDS: Final = frozenset({"gov", "govvn", "govn"})
_OLD_ENDINGS: Final = frozenset({"com", "net", "org"})


@dataclass(frozen=True)
class Imitation:
    """What a domain imitates and how: `place` (an official name before another domain), `word` (inside a
    longer name), `ending` (the same name, another ending), `spelling`, `letters` (those of another alphabet).
    """

    site: str
    how: str


@dataclass(frozen=True)
class _Known:
    domains: frozenset[str]
    names: dict[
        str, str
    ]  # what is looked for inside a label, and the domain that it belongs to; longest first
    short: dict[str, str]  # what is believed as a whole word only
    long: tuple[str, ...]  # names compared by spelling, two letters wrong at most
    middle: tuple[str, ...]  # one letter wrong at most
    brief: tuple[str, ...]  # the same, and only where a digit stands in the domain


def judge(address: Address) -> Imitation | None:
    """Say what an address imitates; None for an official one and for one that is near none."""
    return _judge(address.under, address.name, address.ending)


@lru_cache(maxsize=4096)
def _judge(under: str, name: str, ending: str) -> Imitation | None:
    host = ".".join(part for part in (under, name, ending) if part)
    if not name or not ending or _official(host) or ending.startswith("gov.") or ending == "gov":
        return None
    plain_under, plain_name = _latin(under), _latin(name)
    if (plain_under, plain_name) == (under, name):
        return _named(under, name, ending) or _spelled(under, name)
    # Letters of another alphabet are no mistake of typing.
    plain = ".".join(part for part in (plain_under, plain_name, ending) if part)
    if official := _official(plain):
        return Imitation(official, "letters")
    found = _named(plain_under, plain_name, ending) or _spelled(plain_under, plain_name)
    return Imitation(found.site, "letters") if found else None


def _official(host: str) -> str | None:
    """Return the official domain that a host is or lies under."""
    labels = host.split(".")
    for first in range(len(labels) - 1):
        domain = ".".join(labels[first:])
        if domain in _known().domains or domain == _GOVERNMENT:
            return domain
    return None


def _named(under: str, name: str, ending: str) -> Imitation | None:
    known = _known()
    before = [domain for domain in known.domains if f".{domain}." in f".{under}."] if under else []
    if before:
        return Imitation(max(before, key=len), "place")
    labels = [*(label for label in under.split(".") if label), name]
    for label in reversed(labels):
        whole = label.replace("-", "")
        for variant in _variants(whole):
            for official, site in known.names.items():
                if official in variant:
                    return Imitation(site, _how(official, variant, whole, is_name=label is labels[-1]))
    words = _BETWEEN.split(name)
    for label in labels[:-1]:
        if label in known.short:
            return Imitation(known.short[label], "place")
    for word in words:
        if word in known.short and (len(words) > 1 or _is_cheap(ending)):
            return Imitation(known.short[word], "word" if len(words) > 1 else "ending")
    if _GOVERNMENT_WORDS & {*words, *_BETWEEN.split(under)} or name.endswith("govvn"):
        return Imitation(_GOVERNMENT, "place")
    return None


def _how(official: str, variant: str, whole: str, is_name: bool) -> str:
    if variant != whole and official not in whole:
        return "spelling"
    if not is_name:
        return "place"
    return "ending" if variant == official else "word"


def _is_cheap(ending: str) -> bool:
    """Say whether an ending is neither a country's nor an old one, where three letters are often lawful."""
    return len(ending) > 2 and "." not in ending and ending not in _OLD_ENDINGS


def _spelled(under: str, name: str) -> Imitation | None:
    known = _known()
    words = {
        word for label in (*under.split("."), name) for word in (label.replace("-", ""), *label.split("-"))
    }
    for word in sorted(words):
        for variant in dict.fromkeys((word, _TAIL.sub("", word), word.translate(_READ_AS))):
            if found := _near(variant, known.long, 2) or _near(variant, known.middle, 1):
                return Imitation(known.names[found], "spelling")
        if any(c.isdigit() for c in word) and (found := _near(word, known.brief, 1)):
            return Imitation(known.names[found], "spelling")
    return None


def _near(word: str, names: tuple[str, ...], most: int) -> str | None:
    if len(word) < 4:
        return None
    found = process.extractOne(word, names, scorer=OSA.distance, score_cutoff=most)
    return found[0] if found else None


def _variants(label: str) -> list[str]:
    read = label.translate(_READ_AS)
    for pair, one in _PAIRS:
        read = read.replace(pair, one)
    return [label] if read == label else [label, label.translate(_READ_AS), read]


def _latin(labels: str) -> str:
    """Return labels in the Latin letters that they are read as; the same text if it is Latin already."""
    if labels.isascii() and "xn--" not in labels:
        return labels
    return ".".join(
        "-".join(_read(part) for part in _decoded(label).split("-")) for label in labels.split(".")
    )


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _read(part: str) -> str:
    # A letter before it, so that a part wholly in another alphabet is read as it looks too.
    return fold(normalise(f"a{part}"))[1:]


@cache
def _known() -> _Known:
    names: dict[str, str] = {}
    short: dict[str, str] = {}
    for site in sites():
        names |= dict.fromkeys(site.names, site.domains[0])
        short |= dict.fromkeys(site.short, site.domains[0])
    ordered = sorted(names, key=lambda name: (-len(name), name))
    return _Known(
        domains=frozenset(domain for site in sites() for domain in site.domains),
        names={name: names[name] for name in ordered},
        short=short,
        long=tuple(name for name in ordered if len(name) >= _LONG),
        middle=tuple(name for name in ordered if _SHORTEST <= len(name) < _LONG),
        brief=tuple(name for name in ordered if len(name) < _SHORTEST),
    )
