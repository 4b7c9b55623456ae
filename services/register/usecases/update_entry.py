"""A producer brings its own data of an entry up to date (order 327 para. 26)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.register.domain.entry import Entry
from services.register.domain.procedure import Procedure
from services.register.domain.producer import Producer
from services.register.domain.updating import Given
from services.register.usecases.precondition import require_owner, require_version, still_active
from services.register.usecases.telling import Telling


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
    telling = Telling(work, producer, act, procedure)
    told = telling.tell(entry, telling.update(command.given, at, then), at)
    shared = command.given.of_producer(told.fields)
    if shared is not None:
        telling.tell_of_all_others(entry, shared, at)
    work.write(still_active(producer.id, known_by=producer.ref.bin))
    work.answer_with(entry)
    return entry
