"""The register's journal over HTTP, from any position: what a replay reads, back to its first event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import httpx
import msgspec

from services.kernel.feed.following import Upstream
from services.kernel.journal.events import Header

TIMEOUT_SECONDS: Final = 30.0


class FeedUnread(Exception):
    """The register did not answer, or with something that is not its journal."""


class _Item(msgspec.Struct):
    position: int
    event: msgspec.Raw


class _Page(msgspec.Struct):
    events: list[_Item]
    head: int


class RegisterFeed:
    """Reads pages of the journal's recorded bytes; `token` makes a fresh access token."""

    def __init__(self, url: str, token: Callable[[], str], *, client: httpx.Client | None = None) -> None:
        self._url = f"{url}/v1/journal/events"
        self._token = token
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)

    def read(self, after: int, limit: int) -> tuple[Sequence[Upstream], int]:
        """See `Feed`."""
        try:
            answer = self._client.get(
                self._url,
                params={"after": after, "limit": limit},
                headers={"Authorization": f"Bearer {self._token()}"},
            )
            answer.raise_for_status()
            page = msgspec.json.decode(answer.content, type=_Page)
        except httpx.HTTPError as error:
            raise FeedUnread("register_unavailable") from error
        except msgspec.MsgspecError as error:
            raise FeedUnread("register_answer_broken") from error
        if [item.position for item in page.events] != list(range(after + 1, after + 1 + len(page.events))):
            raise FeedUnread("register_answer_broken")
        return [_event(item) for item in page.events], page.head

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def _event(item: _Item) -> Upstream:
    record = bytes(item.event)
    try:
        return Upstream(item.position, msgspec.json.decode(record, type=Header), record, {})
    except msgspec.MsgspecError as error:
        raise FeedUnread("register_answer_broken") from error
