"""Where a producer can be reached besides its account: told in confidence, in no event, erasable."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from services.notifications.schema import PRODUCERS, VAULT


@dataclass(frozen=True, slots=True)
class Contact:
    """An individual's IIN and a producer's e-mail address, where they are known and not erased."""

    iin: str | None = None
    email: str | None = None


def learn_contacts(connection: sa.Connection, told: Mapping[str, Mapping[str, str]]) -> None:
    """Remember the `email` that a producer filed and an individual's `iin`, which the portal asks for."""
    VAULT.put(connection, told)


def contact_of(connection: sa.Connection, producer_id: str | None) -> Contact:
    """What is known of a producer; nothing for none."""
    if producer_id is None:
        return Contact()
    found = VAULT.of_subjects(connection, [producer_id]).get(producer_id, {})
    return Contact(found.get("iin"), found.get("email"))


def forget_contact(
    connection: sa.Connection, producer_id: str, position: int, kept: Collection[str] = ()
) -> None:
    """Erase it, as of a position of the register; what waits for the address goes nowhere.

    An address that was told before and is read only later is not learnt any more; a field told after the
    position stays, as the erasure was parked. Of the fields `kept` the newest value, filed since, stays, too.
    What stays does so under another key, as one key may have opened what goes, too.
    """
    columns = PRODUCERS.c
    own = columns.producer_id == producer_id
    query = sa.select(columns.identifier_told_at, columns.email_told_at).where(own)
    row = connection.execute(query).one_or_none()
    told_at = {"iin": row.identifier_told_at, "email": row.email_told_at} if row is not None else {}
    staying = {*kept, *(field for field, told in told_at.items() if (told or 0) > position)}
    found = VAULT.of_subjects(connection, [producer_id]).get(producer_id, {})
    VAULT.erase(connection, producer_id)
    values = {field: value for field, value in found.items() if field in staying}
    VAULT.put(connection, {producer_id: values} if values else {})
    if "email" not in staying:
        connection.execute(sa.update(PRODUCERS).where(own).values(email_told_at=position))
