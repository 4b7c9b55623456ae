"""The shape every aggregate has: decisions record events, `when` applies them, nothing else changes state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar
from uuid import UUID

from services.kernel.journal.events import Event, Fact, Provenance, new_event_id


@dataclass(frozen=True, slots=True)
class Act:
    """The legal act in which decisions are taken: when it counts in law (UTC) and who does it."""

    at: datetime
    provenance: Provenance


class Aggregate:
    """A consistency boundary rebuilt from its facts (the library's mutable aggregate protocol).

    Subclasses define `when(event)`, usually as a `functools.singledispatchmethod`, and decision methods that
    raise a `DomainError` or call `record` once. A decision does no I/O and reads no clock.
    """

    born_of: ClassVar[tuple[type[Event], ...]] = ()
    """The events that can begin such a stream; a stream that begins otherwise is another kind's."""

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        self.id = id
        self.version = 0
        self.last_event_id: str | None = None
        self._pending: list[Fact] = []

    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        raise TypeError(f"{type(self).__name__} knows no {type(event).__name__}")

    def record(
        self, act: Act, event: Event, *, basis: str | None = None, effective_at: datetime | None = None
    ) -> Fact:
        """Decide a fact: apply it and keep it for the unit of work."""
        fact = Fact(
            originator_id=self.id,
            originator_version=self.version + 1,
            id=new_event_id(),
            data=event,
            effective_at=effective_at or act.at,
            legal_basis=basis or event.legal_basis,
            provenance=act.provenance,
        )
        self.apply(fact)
        self._pending.append(fact)
        return fact

    def apply(self, fact: Fact) -> None:
        """Apply a decided or stored fact. Raises `ValueError` when it is not the next of this stream."""
        if fact.originator_id != self.id or fact.originator_version != self.version + 1:
            raise ValueError(
                f"{fact.originator_id} version {fact.originator_version} does not follow "
                f"{self.id} version {self.version}"
            )
        self.when(fact.data, fact)
        self.version = fact.originator_version
        self.last_event_id = fact.id

    def numbered(self, event: Event) -> None:
        """Learn the number that recording gave an event of this aggregate; for those that show one."""

    def collect_events(self) -> list[Fact]:
        """Hand over the facts decided since loading (the library's `CollectEventsProtocol`)."""
        pending, self._pending = self._pending, []
        return pending


AggregateT = TypeVar("AggregateT", bound=Aggregate)
