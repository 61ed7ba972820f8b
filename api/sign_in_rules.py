"""How people sign in to an installation: limits of sessions, who needs a second factor, a provider beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from store.keys import Keys
from store.vocabulary import Role


@dataclass(frozen=True)
class Provider:
    """An OpenID Connect provider that vouches for people.

    `login_claim` names a person to whom no account is bound yet; `roles` maps values of `role_claim` to
    roles, the first that a person has counts; empty: roles are given here.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name: str = "OpenID Connect"
    login_claim: str = "preferred_username"
    role_claim: str = "groups"
    roles: tuple[tuple[str, Role], ...] = ()


@dataclass(frozen=True)
class Rules:
    """A session ends `idle` after its last request and `longest` after its sign-in.

    `need_code`: roles that may do nothing by password alone. `keys` seal second factors; without them none
    is added. `proxies`: networks whose word is taken for a browser's address and for TLS.
    """

    idle: timedelta = timedelta(hours=8)
    longest: timedelta = timedelta(days=7)
    need_code: frozenset[Role] = frozenset()
    keys: Keys | None = field(default=None, repr=False)
    provider: Provider | None = None
    proxies: tuple[str, ...] = ()
