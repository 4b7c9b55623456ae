"""What a producer tells for one entry and what is its own in all of them (order 327 para. 26)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.kernel.vault import seal
from services.register.contract.updates import UpdatedField
from services.register.domain.application import Application
from services.register.domain.entry import Entry
from services.register.domain.entry_state import EntryState
from services.register.domain.procedure import Procedure
from services.register.domain.producer import Producer
from services.register.domain.updating import Given, Update
from services.register.projections.entries import FoundEntry, included_of, rightly_of
from services.register.projections.personal import personal_values
from services.register.schema import VAULT

SHARED: Final[tuple[UpdatedField, ...]] = ("name", "registration_number")
"""The fields that are the producer's and so the same in all its entries."""


@dataclass
class Telling:
    """What a producer tells in one unit, of one entry and of the others that it concerns too."""

    work: Work
    producer: Producer
    act: Act
    procedure: Procedure

    def update(self, given: Given, at: datetime, then: EntryState, told_for: str | None = None) -> Update:
        """What is given beside what is held for the entry as it stands at an instant."""
        filed_by = self.work.load(Application, UUID(then.included.application_id)).filed_by
        with self.work.database.read() as connection:
            (personal,) = personal_values(connection, [(then, filed_by)])
        named = self.producer.named(
            then.producer, since=then.included_by, updated=then.stated.get("name"), at=at
        )
        return Update(given, then, named, personal, self.producer.renamed_at, told_for)

    def tell(self, entry: Entry, update: Update, at: datetime) -> Update:
        """Record it, with what goes into the vault beside it."""
        sealed = seal(update.confidential())
        entry.update(self.act, update, at, sealed.commitments, self.procedure.data_update(legal_date(at)))
        self.work.save(entry)
        self.work.write(VAULT.keeping(self.work.taken - 1, str(self.producer.id), sealed))
        return update

    def tell_of_all_others(self, told: Entry, shared: Given, since: datetime) -> None:
        """What is the producer's stands in all its entries from the same instant, also in those out."""
        others = self.work.rely_on(partial(included_of, producer_id=self.producer.id, or_out=True))
        for entry_id in sorted(others - {told.id}):
            entry = self.work.load(Entry, entry_id)
            at, then = entry.data_from(since)
            update = self.update(shared, at, then, str(told.id))
            if update.changed():
                self.tell(entry, update, at)

    def tell_included(self, included: Entry, filed_by: str) -> None:
        """What the producer told for its other entries since the filing `filed_by` stands in this one too.

        Facts' ids are UUIDv7: the greater id is the later one. The filing itself states the name of its day.
        """
        others = self.work.rely_on(partial(rightly_of, producer_id=self.producer.id))
        if not any(other.stated_by(field) > filed_by for other in others for field in SHARED):
            return
        with self.work.database.read() as connection:
            personal = personal_values(connection, [(other.state, other.filed_by) for other in others])
        stated = [(other, _shared(other, held)) for other, held in zip(others, personal, strict=True)]
        for field in SHARED:
            stating = [one for one in stated if getattr(one[1], field) is not None]
            last = max(stating, key=lambda one: _in_law(one[0], field, included), default=None)
            if last is None or last[0].stated_by(field) <= filed_by:
                continue
            source = last[0]
            at, then = included.data_from(source.state.stands_since(field)[0])
            told_for = None if source.entry_id == included.id else str(source.entry_id)
            update = self.update(Given(**{field: getattr(last[1], field)}), at, then, told_for)
            if update.changed():
                self.tell(included, update, at)


def _in_law(entry: FoundEntry, field: UpdatedField, included: Entry) -> tuple[datetime, bool, str]:
    """The order of values in law; what stands at one instant in several entries is another entry's first."""
    at, event_id = entry.state.stands_since(field)
    return at, entry.entry_id != included.id, event_id


def _shared(entry: FoundEntry, personal: Mapping[str, str]) -> Given:
    """What an entry says of its producer; of an individual what the vault holds."""
    if entry.producer.kind == "legal_entity":
        return Given(name=entry.producer.name, registration_number=entry.state.included.registration_number)
    name = None
    if "name_kk" in personal and "name_ru" in personal:
        name = OfficialText(kk=personal["name_kk"], ru=personal["name_ru"])
    return Given(name=name, registration_number=personal.get("registration_number"))
