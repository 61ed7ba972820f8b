"""Which addresses a crawl may connect to: public ones only, whatever a name or a redirect says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from scrapy.exceptions import IgnoreRequest
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All that IPv6 gives to the Internet (RFC 4291, 2.4). What lies outside leads nowhere, or inside by forms
# that Python takes for global: `::127.0.0.1`, `::ffff:0:127.0.0.1`, site-local `fec0::1`.
_GLOBAL = ipaddress.ip_network("2000::/3")
# By the registries of special addresses not global, which not every Python in use knows.
_ALSO_PRIVATE: tuple[Network, ...] = (
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("3fff::/20"),
)


class PrivateAddress(IgnoreRequest):
    """A host has an address that is not public: this machine, its network, or a cloud's metadata."""


class Allowed:
    """Public addresses, and the networks that an operator opened on purpose."""

    def __init__(self, opened: Iterable[str] = ()) -> None:
        """Take networks such as `10.0.0.0/8` or `127.0.0.1`; raises `ValueError` for what is none."""
        self.opened: tuple[Network, ...] = tuple(ipaddress.ip_network(one) for one in opened)

    def __contains__(self, address: object) -> bool:
        try:
            found = ipaddress.ip_address(str(address).partition("%")[0])
        except ValueError:
            return False
        return is_public(found) or any(found in network for network in self.opened)


def is_public(address: Address) -> bool:
    """Say whether an address is one of the public Internet, also by what it stands for.

    IPv4 addresses inside of IPv6 (mapped, 6to4, Teredo, NAT64) are judged as the IPv4 addresses they lead to.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if any(one is not None and not is_public(one) for one in inner):
            return False
        if address.ipv4_mapped is not None:
            return True
        if address not in _GLOBAL and address not in _NAT64:
            return False
    special = address.is_multicast or any(address in network for network in _ALSO_PRIVATE)
    return address.is_global and not special


def literal(host: str) -> Address | None:
    """Return the address that a host name is, or None when it is a name to look up."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


class PublicResolver(CachingThreadedResolver):
    """Looks names up once and refuses addresses that are not `Allowed`.

    The connection goes to the address that was looked at: a name that changes its address in between
    (DNS rebinding) gains nothing. Forms such as `2130706433` or `0x7f.1` are names here, and come out as
    the address that the system takes them for.
    """

    allowed = Allowed()
    # What names led to that was refused, for who has to say why.
    refused: ClassVar[dict[str, str]] = {}

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> Deferred[str]:
        """Return the address; a private one fails with `DNSLookupError` and is noted in `refused`."""
        found = super().getHostByName(name, timeout)
        found.addCallback(self._checked, name)
        return found

    def _checked(self, address: Any, name: str) -> Any:
        if address not in self.allowed:
            self.refused[name] = str(address)
            raise DNSLookupError(f"{name} leads to {address}")
        return address
