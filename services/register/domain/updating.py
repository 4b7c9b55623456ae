"""What a producer may bring up to date of its entry, and what of it changes (order 327 para. 26).

Its own data of Appendix 1, as it gave them at inclusion: name, contacts, activity, region, capacity. What was
verified is not among them: BIN or IIN, the product's names and codes, the figures, the trusted register.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import msgspec

from services.kernel.calendar import Quarter, has_ended, legal_date, start_of
from services.kernel.contract import FixedTerm, OfficialText, ProducerRef
from services.kernel.errors import Invalid
from services.kernel.journal.events import Fact
from services.register.contract.events import Activity
from services.register.contract.updates import EntryUpdated, UpdatedField
from services.register.domain.entry_state import EntryState

CONTACTS: Final[tuple[UpdatedField, ...]] = ("address", "email", "telephone")
ACTIVITY: Final[tuple[UpdatedField, ...]] = ("oked_primary", "oked_secondary", "kato")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a producer gives; None leaves a value as it is. `changed_on` is the legal day it changed on."""

    changed_on: date | None = None
    name: OfficialText | None = None
    registration_number: str | None = None
    address: str | None = None
    email: str | None = None
    telephone: str | None = None
    oked_primary: str | None = None
    oked_secondary: tuple[str, ...] | None = None
    kato: str | None = None
    capacity_per_year: str | None = None

    def of_producer(self, fields: Collection[UpdatedField]) -> Given | None:
        """What of the changed `fields` is the producer's and so stands in all its entries; None for nothing.

        Order 327 Appendices 1 and 2: one BIN or IIN has one name and one state registration number.
        """
        name = self.name if "name" in fields else None
        number = self.registration_number if "registration_number" in fields else None
        return None if name is None and number is None else Given(name=name, registration_number=number)


def stands_from(changed_on: date | None, now: datetime, inclusion: Fact) -> datetime:
    """From when a change stands: from now, or from the day it is said to have happened on.

    Never before the inclusion whose data it changes. Raises `Invalid` (`day_in_future`,
    `change_before_inclusion`).
    """
    if changed_on is None or changed_on == legal_date(now):
        return max(now, inclusion.effective_at)
    if changed_on > legal_date(now):
        raise Invalid("day_in_future", pointer="/changed_on", day=changed_on.isoformat())
    included_on = legal_date(inclusion.effective_at)
    if changed_on < included_on:
        raise Invalid("change_before_inclusion", pointer="/changed_on", included_on=included_on.isoformat())
    return max(start_of(changed_on), inclusion.effective_at)


@dataclass(frozen=True, slots=True)
class Update:
    """What is given beside what the register holds for the instant from which it stands.

    `state` and `producer` are of that instant, `personal` is what the vault holds for it, by field.
    `renamed_at` is from when (UTC) the last name counts that a transformation gave the producer; `told_for`
    the entry for which the producer told it, where that is another one.
    """

    given: Given
    state: EntryState
    producer: ProducerRef
    personal: Mapping[str, str]
    renamed_at: datetime | None = None
    told_for: str | None = None

    @property
    def fields(self) -> tuple[UpdatedField, ...]:
        """What changes. Raises `Invalid` (`update_changes_nothing`) where nothing does."""
        fields = self.changed()
        if not fields:
            raise Invalid("update_changes_nothing")
        return fields

    def changed(self) -> tuple[UpdatedField, ...]:
        """What changes, if anything."""
        given = self._given()
        return tuple(field for field, value in self._held().items() if given[field] not in (None, value))

    @property
    def is_individual(self) -> bool:
        """True where name and state registration number are personal and stand in the vault alone."""
        return self.producer.kind == "individual_entrepreneur"

    def confidential(self) -> dict[str, str]:
        """What goes into the vault; an individual's name with the IIN, as an extract shows both.

        An individual's state registration number goes there too.
        """
        values: dict[str, str] = {}
        for field in CONTACTS:
            if field in self.fields:
                values[field] = getattr(self.given, field)
        number = self.given.registration_number
        if self.is_individual and number is not None and "registration_number" in self.fields:
            values["registration_number"] = number
        name = self.given.name
        if self.is_individual and name is not None and "name" in self.fields:
            values |= {"name_kk": name.kk, "name_ru": name.ru}
            if "iin" in self.personal:
                values["iin"] = self.personal["iin"]
        return values

    def event(
        self, at: datetime, now: datetime, term: FixedTerm, commitments: dict[str, str], present: EntryState
    ) -> EntryUpdated:
        """The fact, standing from `at` and given `now`; late where its term has ended by then.

        Of the fields another update, or a transformation, may state what holds in the `present` state.
        """
        changed_on = legal_date(at)
        stand = {field: stated.at for field, stated in present.stated.items()}
        if self.renamed_at is not None:
            stand["name"] = max(self.renamed_at, stand.get("name", at))
        return EntryUpdated(
            entry_id=self.state.included.entry_id,
            producer=self._named(),
            inclusion_event_id=self.state.included_by,
            fields=self.fields,
            changed_on=changed_on.isoformat(),
            quarter=str(Quarter.of(changed_on)),
            term=term,
            in_time=not has_ended(term, now),
            superseded=tuple(field for field in self.fields if stand.get(field, at) > at),
            commitments=commitments,
            activity=self._activity(),
            capacity_per_year=self._stated("capacity_per_year"),
            registration_number=None if self.is_individual else self._stated("registration_number"),
            told_for=self.told_for,
        )

    def _activity(self) -> Activity | None:
        new = {field: getattr(self.given, field) for field in ACTIVITY if field in self.fields}
        return msgspec.structs.replace(self.state.included.activity, **new) if new else None

    def _named(self) -> ProducerRef:
        if self.is_individual or "name" not in self.fields:
            return self.producer
        return msgspec.structs.replace(self.producer, name=self.given.name)

    def _stated(self, field: UpdatedField) -> str | None:
        value: str | None = getattr(self.given, field) if field in self.fields else None
        return value

    def _given(self) -> dict[UpdatedField, object]:
        name = self.given.name
        if self.is_individual and name is not None:
            name = OfficialText(kk=name.kk, ru=name.ru)
        return {
            "name": name,
            **{field: getattr(self.given, field) for field in self._held() if field != "name"},
        }

    def _held(self) -> dict[UpdatedField, object]:
        included = self.state.included
        return {
            "name": self._name(),
            "registration_number": (
                self.personal.get("registration_number")
                if self.is_individual
                else included.registration_number
            ),
            "address": self.personal.get("address"),
            "email": self.personal.get("email"),
            "telephone": self.personal.get("telephone"),
            "oked_primary": included.activity.oked_primary,
            "oked_secondary": included.activity.oked_secondary,
            "kato": included.activity.kato,
            "capacity_per_year": included.product.capacity_per_year,
        }

    def _name(self) -> OfficialText | None:
        if not self.is_individual:
            return self.producer.name
        if "name_kk" not in self.personal:
            return None
        return OfficialText(kk=self.personal["name_kk"], ru=self.personal["name_ru"])
