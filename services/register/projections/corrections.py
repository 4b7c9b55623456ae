"""Corrections of entries as officers see them: what waits for a second officer, what came of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.register.contract.corrections import CorrectionApproved, CorrectionDeclined, CorrectionProposed
from services.register.domain.correction import Proposed
from services.register.projections.proposals import Proposals, contents_in, proposal_table
from services.register.schema import VAULT

CORRECTIONS: Final = proposal_table("corrections", "correction_id")
_DECODER: Final = msgspec.json.Decoder(Proposed)


class Corrections(Proposals):
    """One row a correction."""

    def __init__(self) -> None:
        super().__init__(
            CORRECTIONS, proposed=CorrectionProposed, approved=CorrectionApproved, declined=CorrectionDeclined
        )


def proposed_in(connection: sa.Connection, event_ids: Sequence[str]) -> dict[str, Proposed]:
    """What is proposed, by the proposing event's id; erased ones are absent."""
    found = contents_in(connection, event_ids)
    return {event_id: _DECODER.decode(content) for event_id, content in found.items()}


def corrections_pending(connection: sa.Connection, producer_id: UUID) -> int:
    """How many corrections of a producer's entries wait for a second officer."""
    kept = VAULT.table.c
    proposals = sa.select(kept.event_id).where(kept.subject_id == str(producer_id))
    query = (
        sa.select(sa.func.count())
        .select_from(CORRECTIONS)
        .where(CORRECTIONS.c.status == "proposed", CORRECTIONS.c.proposal.in_(proposals))
    )
    return int(connection.execute(query).scalar_one())
