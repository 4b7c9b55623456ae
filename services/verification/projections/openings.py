"""Which facts of the register opened a producer's cases: what they told of it stands under the openings."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from services.kernel.journal.events import Header
from services.verification.projections.cases import CASES
from services.verification.schema import JOURNAL


def openings_caused_by(connection: sa.Connection, producer_id: str, facts: Collection[str]) -> set[str]:
    """The event ids of those openings of its cases that some facts of the register, by id, caused."""
    events = JOURNAL.events.c
    query = (
        sa.select(events.record)
        .join(CASES, CASES.c.case_id == events.stream_id)
        .where(CASES.c.producer_id == producer_id, events.stream_version == 1)
    )
    headers = [msgspec.json.decode(bytes(record), type=Header) for record in connection.scalars(query)]
    return {header.id for header in headers if header.causationid in facts}
