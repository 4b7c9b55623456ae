"""How an endpoint agrees to be called before the first real event: a challenge or a handshake.

The handshake is that of CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery" 1.0, section 4 (abuse
protection): OPTIONS with our origin, answered with `WebHook-Allowed-Origin` and `WebHook-Allowed-Rate`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Consent: TypeAlias = Literal["challenge", "handshake"]
REQUEST_ORIGIN: Final = "WebHook-Request-Origin"
REQUEST_RATE: Final = "WebHook-Request-Rate"
ALLOWED_ORIGIN: Final = "WebHook-Allowed-Origin"
ALLOWED_RATE: Final = "WebHook-Allowed-Rate"
MAX_PER_MINUTE: Final = 60_000
_RATE: Final = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Permission:
    """An endpoint's agreement; `per_minute` is its bound, None where it sets none."""

    per_minute: int | None


def request_headers(origin: str, per_minute: int | None) -> dict[str, str]:
    """What the OPTIONS request asks: our DNS name and, where the owner set one, the rate."""
    asked = {REQUEST_ORIGIN: origin}
    return asked | ({REQUEST_RATE: str(per_minute)} if per_minute is not None else {})


def permission(
    origin: str, status: int, allowed_origin: str | None, allowed_rate: str | None
) -> Permission | None:
    """What a handshake's answer permits; None when it does not name us, or its rate cannot be understood.

    A status alone is never consent: many servers answer OPTIONS to anybody.
    """
    named = (allowed_origin or "").strip().lower()
    if not 200 <= status < 300 or not named or named not in {"*", origin.lower()}:
        return None
    rate = (allowed_rate or "*").strip()
    if rate == "*":
        return Permission(None)
    if _RATE.fullmatch(rate) is None or int(rate) == 0:
        return None
    return Permission(min(int(rate), MAX_PER_MINUTE))
