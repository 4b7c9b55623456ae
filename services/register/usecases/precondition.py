"""What must hold when a decision is taken, and still when it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from eventsourcing import persistence

from services.kernel.errors import Forbidden, NotFound, Stale
from services.kernel.journal.aggregate import Aggregate
from services.kernel.journal.journal import Work
from services.kernel.journal.rows import Prepared
from services.kernel.journal.units import Recorded, Write
from services.register.domain.erasure import Held
from services.register.projections.applications import products_pending
from services.register.projections.corrections import corrections_pending
from services.register.projections.entries import appealed_of, included_of
from services.register.projections.notifications import products_with_open
from services.register.projections.producers import PRODUCERS, acting_producer, producer_of
from services.register.schema import VAULT

_ENDING: Final = Prepared(
    sa.select(PRODUCERS.c.ceased, PRODUCERS.c.bin).where(
        PRODUCERS.c.producer_id == sa.bindparam("producer_id")
    )
)


def require_version(aggregate: Aggregate, expected: int | None) -> None:
    """Raise `Stale` (`version_stale`) unless the officer decided on the present version."""
    if expected is not None and expected != aggregate.version:
        raise Stale("version_stale", expected=str(expected), present=str(aggregate.version))


def require_owner(work: Work, producer_id: str, number: str | None) -> None:
    """Raise `Forbidden` (`not_yours`) unless the caller acts for this producer's present BIN or IIN."""
    with work.database.read() as connection:
        owner = acting_producer(connection, number) if number is not None else None
    if owner is None or str(owner) != producer_id:
        raise Forbidden("not_yours")


def known_producer(work: Work, number: str) -> UUID:
    """The producer with this BIN, present or former. Raises `NotFound` (`producer_unknown`)."""
    with work.database.read() as connection:
        found = producer_of(connection, number)
    if found is None:
        raise NotFound("producer_unknown")
    return found


def still_active(producer_id: UUID, *, known_by: str | None = None) -> Write:
    """A write that lets the unit commit only while the producer has not ended.

    With `known_by` it must also still have that BIN: a transformation ends what is done under the former one.
    Filing, appeal, inclusion read the producer and write their own streams; its end writes the producer and
    reads theirs. Each checks again under the ordering lock, so neither can pass the other by; a failed check
    decides anew.
    """

    def check(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        ((ceased, present),) = _ENDING.all(connection, producer_id=producer_id)
        if ceased is not None or (known_by is not None and present != known_by):
            raise persistence.IntegrityError("the producer ended or was transformed meanwhile")

    return check


def still_found_by(number: str, producer_id: UUID) -> Write:
    """A write that lets an individual's unit commit only while its IIN names the producer.

    An erasure ends that without a trace in the streams the unit writes; a failed check decides anew.
    """

    def check(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        if producer_of(connection, number) != producer_id:
            raise persistence.IntegrityError("the producer's values were erased meanwhile")

    return check


def nothing_left(producer_id: UUID) -> Write:
    """A write that lets the unit commit only when no entry, application or appeal of the producer is left."""

    def check(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        left = (included_of, products_pending, appealed_of)
        if any(found(connection, producer_id) for found in left):
            raise persistence.IntegrityError("the producer's entries changed meanwhile")

    return check


def held_of(work: Work, producer_id: UUID) -> Held:
    """What is kept of a producer and what stands in the way of erasing it, still so when committed."""

    def read(connection: sa.Connection) -> Held:
        waiting = (products_pending, appealed_of, products_with_open, corrections_pending)
        return Held(
            included=bool(included_of(connection, producer_id)),
            pending=any(found(connection, producer_id) for found in waiting),
            fields=VAULT.fields_of(connection, str(producer_id)),
        )

    return work.rely_on(read)
