"""What the signals know, read once from models/signals/*.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import yaml

import models
from classifier.signals.phrases import Phrases

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Letters of a bank's name from which it is no part of a common word.
_LATIN_NAME: Final = 6


@dataclass(frozen=True)
class Bank:
    """A bank or wallet: what it is called, how its cards begin, its domains, and what imitates them."""

    name: str
    names: tuple[str, ...]
    codes: tuple[str, ...]
    bins: tuple[str, ...]
    sites: tuple[str, ...]
    look: tuple[str, ...]
    short: tuple[str, ...]
    common: tuple[str, ...]
    wallet: bool


@dataclass(frozen=True)
class Site:
    """An official service: its own domains, and the names (folded, joined) that an imitation carries."""

    name: str
    domains: tuple[str, ...]
    names: tuple[str, ...]
    short: tuple[str, ...]


@dataclass(frozen=True)
class OfficialNumbers:
    """Numbers that a public body answers, as dialled: short ones, prefixes of own networks, whole ones."""

    short: frozenset[str]
    prefixes: tuple[str, ...]
    whole: frozenset[str]


@cache
def read(name: str) -> Any:
    """Return a file of models/signals; raises `models.DataError` naming the file."""
    try:
        return yaml.load(models.read_text(f"signals/{name}"), _LOADER)  # noqa: S506 - a safe loader, in C where there is one
    except yaml.YAMLError as error:
        raise models.DataError(f"Không đọc được signals/{name}: {error}") from error


@cache
def said() -> Phrases:
    """Return the signals that are words, and the words that make one together with something else."""
    file = read("phrases.yaml")
    parts = file["signals"] | file["parts"]
    return Phrases(
        {name: part["phrases"] for name, part in parts.items()},
        file["lists"],
        {name: part["denied"] for name, part in parts.items() if "denied" in part},
    )


@cache
def said_names() -> tuple[str, ...]:
    """Return the names of the signals that are words, in the order of the file."""
    return tuple(read("phrases.yaml")["signals"])


@cache
def banks() -> dict[str, Bank]:
    """Return the banks and wallets by name."""
    file = read("banks.yaml")
    return {
        row["name"]: Bank(
            name=row["name"],
            names=tuple(row["names"]),
            codes=tuple(row["codes"]),
            bins=tuple(row["bin"]),
            sites=tuple(row["sites"]),
            look=tuple(row.get("look", ())),
            short=tuple(row.get("short", ())),
            common=tuple(row.get("common", ())),
            wallet=kind == "wallets",
        )
        for kind in ("banks", "wallets")
        for row in file[kind]
    }


@cache
def sites() -> tuple[Site, ...]:
    """Return the official services, banks and wallets with a domain among them."""
    services = [
        Site(row["name"], tuple(row["sites"]), tuple(row["names"]), tuple(row.get("short", ())))
        for row in read("sites.yaml")["official"]
    ]
    for bank in banks().values():
        if bank.sites:
            joined = {name.replace(" ", "") for name in bank.names if name.isascii()}
            names = {name for name in joined if len(name) >= _LATIN_NAME} - {*bank.common} | {*bank.look}
            services.append(Site(bank.name, bank.sites, tuple(sorted(names)), bank.short))
    return tuple(services)


@cache
def official_numbers() -> OfficialNumbers:
    """Return the numbers that are not anyone's contact."""
    file = read("numbers.yaml")["official"]
    return OfficialNumbers(
        frozenset(file["short"]),
        tuple(file["prefixes"]),
        frozenset(file["health"]) | frozenset(file["hospitals"]),
    )
