"""The feed is the journal: contiguous events after a position, with long-poll, as the recorded bytes.

Annotations are evaluated here, not postponed: the route's dependency is local to the function that makes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from services.kernel.http.problems import Problem
from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import JSON, Representation
from services.kernel.journal.journal import Journal, JournalRow
from services.kernel.vault import PersonalValue, Vault

MAX_EVENTS: Final = 1_000
MAX_WAIT_SECONDS: Final = 30
NDJSON: Final = "application/x-ndjson"


class FeedEvent(Representation):
    """One recorded event; `event` is the CloudEvent exactly as recorded."""

    position: int = Field(description="Contiguous from 1.")
    event: dict[str, object]
    confidential: dict[str, dict[str, str]] | None = Field(
        default=None, description="Personal values and salts by field; only for the role `service`."
    )


class Feed(Representation):
    """Contiguous events, and the head of the journal when they were read."""

    events: list[FeedEvent]
    head: int


def journal_router(journal: Journal, *roles: str, vault: Vault | None = None) -> APIRouter:
    """`GET /v1/journal/events` for callers with one of `roles`."""
    router = APIRouter(tags=["journal"])
    reading = Reading(*roles)

    @router.get(
        "/v1/journal/events",
        operation_id="read_journal",
        summary="Read the journal after a position",
        responses={
            200: {
                "model": Feed,
                "description": "Events in order of position, without gaps.",
                "content": {NDJSON: {"schema": {"type": "string"}}},
            },
            409: {"description": "The journal ends before `after`."},
        },
    )
    async def read_journal(
        caller: Annotated[Caller, Depends(reading)],
        after: Annotated[
            int,
            Query(
                ge=0, le=2**53 - 1, description="The last position already known; beyond the head is a 409."
            ),
        ] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 100,
        wait: Annotated[
            int, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for an event to come.")
        ] = 0,
        format: Annotated[  # noqa: A002  # the API's own name
            Literal["json", "ndjson"],
            Query(description="`ndjson` streams everything up to the head, `limit` events at a time."),
        ] = "json",
    ) -> Response:
        confidential = vault if caller.is_any("service") else None
        if after > journal.signal.head and after > (head := await to_thread.run_sync(journal.head)):
            raise Problem("position_ahead", position=str(after), head=str(head))
        if wait and journal.signal.head <= after:
            await journal.signal.beyond(after, seconds=wait)
        if format == "ndjson":
            return StreamingResponse(_lines(journal, confidential, after, limit), media_type=NDJSON)
        body, last = await to_thread.run_sync(_page, journal, confidential, after, limit)
        headers = {"Journal-Position": str(last), "Cache-Control": "no-store"}
        return Response(body, headers=headers, media_type=JSON)

    return router


def _page(journal: Journal, vault: Vault | None, after: int, limit: int) -> tuple[bytes, int]:
    rows = journal.after(after, limit)
    last = rows[-1].position if rows else after
    head = max(journal.signal.head, last) if rows else journal.head()
    items = b",".join(_items(journal, vault, rows))
    return b'{"events":[' + items + b'],"head":%d}' % head, last


def _lines(journal: Journal, vault: Vault | None, after: int, page: int) -> Iterator[bytes]:
    head = journal.head()
    while after < head and (rows := journal.after(after, min(page, head - after))):
        after = rows[-1].position
        yield b"".join(item + b"\n" for item in _items(journal, vault, rows))


def _items(journal: Journal, vault: Vault | None, rows: Sequence[JournalRow]) -> list[bytes]:
    opened = _opened(journal, vault, rows)
    items = []
    for row in rows:
        item = b'{"position":%d,"event":%b' % (row.position, row.record)
        if row.position in opened:
            item += b',"confidential":' + msgspec.json.encode(opened[row.position])
        items.append(item + b"}")
    return items


def _opened(
    journal: Journal, vault: Vault | None, rows: Sequence[JournalRow]
) -> Mapping[int, Mapping[str, PersonalValue]]:
    """The personal values of those rows, by position."""
    if vault is None or not rows:
        return {}
    ids = {_id_of(row.record): row.position for row in rows}
    with journal.database.read() as connection:
        values = vault.of_events(connection, ids)
    return {ids[event_id]: fields for event_id, fields in values.items()}


class _Id(msgspec.Struct):
    id: str


_ID_DECODER: Final = msgspec.json.Decoder(_Id)


def _id_of(record: bytes) -> str:
    return _ID_DECODER.decode(record).id
