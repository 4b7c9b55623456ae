"""Which internet addresses a webhook may be sent to, whatever name led to them.

The question is where a packet ends up, not whether an address is "global": the standard library's `is_global`
lets translated and multicast addresses through. The table follows IANA's special-purpose registries and
refuses the whole of every range that carries another address inside it or that no public server lives in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.notifications.domain.endpoint import IpAddress

_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host, unspecified
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared address space
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent, on a public address
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, cloud metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

# Everything outside global unicast is refused without a list: loopback, unspecified, IPv4-mapped and
# -compatible, NAT64 (64:ff9b::/96 and its local prefix), discard-only, unique-local, link-local,
# site-local, multicast, SRv6.
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID, anycast services
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # the former 6bone
        "3fff::/20",  # documentation
    )
)
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
_LOOPBACK: Final = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))


class AddressRefused(OSError):
    """The endpoint gives no address that may be called. It never says which address, or why."""

    def __init__(self) -> None:
        super().__init__("the endpoint gives no address that may be called")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Judges addresses. `allow_loopback` is for development and tests only."""

    allow_loopback: bool = False

    def allows(self, address: IpAddress) -> bool:
        """True when a webhook may be sent to exactly this address."""
        if self.allow_loopback and any(address in network for network in _LOOPBACK):
            return True
        if isinstance(address, ipaddress.IPv4Address):
            return not any(address in network for network in _REFUSED_V4)
        if address not in _GLOBAL_V6 or address.scope_id is not None:
            return False
        carries_v4 = (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
        return not carries_v4 and not any(address in network for network in _REFUSED_V6)

    def check(self, answers: Sequence[str]) -> list[str]:
        """Give the addresses back, each once, when every one of them may be called.

        `answers` are a resolver's, as text. One refused address refuses them all: a name that answers with
        public and internal addresses at once is an attack or a mistake. Raises AddressRefused, also when
        there is no answer or one that is no address.
        """
        try:
            addresses = [ipaddress.ip_address(answer) for answer in answers]
        except ValueError:
            raise AddressRefused from None
        if not addresses or not all(self.allows(address) for address in addresses):
            raise AddressRefused
        return list(dict.fromkeys(str(address) for address in addresses))


PRODUCTION_ADDRESSES: Final = AddressRules()
DEVELOPMENT_ADDRESSES: Final = AddressRules(allow_loopback=True)
