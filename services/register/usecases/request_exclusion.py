"""A producer asks for its own exclusion (law 86-VII art. 51-6(3), order 327 para. 30)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.entry import Entry
from services.register.domain.procedure import Procedure, automatically
from services.register.schema import VAULT
from services.register.usecases.dossiers import load_dossier, save_dossier
from services.register.usecases.precondition import require_owner


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExclusion:
    """`by` is the BIN or IIN that the caller acts for; the reason is the producer's own text."""

    entry_id: UUID
    by: str | None
    reason: str | None = None


def request_exclusion(
    journal: Journal,
    command: RequestExclusion,
    act: Act,
    procedure: Procedure,
    answer: AnswerKey | None = None,
) -> Outcome[Entry]:
    """Record the request, and the exclusion with it where that step waits for no officer.

    Raises `NotFound`, `Forbidden` (`not_yours`), and `Conflict` for an entry that is not in the register.
    """
    decide = partial(_decide, command=command, act=act, procedure=procedure)
    return journal.transact(decide, answer=answer)


def _decide(work: Work, *, command: RequestExclusion, act: Act, procedure: Procedure) -> Entry:
    entry = work.load(Entry, command.entry_id)
    producer_id = entry.state.producer.producer_id
    require_owner(work, producer_id, command.by)
    sealed = seal({"reason": command.reason} if command.reason else {})
    requested = entry.request_exclusion(act, sealed.commitments, procedure.own_request(act.at))
    work.save(entry)
    work.write(VAULT.keeping(0, producer_id, sealed))
    if "own_request" in procedure.automatic:
        dossier = load_dossier(work, producer_id, entry.id, entry=entry)
        follows = automatically(act, requested)
        dossier.exclude(follows, "own_request")
        dossier.clear(follows)
        save_dossier(work, dossier)
    work.answer_with(entry)
    return entry
