"""An officer proposes to correct a recorded fact of an entry (order 327 para. 5); a second one decides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.correction import Correction, Proposed
from services.register.domain.entry import Entry
from services.register.projections.products import product_named
from services.register.projections.proposals import encoded
from services.register.schema import VAULT
from services.register.usecases.precondition import require_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeCorrection:
    """`version` is the entry's that the officer saw; None skips the check."""

    proposed: Proposed
    version: int | None = None


def propose_correction(
    journal: Journal, command: ProposeCorrection, act: Act, answer: AnswerKey | None = None
) -> Outcome[Correction]:
    """Record the proposal; what it says stays in the vault, among what is kept of the producer.

    Raises `NotFound` (`entry_unknown`), `Stale`, and what `correction.check` and `require_free_name` raise.
    """
    return journal.transact(partial(_decide, command=command, act=act), answer=answer)


def _decide(work: Work, *, command: ProposeCorrection, act: Act) -> Correction:
    proposed = command.proposed
    entry = work.load(Entry, UUID(proposed.entry_id))
    require_version(entry, command.version)
    entry.check_correction(act, proposed)
    require_free_name(work, entry, proposed)
    sealed = seal(encoded(proposed))
    correction = Correction(new_stream_id())
    correction.propose(act, sealed.commitments)
    work.save(correction)
    work.write(VAULT.keeping(0, entry.state.producer.producer_id, sealed))
    work.answer_with(correction)
    return correction


def require_free_name(work: Work, entry: Entry, proposed: Proposed) -> None:
    """Raise `Conflict` (`product_name_taken`) where another product of the producer bears the new name."""
    if proposed.product is None:
        return
    with work.database.read() as connection:
        other = product_named(
            connection, UUID(entry.state.producer.producer_id), proposed.product.name, but=entry.id
        )
    if other is not None:
        raise Conflict("product_name_taken", state="another product", allowed="another name")
