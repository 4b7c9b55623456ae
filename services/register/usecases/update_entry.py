"""A producer brings its own data of an entry up to date (order 327 para. 26)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.entry import Entry
from services.register.domain.procedure import Procedure
from services.register.domain.producer import Producer
from services.register.domain.updating import Given, Update
from services.register.projections.entries import filings_of
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
    """Record what changed, in time or late.

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
    with work.database.read() as connection:
        application_id = UUID(then.included.application_id)
        filed_by, _ = filings_of(connection, [application_id])[application_id]
        (personal,) = personal_values(connection, [(then, filed_by)])
    named = producer.named(then.producer, since=then.included_by, updated=then.stated.get("name"), at=at)
    update = Update(command.given, then, named, personal, producer.renamed_at)
    sealed = seal(update.confidential())
    before = entry.version
    entry.update(act, update, at, sealed.commitments, procedure.data_update(legal_date(at)))
    work.save(entry)
    work.write(still_active(producer.id, known_by=producer.ref.bin))
    work.write(VAULT.keeping(entry.version - before - 1, producer_id, sealed))
    work.answer_with(entry)
    return entry
