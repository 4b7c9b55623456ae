"""Erasures of personal values as officers see them: what waits for a second officer, what came of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from services.register.contract.erasures import ErasureApproved, ErasureDeclined, ErasureProposed
from services.register.domain.erasure import ProposedErasure
from services.register.projections.proposals import Proposals, contents_in, proposal_table

ERASURES: Final = proposal_table("erasures", "erasure_id")
_DECODER: Final = msgspec.json.Decoder(ProposedErasure)


class Erasures(Proposals):
    """One row an erasure."""

    def __init__(self) -> None:
        super().__init__(
            ERASURES, proposed=ErasureProposed, approved=ErasureApproved, declined=ErasureDeclined
        )


def proposed_erasures(connection: sa.Connection, event_ids: Sequence[str]) -> dict[str, ProposedErasure]:
    """What is proposed, by the proposing event's id."""
    found = contents_in(connection, event_ids)
    return {event_id: _DECODER.decode(content) for event_id, content in found.items()}
