"""What an erasure deletes beside the facts (law 418-V art. 36)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.units import Recorded, Write
from services.register.projections.trusted_listings import forget_holder
from services.register.schema import INDIVIDUALS, VAULT


def forgetting(producer_id: UUID) -> Write:
    """A unit's write that deletes every row about a producer that is no fold of the journal."""

    def forget(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        _forget_number(connection, producer_id)
        VAULT.erase(connection, str(producer_id))

    return forget


def forgetting_under(producer_id: UUID, keys: Collection[str]) -> Write:
    """A unit's write that deletes what stands under some keys: what the producer filed since stays.

    By its number it is found as long as it has filed one since.
    """

    def forget(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        VAULT.erase(connection, str(producer_id), keys=keys)
        if "iin" not in VAULT.fields_of(connection, str(producer_id)):
            _forget_number(connection, producer_id)

    return forget


def _forget_number(connection: sa.Connection, producer_id: UUID) -> None:
    own = INDIVIDUALS.c.producer_id == producer_id
    numbers = list(connection.execute(sa.select(INDIVIDUALS.c.number).where(own)).scalars())
    forget_holder(connection, numbers)
    connection.execute(sa.delete(INDIVIDUALS).where(own))
