"""How a producer brings up to date what it gave for its entry's inclusion."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from services.kernel.contract import FixedTerm, ProducerRef
from services.kernel.journal.events import Event
from services.register.contract.events import REGISTER_EVENTS, Activity

UpdatedField = Literal[
    "name",
    "registration_number",
    "address",
    "email",
    "telephone",
    "oked_primary",
    "oked_secondary",
    "kato",
    "capacity_per_year",
]


@REGISTER_EVENTS.published("entry.updated.v1")
class EntryUpdated(Event, frozen=True, kw_only=True):
    """A producer brought its own data of an entry up to date: `fields` are those that changed.

    They stand from `changed_on` (ISO date, Asia/Almaty). `term` is the one of that day's `quarter`; an update
    after it (`in_time` is false) counts all the same. Of the fields that are `superseded` an update given
    before, but standing from later, states what holds now. `inclusion_event_id` is the inclusion whose data
    these are: the next one states all of them anew.

    `producer` is named as from then on; an individual's name and state registration number, the address, the
    e-mail and the telephone are bound by `commitments`. `activity` is whole where any of it changed.

    `told_for` is the entry for which the producer told it, where that is another one: name and registration
    number are the producer's, and stand in all its entries.
    """

    legal_basis: ClassVar[str] = "order-327 para. 26"

    entry_id: str
    producer: ProducerRef
    inclusion_event_id: str
    fields: tuple[UpdatedField, ...]
    changed_on: str
    quarter: str
    term: FixedTerm
    in_time: bool
    superseded: tuple[UpdatedField, ...] = ()
    commitments: dict[str, str] = msgspec.field(default_factory=dict)
    activity: Activity | None = None
    capacity_per_year: str | None = None
    registration_number: str | None = None
    told_for: str | None = None
