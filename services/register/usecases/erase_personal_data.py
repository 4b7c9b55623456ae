"""An officer erases what the register keeps of a producer besides its facts (law 418-V art. 36)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import sqlalchemy as sa

from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey, Recorded
from services.register.contract.erasures import ErasureReason
from services.register.domain.producer import Producer
from services.register.projections.applications import products_pending
from services.register.projections.entries import appealed_of, included_of
from services.register.projections.trusted_listings import forget_holder
from services.register.schema import INDIVIDUALS, VAULT
from services.register.usecases.precondition import require_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePersonalData:
    """`version` is the one the officer saw; `basis` the provision that the erasure rests on."""

    producer_id: UUID
    reason: ErasureReason
    basis: str
    version: int | None = None


def erase_personal_data(
    journal: Journal, command: ErasePersonalData, act: Act, answer: AnswerKey | None = None
) -> Outcome[Producer]:
    """Record the erasure, delete the values with it, and destroy the keys that opened them.

    A crash after the fact leaves the keys doomed; the background task destroys them. Raises `NotFound`,
    `Stale`, and `Conflict`: `erasure_while_published` while a product is in the register, whose producer's
    values are public (order 327 para. 5, Appendix 1), `erasure_while_pending` while an application or appeal
    waits for its decision, `nothing_to_erase`.
    """
    outcome = journal.transact(partial(_decide, command=command, act=act), answer=answer)
    VAULT.destroy_doomed(journal.database)
    return outcome


@dataclass(frozen=True, slots=True)
class _Held:
    """What stands in the way of an erasure, and what there is to erase."""

    included: bool
    pending: bool
    fields: tuple[str, ...]


def _held(connection: sa.Connection, producer_id: UUID) -> _Held:
    return _Held(
        included=bool(included_of(connection, producer_id)),
        pending=bool(products_pending(connection, producer_id) or appealed_of(connection, producer_id)),
        fields=VAULT.fields_of(connection, str(producer_id)),
    )


def _decide(work: Work, *, command: ErasePersonalData, act: Act) -> Producer:
    producer = work.load(Producer, command.producer_id)
    require_version(producer, command.version)
    held = work.rely_on(partial(_held, producer_id=producer.id))
    if held.included:
        raise Conflict("erasure_while_published")
    if held.pending:
        raise Conflict("erasure_while_pending")
    producer.erase(act, fields=held.fields, reason=command.reason, basis=command.basis)
    work.save(producer)
    work.write(_Forget(producer.id))
    work.answer_with(producer)
    return producer


@dataclass(frozen=True, slots=True)
class _Forget:
    """A unit's write that deletes every row about a producer that is no fold of the journal."""

    producer_id: UUID

    def __call__(self, connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        own = INDIVIDUALS.c.producer_id == self.producer_id
        numbers = list(connection.execute(sa.select(INDIVIDUALS.c.number).where(own)).scalars())
        forget_holder(connection, numbers)
        connection.execute(sa.delete(INDIVIDUALS).where(own))
        VAULT.erase(connection, str(self.producer_id))
