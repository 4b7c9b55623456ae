"""Erasures followed: whose copies are erased here, in the transaction of the position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from services.kernel.feed.following import Foreign
from services.kernel.journal.events import Event
from services.notifications.projections.contacts import forget_contact
from services.notifications.projections.known import forget_holders, forget_individual
from services.register.contract import erasures as register
from services.verification.contract import erasures as verification


def _producer_erased(connection: sa.Connection, foreign: Foreign) -> None:
    data = foreign.fact.data
    assert isinstance(data, register.PersonalDataErased)
    position = foreign.upstream.position
    if "iin" not in data.kept:
        forget_individual(connection, data.producer_id, position)
    forget_contact(connection, data.producer_id, position, data.kept)


def _listings_erased(connection: sa.Connection, foreign: Foreign) -> None:
    data = foreign.fact.data
    assert isinstance(data, verification.PersonalDataErased)
    forget_holders(connection, data.listing_ids)


FORGETTING: Final[dict[type[Event], Callable[[sa.Connection, Foreign], None]]] = {
    register.PersonalDataErased: _producer_erased,
    verification.PersonalDataErased: _listings_erased,
}
