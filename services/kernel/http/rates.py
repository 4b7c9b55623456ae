"""How often one caller may ask: a token bucket each, in this process's memory.

A caller is the principal that its token proves, else the client's address; a token that proves nothing counts
for the address it came from. A bucket is one number, the instant at which it is full again: a full bucket
needs no memory, and when memory is short the caller heard of longest ago is forgotten. The packages for this
count windows under locks and forget by a thread's timer; here there is one event loop, and no window to burst
at the edge of.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Final

from starlette.types import Scope

from services.kernel.http.problems import Occurrence
from services.kernel.identity.tokens import TokenRefused, TokenVerifier

MAX_CALLERS: Final = 65_536
UNLIMITED_PATH: Final = "/healthz"
"""Constant work, and a process must not be taken for dead because someone floods it."""
UNLIMITED_ROLE: Final = "service"
"""The services themselves: followers long-poll, and nothing of theirs is lost to a limit."""
_IPV6_CLIENT_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` requests for ever, up to `burst` at once after a pause; `per_second` 0 limits nothing."""

    per_second: float
    burst: int


class Buckets:
    """One token bucket a key, at most `size` of them."""

    def __init__(self, rate: Rate, *, size: int = MAX_CALLERS) -> None:
        self._interval = 1.0 / rate.per_second
        self._depth = rate.burst * self._interval
        self._size = size
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._full_at)

    def take(self, key: str, now: float) -> float:
        """Take one token at `now` (seconds): 0.0, or the seconds until there is one and none was taken."""
        buckets = self._full_at
        full_at = max(buckets.pop(key, now), now)
        wait = full_at + self._interval - now - self._depth
        if wait > 1e-6:  # below is rounding, not haste
            buckets[key] = full_at
            return wait
        buckets[key] = full_at + self._interval
        if len(buckets) > self._size:
            del buckets[next(iter(buckets))]
        return 0.0


class RateLimit:
    """Says of each request whether its caller asks too often; for one event loop."""

    def __init__(
        self, rate: Rate, verifier: TokenVerifier, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._buckets = Buckets(rate) if rate.per_second else None
        self._verifier = verifier
        self._clock = clock
        self._policy = f'"caller";q={rate.burst};w={ceil(rate.burst / (rate.per_second or 1))}'

    def refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Occurrence | None:
        """`too_many_requests` with `Retry-After` and the fields of draft-ietf-httpapi-ratelimit-headers."""
        if self._buckets is None or scope["path"] == UNLIMITED_PATH:
            return None
        caller = self._caller(scope, headers.get(b"authorization"))
        if caller is None:
            return None
        wait = self._buckets.take(caller, self._clock())
        if not wait:
            return None
        seconds = str(ceil(wait))
        limits = {"RateLimit-Policy": self._policy, "RateLimit": f'"caller";r=0;t={seconds}'}
        return Occurrence("too_many_requests", headers={"Retry-After": seconds, **limits})

    def _caller(self, scope: Scope, authorization: bytes | None) -> str | None:
        """The key of the caller's bucket; None for one without a limit."""
        if authorization is not None:
            try:
                principal = self._verifier.verify(authorization[7:].strip().decode("latin-1"))
            except TokenRefused:
                return _network(scope)  # the route answers 401
            return None if UNLIMITED_ROLE in principal.roles else principal.key
        return _network(scope)


def _network(scope: Scope) -> str:
    client = scope.get("client")
    return _network_of(client[0]) if client else ""


@lru_cache(maxsize=4_096)
def _network_of(address: str) -> str:
    """An IPv4 address, or the /64 that one IPv6 client commands."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, _IPV6_CLIENT_BITS), strict=False))
