"""Where a producer can be reached besides its account."""

from __future__ import annotations

import sqlalchemy as sa

from services.notifications.channel_tables import CONTACTS
from services.notifications.projections.known import upsert


def learn_contact(connection: sa.Connection, producer_id: str, email: str) -> None:
    """Remember the e-mail address that a producer filed, told beside the event in confidence."""
    upsert(connection, CONTACTS, {"producer_id": producer_id, "email": email})


def forget_contact(connection: sa.Connection, producer_id: str) -> None:
    """Erase it; what waits for the address goes nowhere."""
    connection.execute(sa.delete(CONTACTS).where(CONTACTS.c.producer_id == producer_id))
