"""An officer proposes to erase what is kept of a producer besides its facts (law 418-V art. 36)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.erasure import Erasure, ProposedErasure
from services.register.domain.producer import Producer
from services.register.projections.proposals import encoded
from services.register.schema import VAULT
from services.register.usecases.precondition import held_of, require_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeErasure:
    """`version` is the producer's that the officer saw; None skips the check."""

    proposed: ProposedErasure
    version: int | None = None


def propose_erasure(
    journal: Journal, command: ProposeErasure, act: Act, answer: AnswerKey | None = None
) -> Outcome[Erasure]:
    """Record the proposal; nothing is erased before another officer approves it.

    Raises `NotFound` (`producer_unknown`), `Stale`, and what `Held.must_be_erasable` raises.
    """
    return journal.transact(partial(_decide, command=command, act=act), answer=answer)


def _decide(work: Work, *, command: ProposeErasure, act: Act) -> Erasure:
    producer = work.load(Producer, UUID(command.proposed.producer_id))
    require_version(producer, command.version)
    held_of(work, producer.id).must_be_erasable()
    sealed = seal(encoded(command.proposed))
    erasure = Erasure(new_stream_id())
    erasure.propose(act, sealed.commitments)
    work.save(erasure)
    work.write(VAULT.keeping(0, str(erasure.id), sealed))
    work.answer_with(erasure)
    return erasure
