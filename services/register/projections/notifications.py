"""Notifications as officers see them: what waits, what runs out, what came of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.events import Event, microseconds
from services.kernel.journal.rows import Prepared, Row
from services.kernel.journal.units import Recorded
from services.register.contract.events import (
    NotificationKind,
    NotificationReceived,
    NotificationReturned,
    NotificationSettled,
    TermMissed,
)
from services.register.domain.notification import NotificationState, NotificationStatus, evolved, folded
from services.register.projections.facts import facts_until
from services.register.projections.moments import Moment, counting
from services.register.projections.parts import AT_ONCE
from services.register.projections.state_fold import StateFold
from services.register.schema import METADATA

NOTIFICATIONS: Final = sa.Table(
    "notifications",
    METADATA,
    sa.Column("notification_id", sa.Uuid, primary_key=True),
    sa.Column("first_position", BigInt, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("producer_id", sa.Uuid, nullable=False),
    sa.Column("product_id", sa.Uuid, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("position", BigInt, nullable=False),
    sa.Column("counts_from", BigInt, nullable=True),
    sa.Index("notifications_status", "status", "first_position"),
    sa.Index("notifications_product", "product_id", "status"),
    sa.Index("notifications_producer", "producer_id", "status"),
)
"""`first_position` is that of the first receipt: the order of lists. From the instant `counts_from` on
(microseconds since 1970, UTC) the row also answers about any past that knows its last fact; null where facts
were not recorded in the order in which they count."""

_KINDS: Final = (NotificationReceived, NotificationReturned, NotificationSettled)
LOOKED_AT: Final = 2_000
"""Of so many notifications that stand otherwise now one page of a past makes out the status they had."""
_DECODER: Final = msgspec.json.Decoder(NotificationState)


class Notifications(StateFold[NotificationState]):
    """One row a notification."""

    kinds: ClassVar[frozenset[type[Event]]] = frozenset({*_KINDS, TermMissed})

    def __init__(self) -> None:
        super().__init__(NOTIFICATIONS, NotificationState)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The notification itself; a missed term unless it is an entry's."""
        data = recorded.fact.data
        own_term = isinstance(data, TermMissed) and data.term.name != "own_request"
        return (recorded.fact.originator_id,) if own_term or isinstance(data, _KINDS) else ()

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact, and from when it holds for a past too."""
        at = microseconds(recorded.fact.effective_at)
        before = row["counts_from"] if row else at
        in_order = before is not None and before <= at
        return {**super().evolve(key, row, recorded), "counts_from": at if in_order else None}

    def evolved(self, state: NotificationState | None, recorded: Recorded) -> NotificationState:
        """The notification after the fact."""
        return evolved(state, recorded.fact)

    def columns(self, state: NotificationState) -> Row:
        """What lists filter by."""
        return {
            "kind": state.content.kind,
            "status": state.status,
            "producer_id": UUID(state.content.producer.producer_id),
            "product_id": UUID(state.content.product_id),
        }


@dataclass(frozen=True, slots=True)
class FoundNotification:
    """A notification, its version (0 in a past) and its place in the list."""

    state: NotificationState
    version: int
    first_position: int


def list_notifications(
    connection: sa.Connection,
    *,
    status: NotificationStatus | None,
    kind: NotificationKind | None,
    after: int,
    limit: int,
) -> tuple[list[FoundNotification], int | None]:
    """At most `limit` notifications first received behind position `after`, oldest first.

    Also behind which position to go on; None behind the last.
    """
    columns = NOTIFICATIONS.c
    query = (
        sa.select(columns.state, columns.version, columns.first_position)
        .where(columns.first_position > after)
        .order_by(columns.first_position)
        .limit(limit + 1)
    )
    if status is not None:
        query = query.where(columns.status == status)
    if kind is not None:
        query = query.where(columns.kind == kind)
    rows = connection.execute(query).all()
    found = [FoundNotification(_DECODER.decode(bytes(row[0])), row[1], row[2]) for row in rows[:limit]]
    return found, found[-1].first_position if len(rows) > limit else None


def notification_at(
    connection: sa.Connection, notification_id: UUID, moment: Moment
) -> NotificationState | None:
    """A notification at a moment; None before its receipt."""
    return _states_at(connection, [notification_id], moment).get(notification_id)


def list_at(
    connection: sa.Connection,
    moment: Moment,
    *,
    status: NotificationStatus | None,
    kind: NotificationKind | None,
    after: int,
    limit: int,
) -> tuple[list[FoundNotification], int | None]:
    """At most `limit` notifications as they stood at a moment, and behind which position to go on.

    Those that stand now as they stood then are found by their status; of the others a page makes out the
    status that was of `LOOKED_AT`, and may hold fewer than there are. None when nothing is left.
    """
    columns = NOTIFICATIONS.c
    still = sa.and_(columns.counts_from <= moment.valid_at, columns.position <= moment.known_at)
    query = (
        sa.select(
            columns.notification_id,
            columns.first_position,
            sa.case((still, columns.state), else_=sa.null()).label("state"),
        )
        .where(columns.first_position > after, columns.first_position <= moment.known_at)
        .order_by(columns.first_position)
        .limit(LOOKED_AT)
    )
    if kind is not None:
        query = query.where(columns.kind == kind)
    if status is not None:
        query = query.where(
            sa.or_(
                columns.status == status,
                columns.counts_from.is_(None),
                columns.counts_from > moment.valid_at,
                columns.position > moment.known_at,
            )
        )
    rows = connection.execute(query).all()
    found: list[FoundNotification] = []
    for start in range(0, len(rows), AT_ONCE):
        for place, state in _stood(connection, rows[start : start + AT_ONCE], moment):
            if state is None or status not in (None, state.status):
                continue
            if len(found) == limit:
                return found, found[-1].first_position
            found.append(FoundNotification(state, 0, place))
    return found, rows[-1].first_position if len(rows) == LOOKED_AT else None


def _stood(
    connection: sa.Connection, rows: Sequence[sa.Row[Any, Any, Any]], moment: Moment
) -> list[tuple[int, NotificationState | None]]:
    """Each row's place and the state at the moment: the row's own where it is the same, else folded."""
    others = _states_at(connection, [row.notification_id for row in rows if row.state is None], moment)
    return [
        (
            row.first_position,
            others.get(row.notification_id) if row.state is None else _DECODER.decode(bytes(row.state)),
        )
        for row in rows
    ]


def _states_at(
    connection: sa.Connection, notification_ids: Sequence[UUID], moment: Moment
) -> dict[UUID, NotificationState]:
    known = facts_until(connection, notification_ids, moment.known_at)
    made = {key: folded(counting(facts, moment.valid_at)) for key, facts in known.items()}
    return {key: state for key, state in made.items() if state is not None}


_OPEN_FOR_PRODUCT: Final = Prepared(
    sa.select(NOTIFICATIONS.c.notification_id)
    .where(NOTIFICATIONS.c.product_id == sa.bindparam("product_id"), NOTIFICATIONS.c.status != "settled")
    .order_by(NOTIFICATIONS.c.first_position)
)


def open_for_product(connection: sa.Connection, product_id: UUID) -> list[UUID]:
    """The notifications on a product that nothing has come of yet, oldest first."""
    return _OPEN_FOR_PRODUCT.first_column(connection, product_id=product_id)


def products_with_open(connection: sa.Connection, producer_id: UUID) -> set[UUID]:
    """The products of a producer with notifications that nothing has come of yet."""
    columns = NOTIFICATIONS.c
    found = connection.execute(
        sa.select(columns.product_id).where(columns.producer_id == producer_id, columns.status != "settled")
    )
    return set(found.scalars())
