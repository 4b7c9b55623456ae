"""Messages into the e-government portal's personal account, over HTTP (docs/messages.md, "The portal")."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import aiohttp
import msgspec

from services.kernel.journal.events import instant_text, microseconds
from services.notifications.domain.channels import ChannelName, Ending, Parcel, Result
from services.notifications.domain.retry import classify
from services.notifications.domain.signing import SymmetricSecret, signed_headers

DEADLINE: Final = timedelta(seconds=15)
READ_AT_MOST: Final = 16 * 1024
NO_ACCOUNT: Final = 404
_REFUSALS: Final = frozenset({400, 410, 413, 415, 422})
_NUMBER: Final = re.compile("[0-9]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """Where the portal takes messages, and how it knows us: a bearer token, a shared secret, or both."""

    url: str
    token: str | None = field(default=None, repr=False)
    secret: SymmetricSecret | None = field(default=None, repr=False)


class PortalChannel:
    """Posts each message in all languages; the portal tells repetitions by `Idempotency-Key`."""

    name: ChannelName = "portal"

    def __init__(
        self, portal: Portal, now: Callable[[], datetime], *, deadline: timedelta = DEADLINE
    ) -> None:
        self._portal = portal
        self._now = now
        self._deadline = deadline

    def send(self, parcel: Parcel) -> Result:
        """See `Channel`."""
        if _NUMBER.fullmatch(parcel.recipient) is None:  # an individual whose IIN was not told or is erased
            return Result(Ending.UNADDRESSED, "no_number")
        try:
            status, retry_after = asyncio.run(self._post(parcel))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Result(Ending.FAILED, f"portal_unreachable: {type(error).__name__}")
        if status == NO_ACCOUNT:
            return Result(Ending.UNADDRESSED, "no_portal_account", status=status, works=True)
        if status in _REFUSALS:
            return Result(Ending.REFUSED, f"portal_answered_{status}", status=status, works=True)
        if 200 <= status <= 299:
            return Result(Ending.SENT, status=status, works=True)
        outcome = classify(status, retry_after, self._now())
        return Result(Ending.FAILED, f"portal_answered_{status}", outcome.retry_after, status)

    async def _post(self, parcel: Parcel) -> tuple[int, str | None]:
        """The answer's status and `Retry-After`; whatever drips is cut at the deadline."""
        body = content_of(parcel)
        total = aiohttp.ClientTimeout(total=self._deadline.total_seconds())
        async with (
            aiohttp.ClientSession(timeout=total, trust_env=False) as session,
            session.post(
                self._portal.url, data=body, headers=self._headers(parcel, body), allow_redirects=False
            ) as answer,
        ):
            await answer.content.read(READ_AT_MOST)
            return answer.status, answer.headers.get("Retry-After")

    def _headers(self, parcel: Parcel, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": parcel.message_id}
        if self._portal.token is not None:
            headers["Authorization"] = f"Bearer {self._portal.token}"
        if self._portal.secret is not None:
            headers |= signed_headers(parcel.message_id, self._now(), body, [self._portal.secret])
        return headers


def content_of(parcel: Parcel) -> bytes:
    """What is posted; the same bytes at every try."""
    content = {
        "message_id": parcel.message_id,
        "recipient": parcel.recipient,
        "language": parcel.language,
        "texts": {
            language: {"subject": text.subject, "body": text.body} for language, text in parcel.texts.items()
        },
        "template": parcel.template,
        "template_version": parcel.template_version,
        "put_at": instant_text(microseconds(parcel.put_at)),
        "event_type": parcel.event_type,
        "due_on": parcel.due_on,
    }
    return msgspec.json.encode(content, order="sorted")
