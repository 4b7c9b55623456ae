"""Let go of what workers that are gone had under way, without waiting for the ends of their leases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.runtime import nobody_holds

UNLEASED: Final[dict[str, object]] = {"lease": None, "leased_until": 0, "lease_owner": None}


def free_leases_of_the_gone(
    database: Database,
    table: sa.Table,
    presence_name: Callable[[str], str],
    owner: str,
    *among: sa.ColumnElement[bool],
) -> int:
    """Let go of a table's leases of workers that are gone, for the living worker `owner`; returns how many.

    `presence_name` is the election that a worker wins, alone, for as long as it lives; `among` narrows the
    rows. Owners are read first and looked for afterwards: a worker shows its presence before its first claim,
    so one that begins meanwhile is not taken for gone.
    """
    holder, keys = table.c.lease_owner, list(table.primary_key.columns)
    with database.read() as connection:
        seen = list(connection.execute(sa.select(holder).where(holder != owner, *among).distinct()).scalars())
    if not seen:
        return 0
    with database.write() as connection:
        gone = [other for other in seen if nobody_holds(connection, database, presence_name(other))]
        held = sa.select(*keys).where(holder.in_(gone), *among).with_for_update(skip_locked=True)
        freed = sa.update(table).where(sa.tuple_(*keys).in_(held)).values(UNLEASED)
        return connection.execute(freed).rowcount
