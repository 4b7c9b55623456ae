"""A second officer approves or declines an erasure (law 418-V art. 36)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.erasure import Erasure, ProposedErasure
from services.register.domain.producer import Producer
from services.register.projections.erasures import proposed_erasures
from services.register.projections.proposals import encoded_reasons
from services.register.schema import VAULT
from services.register.usecases.forgetting import forgetting
from services.register.usecases.precondition import held_of, require_version


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideErasure:
    """`declined_for` states why it is declined, None approves; `version` is the one the officer saw."""

    erasure_id: UUID
    declined_for: OfficialText | None = None
    version: int | None = None


def decide_erasure(
    journal: Journal, command: DecideErasure, act: Act, answer: AnswerKey | None = None
) -> Outcome[Erasure]:
    """Record the decision; with an approval delete the values and destroy the keys that opened them.

    A crash after the fact leaves the keys doomed; the background task destroys them. Raises `NotFound`,
    `Stale`, `Forbidden` (`own_proposal`), `Conflict` (`erasure_decided`), and for an approval
    `proposal_erased` and what `Held.must_be_erasable` raises.
    """
    outcome = journal.transact(partial(_decide, command=command, act=act), answer=answer)
    if command.declined_for is None:
        VAULT.destroy_doomed(journal.database)
    return outcome


def _decide(work: Work, *, command: DecideErasure, act: Act) -> Erasure:
    erasure = work.load(Erasure, command.erasure_id)
    require_version(erasure, command.version)
    if command.declined_for is None:
        _approve(work, erasure, act)
    else:
        _decline(work, erasure, act, command.declined_for)
    work.answer_with(erasure)
    return erasure


def _decline(work: Work, erasure: Erasure, act: Act, reasons: OfficialText) -> None:
    """The reasons are about the producer, so that a later erasure reaches them."""
    proposed = _found(work, erasure)
    subject = str(erasure.id) if proposed is None else proposed.producer_id
    sealed = seal(encoded_reasons(reasons))
    erasure.decline(act, sealed.commitments)
    work.save(erasure)
    work.write(VAULT.keeping(0, subject, sealed))


def _approve(work: Work, erasure: Erasure, act: Act) -> None:
    erasure.must_be_anothers(act)
    proposed = _found(work, erasure)
    if proposed is None:
        raise Conflict("proposal_erased", allowed="refusal")
    producer = work.load(Producer, UUID(proposed.producer_id))
    authors = erasure.approve(act, producer.id)
    held = held_of(work, producer.id)
    held.must_be_erasable()
    producer.erase(act, proposed, authors, fields=held.fields)
    work.save(erasure, producer)
    work.write(forgetting(producer.id))


def _found(work: Work, erasure: Erasure) -> ProposedErasure | None:
    with work.database.read() as connection:
        return proposed_erasures(connection, [erasure.proposal.id]).get(erasure.proposal.id)
