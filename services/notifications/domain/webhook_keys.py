"""When which Ed25519 key of the service signs: a successor is published before it signs, then both do."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.kernel.errors import Conflict
from services.notifications.domain.signing import PublicKey

PUBLISHED_BEFORE: Final = timedelta(hours=24)
"""How long a new key is published before it signs, so that whoever caches the keys has seen it."""
OVERLAP: Final = timedelta(hours=24)
PUBLISHED_AFTER: Final = timedelta(days=7)
"""How long a key is shown after its last signature, for deliveries that lie in a consumer's queue."""


@dataclass(frozen=True, slots=True)
class WebhookKey:
    """One key pair's public half and its time: it signs from `signs_from` until `signs_until` (aware UTC)."""

    number: int
    public: PublicKey
    signs_from: datetime
    signs_until: datetime | None = None

    @property
    def key_id(self) -> str:
        """The JWK thumbprint (RFC 7638)."""
        return _url_safe(hashlib.sha256(msgspec.json.encode(self.jwk, order="sorted")).digest())

    @property
    def jwk(self) -> dict[str, str]:
        """The members that make the key (RFC 8037)."""
        return {"crv": "Ed25519", "kty": "OKP", "x": _url_safe(self.public.raw)}

    def signs(self, at: datetime) -> bool:
        """True when what is sent at this instant carries this key's signature."""
        return self.signs_from <= at and (self.signs_until is None or at < self.signs_until)

    def is_published(self, at: datetime) -> bool:
        """True from the day it is made until a week after its last signature."""
        return self.signs_until is None or at < self.signs_until + PUBLISHED_AFTER


def succeeded(
    present: WebhookKey, successor: PublicKey, at: datetime, *, at_once: bool
) -> tuple[datetime, WebhookKey]:
    """When the present key ends to sign, and the one that follows it.

    `at_once` is for a key that others may know: it stops signing now. Raises `Conflict` while the present key
    does not sign yet, unless at once.
    """
    if not at_once and at < present.signs_from:
        raise Conflict("webhook_key_rotating", signs_from=present.signs_from.isoformat())
    signs_from = at if at_once else at + PUBLISHED_BEFORE
    ends = at if at_once else signs_from + OVERLAP
    return ends, WebhookKey(present.number + 1, successor, signs_from)


def _url_safe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
