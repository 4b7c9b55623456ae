"""Sign a try: with the endpoint's own secrets (`v1`) and with the service's keys (`v1a`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.notifications.adapters.sealing import SecretBox, open_secrets
from services.notifications.domain.signing import PrivateKey, Signer, signed_headers
from services.notifications.domain.webhook_keys import WebhookKey
from services.notifications.usecases.deliver import Claimed
from services.notifications.usecases.webhook_keys import ensure_webhook_key, signing_keys

REFRESH_SECONDS: Final = 10.0
"""How long the keys are kept: a key that must stop at once signs no longer than this."""


class WebhookSigner:
    """Signs for every endpoint; the service's keys are read again every few seconds."""

    def __init__(self, database: Database, box: SecretBox, clock: Clock) -> None:
        self._database = database
        self._box = box
        self._clock = clock
        self._keys: Sequence[tuple[WebhookKey, PrivateKey]] = ()
        self._fresh_until = 0.0

    def refresh(self) -> None:
        """Read the service's keys when it is time to, and make the first; it blocks."""
        if time.monotonic() < self._fresh_until:
            return
        if not self._keys:
            ensure_webhook_key(self._database, self._box, self._clock.now())
        self._keys = signing_keys(self._database, self._box)
        self._fresh_until = time.monotonic() + REFRESH_SECONDS

    def headers(self, claimed: Claimed) -> dict[str, str]:
        """The signed headers of a try made now."""
        at = self._clock.now()
        held = open_secrets(
            self._box, claimed.sealed_secret, claimed.sealed_former_secrets, claimed.subscription_id
        )
        keys: list[Signer] = [*held.signing(at), *(private for key, private in self._keys if key.signs(at))]
        return signed_headers(claimed.event_id, at, claimed.body, keys)
