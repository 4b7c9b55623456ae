"""What comes over another journal's feed: pages of events, of which one may be spoilt.

An event that cannot be read does not spoil its neighbours: it is handed on with its raw bytes, to be parked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from services.kernel.journal.events import EventRegistry, Fact, Header, Provenance
from services.kernel.vault import PersonalValue

UNREADABLE: Final = "unreadable"
"""The type under which an event is parked whose own cannot be read."""
_NO_STREAM: Final = UUID(int=0)
_ALONE: Final = re.compile(
    rb'\{"events":\[\{"position":(?P<position>[0-9]+),"event":(?P<event>.*)\}\],"head":(?P<head>[0-9]+)\}',
    re.DOTALL,
)
"""A page of one event as the feed writes it, for an event that is no JSON."""


class FeedBroken(Exception):
    """The upstream answered with something that is not its journal: a gap, another's events, no JSON."""


class PageSpoilt(FeedBroken):
    """The answer is no JSON at all, which one event in it can bring about."""


class _Item(msgspec.Struct):
    position: int
    event: msgspec.Raw
    confidential: dict[str, PersonalValue] = {}


class _Feed(msgspec.Struct):
    events: list[_Item]
    head: int


class _Subject(msgspec.Struct):
    subject: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """One event of another service's journal as it came over the feed.

    `is_whole` is false for a parked one of which something has to be read again: what it told in confidence
    is not kept, and what could not be read may have been mended.
    """

    position: int
    header: Header
    record: bytes
    confidential: Mapping[str, PersonalValue] = field(default_factory=dict)
    is_whole: bool = True

    @property
    def stream_id(self) -> UUID:
        """The stream the event belongs to, in its own service."""
        return UUID(self.header.subject)

    @property
    def is_readable(self) -> bool:
        """False when the bytes hold no event."""
        return self.header.type != UNREADABLE

    @property
    def names_stream(self) -> bool:
        """False when not even the stream can be read."""
        return self.stream_id != _NO_STREAM

    def provenance(self, actor: str) -> Provenance:
        """What a fact caused by this event records: the chain it belongs to, decided by no person."""
        return Provenance(
            actor=actor,
            decided_by="automatic",
            correlation_id=self.header.correlationid,
            causation_id=self.header.id,
            traceparent=self.header.traceparent,
        )


@dataclass(frozen=True, slots=True)
class Foreign:
    """An upstream event decoded by its publisher's registry, as an inbox handler receives it."""

    upstream: Upstream
    fact: Fact

    def provenance(self, actor: str) -> Provenance:
        """See `Upstream.provenance`."""
        return self.upstream.provenance(actor)


@dataclass(frozen=True, slots=True)
class Page:
    """Contiguous events, and the upstream's head when they were read."""

    events: list[Upstream]
    head: int


def read_page(content: bytes, after: int, source: str, *, alone: bool = False) -> Page:
    """The events after a position, of the journal `source`.

    With `alone` the page holds one event at most, which need be no JSON. Raises `FeedBroken`, and
    `PageSpoilt` where the events should be read one at a time.
    """
    feed = _feed(content, alone=alone)
    for expected, item in enumerate(feed.events, start=after + 1):
        if item.position != expected:
            raise FeedBroken(f"expected position {expected}, got {item.position}")
    if feed.head < after + len(feed.events):
        raise FeedBroken(f"the head {feed.head} lies before position {after + len(feed.events)}")
    events = [
        Upstream(item.position, header_in(bytes(item.event), source), bytes(item.event), item.confidential)
        for item in feed.events
    ]
    for event in events:
        if event.header.source != source:
            raise FeedBroken(f"position {event.position} is of another journal")
    return Page(events, feed.head)


def _feed(content: bytes, *, alone: bool) -> _Feed:
    try:
        return msgspec.json.decode(content, type=_Feed)
    except msgspec.ValidationError as error:
        raise FeedBroken(str(error)) from error
    except ValueError as error:  # no JSON, or no UTF-8
        found = _ALONE.fullmatch(content) if alone else None
        if found is None:
            raise PageSpoilt(str(error)) from error
        item = _Item(int(found["position"]), msgspec.Raw(found["event"]))
        return _Feed([item], int(found["head"]))


def header_in(record: bytes, source: str) -> Header:
    """What anyone can read of an event; of one that cannot be read its stream where that is told."""
    try:
        record.decode()  # the decoder passes over what it is not asked for
        header = msgspec.json.decode(record, type=Header)
        UUID(header.subject)
    except ValueError:
        return _unreadable(record, source)
    return header


def _unreadable(record: bytes, source: str) -> Header:
    stream = _NO_STREAM
    with suppress(ValueError):  # no JSON, or no id: the event stands alone
        stream = UUID(msgspec.json.decode(record, type=_Subject).subject)
    return Header(
        id="",
        source=source,
        type=UNREADABLE,
        subject=str(stream),
        streamversion=0,
        time="",
        effectiveat=datetime(1970, 1, 1, tzinfo=UTC),
        correlationid="",
        actor="",
        decidedby="",
        legalbasis="",
    )


def decoded(event: Upstream, registry: EventRegistry) -> Foreign:
    """Decode an upstream event. Raises `UnknownEventType` for one this version of the contract lacks."""
    return Foreign(event, registry.decode(event.header.type, event.record))
