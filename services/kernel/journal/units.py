"""The unit of work: everything one command writes, as a value that can be committed, refused or run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa
from eventsourcing.persistence import StoredEvent

from services.kernel.errors import Invalid
from services.kernel.journal.events import (
    MAX_RECORD_BYTES,
    NUMBER_PLACEHOLDER,
    TIME_PLACEHOLDER,
    EventRegistry,
    Fact,
    instant_text,
)

_TIME_MARK = b'"time":"' + TIME_PLACEHOLDER.encode()
_NUMBER_MARK = b'"number":"' + NUMBER_PLACEHOLDER.encode()
_NUMBER_WIDTH = len(NUMBER_PLACEHOLDER)


@dataclass(frozen=True)
class EncodedEvent(StoredEvent):
    """A stored event of ours: canonical bytes with two fixed-width places that only recording can fill."""

    fact: Fact
    time_offset: int
    number_offset: int | None
    sequence: str | None

    def recorded(self, position: int, recorded_at: int, number: int | None) -> Recorded:
        """The fact as recorded: its instant and, where it is numbered, its number put in."""
        record = bytearray(self.state)
        record[self.time_offset : self.time_offset + len(TIME_PLACEHOLDER)] = instant_text(
            recorded_at
        ).encode()
        fact = self.fact
        if self.number_offset is not None and number is not None:
            text = f"{number:0{_NUMBER_WIDTH}d}"
            record[self.number_offset : self.number_offset + _NUMBER_WIDTH] = text.encode()
            data = msgspec.structs.replace(fact.data, number=text)
            fact = msgspec.structs.replace(fact, data=data)
        return Recorded(position, recorded_at, bytes(record), fact)


def encode(registry: EventRegistry, fact: Fact) -> EncodedEvent:
    """Encode a decided fact. Raises `Invalid` when its canonical bytes exceed 65,535."""
    record = registry.encode(fact)
    if len(record) > MAX_RECORD_BYTES:
        raise Invalid("event_too_large", size=str(len(record)), limit=str(MAX_RECORD_BYTES))
    # Nothing nested follows `data` in key order, so the last match is the envelope's own `time`.
    time_offset = record.rindex(_TIME_MARK) + len(b'"time":"')
    number_offset = None
    if fact.data.numbered is not None:
        if record.count(_NUMBER_MARK) != 1:
            raise Invalid("number_placeholder_ambiguous")
        number_offset = record.index(_NUMBER_MARK) + len(b'"number":"')
    return EncodedEvent(
        originator_id=fact.originator_id,
        originator_version=fact.originator_version,
        topic=registry.name_of(type(fact.data)),
        state=record,
        fact=fact,
        time_offset=time_offset,
        number_offset=number_offset,
        sequence=fact.data.numbered,
    )


class Recorded(msgspec.Struct, frozen=True):
    """A fact in the journal: its position (contiguous from 1), when it was recorded, and its bytes.

    `recorded_at` is in microseconds since 1970 (UTC).
    """

    position: int
    recorded_at: int
    record: bytes
    fact: Fact


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """An idempotency key and the digest of the body it came with, within one principal and operation."""

    principal: str
    operation: str
    key: str
    body_digest: str
    status: int


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered to a key the first time; the representation is made again from the journal."""

    body_digest: str
    status: int
    resource: str
    stream_version: int
    position: int


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An answer about to be stored beside the events it acknowledges."""

    answer: AnswerKey
    resource: str
    stream_version: int


@dataclass(frozen=True, slots=True)
class CursorStep:
    """A follower's move from exactly `previous` to `position` in an upstream journal."""

    upstream: str
    previous: int
    position: int


Write = Callable[[sa.Connection, Sequence[Recorded]], None]
"""A row that must stand or fall with the unit's events (a personal value, a parked event)."""


Check = Callable[[sa.Connection], None]
"""Asked under the ordering lock before anything is written; raises `IntegrityError` to refuse the unit."""


@dataclass(frozen=True)
class Unit:
    """Events, idempotency key, upstream position and further rows that commit together or not at all."""

    events: tuple[StoredEvent, ...] = ()
    key: KeyRow | None = None
    step: CursorStep | None = None
    writes: tuple[Write, ...] = field(default=())
    checks: tuple[Check, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Committed:
    """What a unit became: its recorded facts and the position that reflects it (the head for no events)."""

    recorded: tuple[Recorded, ...]
    position: int
