"""Idempotency without a journal: the key is stored in the transaction of what it acknowledges."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.errors import DomainError, Invalid, Unavailable
from services.kernel.journal.events import microseconds
from services.kernel.journal.units import AnswerKey
from services.notifications.schema import IDEMPOTENCY_KEYS


def once(
    database: Database, clock: Clock, answer: AnswerKey, act: Callable[[sa.Connection], str]
) -> tuple[str, bool]:
    """Run `act`, which returns the id of what it made, unless the key is known; returns id and replayed.

    Raises `Invalid` (`idempotency_key_reused`) for a known key with another body and `Unavailable` when the
    store cannot answer. Of two at once the second waits for the first and gets its answer, also where what
    the first did refuses it.
    """
    for _attempt in range(2):
        try:
            with database.write() as connection:
                known = _known(connection, answer)
                if known is not None:
                    return known, True
                resource = act(connection)
                connection.execute(
                    sa.insert(IDEMPOTENCY_KEYS).values(
                        principal=answer.principal,
                        operation=answer.operation,
                        key=answer.key,
                        body_digest=answer.body_digest,
                        resource=resource,
                        stored_at=microseconds(clock.now()),
                    )
                )
                return resource, False
        except sa.exc.IntegrityError:
            continue  # the same key was committed meanwhile; read its answer
        except DomainError:
            if (first := _known_now(database, answer)) is None:
                raise
            return first, True  # it is the first one's own effect that refused the second
        except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
            raise Unavailable("store_unavailable") from error
    raise Unavailable("store_unavailable")


def _known_now(database: Database, answer: AnswerKey) -> str | None:
    try:
        with database.read() as connection:
            return _known(connection, answer)
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        raise Unavailable("store_unavailable") from error


def _known(connection: sa.Connection, answer: AnswerKey) -> str | None:
    columns = IDEMPOTENCY_KEYS.c
    row = connection.execute(
        sa.select(columns.body_digest, columns.resource).where(
            columns.principal == answer.principal,
            columns.operation == answer.operation,
            columns.key == answer.key,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.body_digest != answer.body_digest:
        raise Invalid("idempotency_key_reused")
    return str(row.resource)
