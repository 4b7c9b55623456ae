"""What an erasure deletes beside the facts (law 418-V art. 36)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.units import Recorded, Write
from services.register.projections.trusted_listings import forget_holder
from services.register.schema import INDIVIDUALS, VAULT


def forgetting(producer_id: UUID) -> Write:
    """A unit's write that deletes every row about a producer that is no fold of the journal."""

    def forget(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        own = INDIVIDUALS.c.producer_id == producer_id
        numbers = list(connection.execute(sa.select(INDIVIDUALS.c.number).where(own)).scalars())
        forget_holder(connection, numbers)
        connection.execute(sa.delete(INDIVIDUALS).where(own))
        VAULT.erase(connection, str(producer_id))

    return forget
