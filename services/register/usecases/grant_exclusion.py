"""An officer excludes an entry whose producer asked for it (art. 51-6(3), order 327 para. 30(3))."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.register.domain.entry import Entry
from services.register.usecases.dossiers import load_dossier, save_dossier
from services.register.usecases.precondition import require_version


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantExclusion:
    """`version` is the one the officer saw; None skips the check."""

    entry_id: UUID
    version: int | None = None


def grant_exclusion(
    journal: Journal, command: GrantExclusion, act: Act, answer: AnswerKey | None = None
) -> Outcome[Entry]:
    """Exclude at the producer's own request; there is no appeal.

    Raises `NotFound`, `Stale`, and `Conflict` (`exclusion_not_requested`) when nobody asked.
    """
    return journal.transact(partial(_decide, command=command, act=act), answer=answer)


def _decide(work: Work, *, command: GrantExclusion, act: Act) -> Entry:
    entry = work.load(Entry, command.entry_id)
    require_version(entry, command.version)
    entry.must_be_requested()
    dossier = load_dossier(work, entry.state.producer.producer_id, entry.id, entry=entry)
    dossier.exclude(act, "own_request")
    dossier.clear(act)
    save_dossier(work, dossier)
    work.answer_with(entry)
    return entry
