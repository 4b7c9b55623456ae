"""A producer brings its own data of an entry up to date (order 327 para. 26)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.entry import Entry
from services.register.domain.entry_state import EntryState
from services.register.domain.procedure import Procedure
from services.register.domain.producer import Producer
from services.register.domain.updating import Given, Update
from services.register.projections.entries import filings_of, included_of
from services.register.projections.personal import personal_values
from services.register.schema import VAULT
from services.register.usecases.precondition import require_owner, require_version, still_active


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateEntry:
    """`by` is the BIN or IIN that the caller acts for, `version` the entry's that it saw."""

    entry_id: UUID
    by: str | None
    given: Given
    version: int | None = None


def update_entry(
    journal: Journal,
    command: UpdateEntry,
    act: Act,
    procedure: Procedure,
    answer: AnswerKey | None = None,
) -> Outcome[Entry]:
    """Record what changed, in time or late; what is the producer's for all its entries.

    Raises `NotFound`, `Forbidden` (`not_yours`), `Stale` (`version_stale`), `Conflict` (`entry_not_included`)
    and `Invalid` where nothing changes or the day cannot be.
    """
    decide = partial(_decide, command=command, act=act, procedure=procedure)
    return journal.transact(decide, answer=answer)


def _decide(work: Work, *, command: UpdateEntry, act: Act, procedure: Procedure) -> Entry:
    entry = work.load(Entry, command.entry_id)
    producer_id = entry.state.producer.producer_id
    require_owner(work, producer_id, command.by)
    require_version(entry, command.version)
    producer = work.load(Producer, UUID(producer_id))
    at, then = entry.data_for(command.given, act.at)
    telling = _Telling(work, producer, act, procedure)
    told = telling.tell(entry, telling.update(command.given, at, then), at)
    shared = command.given.of_producer(told.fields)
    if shared is not None:
        telling.tell_of_all_others(entry, shared, at)
    work.write(still_active(producer.id, known_by=producer.ref.bin))
    work.answer_with(entry)
    return entry


@dataclass
class _Telling:
    """What a producer tells in one unit, of one entry and of the others that it concerns too."""

    work: Work
    producer: Producer
    act: Act
    procedure: Procedure
    recorded: int = 0

    def update(self, given: Given, at: datetime, then: EntryState, told_for: str | None = None) -> Update:
        """What is given beside what is held for the entry as it stands at an instant."""
        with self.work.database.read() as connection:
            application_id = UUID(then.included.application_id)
            filed_by, _ = filings_of(connection, [application_id])[application_id]
            (personal,) = personal_values(connection, [(then, filed_by)])
        named = self.producer.named(
            then.producer, since=then.included_by, updated=then.stated.get("name"), at=at
        )
        return Update(given, then, named, personal, self.producer.renamed_at, told_for)

    def tell(self, entry: Entry, update: Update, at: datetime) -> Update:
        """Record it, with what goes into the vault beside it."""
        sealed, before = seal(update.confidential()), entry.version
        entry.update(self.act, update, at, sealed.commitments, self.procedure.data_update(legal_date(at)))
        self.work.save(entry)
        self.recorded += entry.version - before
        self.work.write(VAULT.keeping(self.recorded - 1, str(self.producer.id), sealed))
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
