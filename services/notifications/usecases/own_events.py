"""The service's own CloudEvents: what asks for consent before the first real event, and the test event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from services.kernel.journal.events import instant_text, new_event_id

CHALLENGE: Final = "kz.notifications.subscription.challenge.v1"
HANDSHAKE: Final = "kz.notifications.subscription.handshake.v1"
TEST: Final = "kz.notifications.subscription.test.v1"
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def own_event(type_name: str, subject: str, data: Mapping[str, str], now: int) -> tuple[str, bytes]:
    """An event of this service: its id and its canonical bytes. `now` in microseconds since 1970 (UTC)."""
    event_id = new_event_id()
    event = {
        "data": dict(data),
        "datacontenttype": "application/json",
        "id": event_id,
        "source": "urn:kz:notifications",
        "specversion": "1.0",
        "subject": subject,
        "time": instant_text(now),
        "type": type_name,
    }
    return event_id, _ENCODER.encode(event)


class _Data(msgspec.Struct):
    challenge: str


class _Challenge(msgspec.Struct):
    data: _Data


def challenge_in(body: bytes) -> str:
    """What an endpoint has to send back."""
    return msgspec.json.decode(body, type=_Challenge).data.challenge
