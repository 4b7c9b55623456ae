"""Published events: typed data, the CloudEvents envelope, and the registry that maps one to the other.

The canonical bytes are RFC 8785: ASCII keys in order, no floats, integers within 2^53-1. A msgspec encoder
with sorted keys produces exactly those bytes, because event data holds only strings, booleans, small
integers, lists and structs; `tests/kernel/journal/` checks it against an independent implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

import msgspec
import uuid_utils
from uuid_utils.compat import uuid7

TIME_PLACEHOLDER: Final = "0000-00-00T00:00:00.000000Z"
NUMBER_PLACEHOLDER: Final = "##########"
MAX_RECORD_BYTES: Final = 65_535

DataT = TypeVar("DataT", bound="Event")
EventClass = TypeVar("EventClass", bound="type[Event]")
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""A pure function from the data of one version of an event, as JSON reads it, to that of the next."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data of a published event: one legal fact, in the past tense, with nothing personal in it.

    `legal_basis` is the article and paragraph on which such a fact rests unless the decision names another.
    `numbered` names the sequence from which the journal gives the field `number` its value at recording.
    """

    legal_basis: ClassVar[str] = ""
    numbered: ClassVar[str | None] = None


def unnumbered() -> str:
    """The default of a `number` field: the place the journal fills at recording.

    A factory, because a plain default would be left out of the bytes.
    """
    return NUMBER_PLACEHOLDER


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who caused a fact and in which request: opaque ids only, so that the bytes can be published.

    `decided_by` is `automatic`, `officer`, `producer` or `state_system`. `causation_id` is the id of the
    event that led to this one; `correlation_id` is the request id shared along the chain.
    """

    actor: str
    decided_by: str
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    xroad_client: str | None = None
    xroad_id: str | None = None


class Envelope(msgspec.Struct, Generic[DataT], frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvents 1.0 event in structured JSON; extension attributes are lower case, as it asks."""

    actor: str
    correlationid: str
    data: DataT
    datacontenttype: str
    dataschema: str
    decidedby: str
    effectiveat: datetime
    id: str
    legalbasis: str
    source: str
    specversion: str
    streamversion: int
    subject: str
    time: str
    type: str
    causationid: str | None = None
    traceparent: str | None = None
    xroadclient: str | None = None
    xroadid: str | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What anyone can read of any published event without knowing its type."""

    id: str
    source: str
    type: str
    subject: str
    streamversion: int
    time: str
    effectiveat: datetime
    correlationid: str
    actor: str
    decidedby: str
    legalbasis: str
    causationid: str | None = None
    traceparent: str | None = None


class _Stored(msgspec.Struct, Generic[DataT], frozen=True, kw_only=True):
    """Of an envelope what a fact is made of: a replay reads nothing else."""

    actor: str
    correlationid: str
    data: DataT
    decidedby: str
    effectiveat: datetime
    id: str
    legalbasis: str
    streamversion: int
    subject: UUID
    causationid: str | None = None
    traceparent: str | None = None
    xroadclient: str | None = None
    xroadid: str | None = None


class Fact(msgspec.Struct, frozen=True):
    """An event of one stream as the domain sees it; satisfies the event sourcing library's protocols.

    `effective_at` is the legal instant (UTC). The recorded instant and the position are the journal's to
    give and stand in `Recorded`.
    """

    originator_id: UUID
    originator_version: int
    id: str
    data: Event
    effective_at: datetime
    legal_basis: str
    provenance: Provenance

    def mutate(self, aggregate: Any) -> Any:
        """Apply this fact to its aggregate (the library's `CanMutateProtocol`)."""
        aggregate.apply(self)
        return aggregate


class UnknownEventType(LookupError):
    """A stored or received event has a type that the registry does not hold. Nothing is imported by name."""


@dataclass(frozen=True, slots=True)
class _Published:
    name: str
    event_class: type[Event]
    decoder: msgspec.json.Decoder[_Stored[Any]]


class EventRegistry:
    """The published event types of one service: the only way from a stored name to a class.

    `source` is the CloudEvents source (`urn:kz:register`); `prefix` starts every type name
    (`kz.register`).
    """

    def __init__(self, *, source: str, prefix: str) -> None:
        self.source = source
        self.prefix = prefix
        self._by_name: dict[str, _Published] = {}
        self._by_class: dict[type[Event], _Published] = {}
        self._upcasters: dict[str, tuple[str, Upcaster]] = {}

    def published(self, name: str) -> Callable[[EventClass], EventClass]:
        """Register a class under `<prefix>.<name>`, for example `entry.included.v1`."""

        def register(event_class: EventClass) -> EventClass:
            full = f"{self.prefix}.{name}"
            if full in self._by_name:
                raise ValueError(f"{full} is already published")
            decoder = msgspec.json.Decoder(_Stored[event_class])  # type: ignore[valid-type]  # built at run time
            entry = _Published(full, event_class, decoder)
            self._by_name[full] = self._by_class[event_class] = entry
            return event_class

        return register

    def upcast(self, old_name: str, new_name: str) -> Callable[[Upcaster], Upcaster]:
        """Read events of type `old_name` for ever as `new_name`, which may be upcast in its turn.

        Decorates the change of their data and stands next to the new version's class; a change of a whole
        version is all that data can lose or turn into, because a version only ever gains optional fields.
        Raises `ValueError` for an old name that is still written or read already, and for a new one unknown.
        """
        old, new = f"{self.prefix}.{old_name}", f"{self.prefix}.{new_name}"
        if old in self._by_name or old in self._upcasters:
            raise ValueError(f"{old} is already read")
        if new not in self._by_name and new not in self._upcasters:
            raise ValueError(f"{new} is not published")

        def register(change: Upcaster) -> Upcaster:
            self._upcasters[old] = (new, change)
            return change

        return register

    def name_of(self, event_class: type[Event]) -> str:
        """The published type name of a class."""
        return self._by_class[event_class].name

    def names_of(self, event_class: type[Event]) -> tuple[str, ...]:
        """Every type name under which events of a class may be stored: the present one and former ones."""
        name = self.name_of(event_class)
        return (name, *(old for old in self._upcasters if self._present(old) == name))

    def classes(self) -> Mapping[str, type[Event]]:
        """Every type that is published now, by name, for schemas."""
        return {name: entry.event_class for name, entry in self._by_name.items()}

    def readable(self) -> tuple[str, ...]:
        """Every type name that can be decoded: those published now, and former versions."""
        return (*self._by_name, *self._upcasters)

    def _present(self, name: str) -> str:
        while name in self._upcasters:
            name = self._upcasters[name][0]
        return name

    def encode(self, fact: Fact) -> bytes:
        """The canonical bytes of a fact, its time and number still placeholders."""
        provenance = fact.provenance
        name = self._by_class[type(fact.data)].name
        return _ENCODER.encode(
            Envelope(
                actor=provenance.actor,
                correlationid=provenance.correlation_id,
                data=fact.data,
                datacontenttype="application/json",
                dataschema=f"/openapi/events/{name}.json",
                decidedby=provenance.decided_by,
                effectiveat=fact.effective_at,
                id=fact.id,
                legalbasis=fact.legal_basis,
                source=self.source,
                specversion="1.0",
                streamversion=fact.originator_version,
                subject=str(fact.originator_id),
                time=TIME_PLACEHOLDER,
                type=name,
                causationid=provenance.causation_id,
                traceparent=provenance.traceparent,
                xroadclient=provenance.xroad_client,
                xroadid=provenance.xroad_id,
            )
        )

    def decode(self, type_name: str, record: bytes) -> Fact:
        """The fact in canonical bytes. Raises `UnknownEventType` for a type never registered."""
        entry = self._by_name.get(type_name)
        if entry is not None:
            return _to_fact(entry.decoder.decode(record))
        if type_name not in self._upcasters:
            raise UnknownEventType(type_name)
        raw = msgspec.json.decode(record)
        while type_name in self._upcasters:
            type_name, change = self._upcasters[type_name]
            raw["data"] = change(raw["data"])
        return _to_fact(self._by_name[type_name].decoder.decode(_ENCODER.encode(raw)))


def _to_fact(envelope: _Stored[Any]) -> Fact:
    return Fact(
        originator_id=envelope.subject,
        originator_version=envelope.streamversion,
        id=envelope.id,
        data=envelope.data,
        effective_at=envelope.effectiveat,
        legal_basis=envelope.legalbasis,
        provenance=Provenance(
            actor=envelope.actor,
            decided_by=envelope.decidedby,
            correlation_id=envelope.correlationid,
            causation_id=envelope.causationid,
            traceparent=envelope.traceparent,
            xroad_client=envelope.xroadclient,
            xroad_id=envelope.xroadid,
        ),
    )


def new_event_id() -> str:
    """A UUIDv7 (RFC 9562) as text: the CloudEvent id and the webhook id."""
    return str(uuid_utils.uuid7())  # without the standard library's object it takes a seventh of the time


def new_stream_id() -> UUID:
    """A UUIDv7 for a new stream; never derived from anyone's number."""
    return uuid7()


def instant_text(microseconds: int) -> str:
    """Microseconds since 1970 (UTC) as a fixed-width RFC 3339 instant, the form spliced into records."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    return f"{_second_text(seconds)}.{fraction:06d}Z"


@lru_cache(maxsize=64)
def _second_text(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def microseconds(instant: datetime) -> int:
    """An aware instant as whole microseconds since 1970 (UTC)."""
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_microseconds(value: int) -> datetime:
    """The aware UTC instant of whole microseconds since 1970."""
    seconds, fraction = divmod(value, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
