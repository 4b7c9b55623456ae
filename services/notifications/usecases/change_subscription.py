"""Change a subscription: edit what it asks for, pause it, let it go on, rotate its secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from services.kernel.errors import Conflict
from services.kernel.journal.events import from_microseconds
from services.notifications.adapters.sealing import SecretBox, SecretsUnreadable, open_secrets, seal_secrets
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.domain.secrets import Secrets, secret_given
from services.notifications.schema import DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.subscribe import NewSubscription, ask_consent, cancel_pending

EDITABLE: Final = (
    "url",
    "event_types",
    "bin",
    "product_id",
    "status",
    "region",
    "track",
    "ordering",
    "deliveries_per_minute",
    "consent",
    "description",
)


def as_asked(row: sa.RowMapping) -> NewSubscription:
    """What a subscription asks for now, without its secret."""
    values = {name: row[name] for name in EDITABLE}
    return NewSubscription(**{**values, "event_types": tuple(row["event_types"].split())})


def edit(connection: sa.Connection, row: sa.RowMapping, asked: NewSubscription, *, now: int) -> None:
    """Make a subscription what was asked and checked.

    What waits is delivered as it was queued; `ordering` counts for what is queued from now on. A new URL or
    way of consent is asked anew, and nothing under way to the former one can speak for it.
    """
    values: dict[str, object] = {name: getattr(asked, name) for name in EDITABLE}
    values["event_types"] = " ".join(asked.event_types)
    if (asked.url, asked.consent) == (row["url"], row["consent"]):
        _change(connection, row, values)
        return
    _forget_health(connection, row)
    _forget_under_way(connection, row)
    values |= {"consented_at": None, "allowed_per_minute": None, "failing_since": None}
    if row["state"] in ("pending", "active"):
        values["state"] = "pending"
        ask_consent(connection, row["subscription_id"], asked.consent, now=now)
    _change(connection, row, values)


def pause(connection: sa.Connection, row: sa.RowMapping, *, until: int) -> None:
    """Let deliveries wait, until an instant (microseconds) that ends the pause by disabling.

    Raises `Conflict` unless it is pending or active.
    """
    _require(row, "pending", "active")
    _change(connection, row, {"state": "paused", "state_reason": "paused_by_owner", "paused_until": until})


def resume(connection: sa.Connection, row: sa.RowMapping, *, now: int) -> None:
    """Let a paused or disabled subscription go on. Raises `Conflict` for another.

    After a pause what waited leaves; after having been disabled, or without consent, the endpoint is asked
    first, and what was cancelled meanwhile is the owner's to replay.
    """
    _require(row, "paused", "disabled")
    if row["state"] == "disabled":  # some was queued at the moment of its end
        cancel_pending(connection, row["subscription_id"], now=now)
    agreed = row["state"] == "paused" and row["consented_at"] is not None
    if not agreed:
        ask_consent(connection, row["subscription_id"], row["consent"], now=now)
    _forget_health(connection, row)
    state = "active" if agreed else "pending"
    after = {"state": state, "state_reason": None, "failing_since": None, "paused_until": None}
    _change(connection, row, after)


def rotate_secret(
    connection: sa.Connection,
    row: sa.RowMapping,
    box: SecretBox,
    *,
    secret: str | None,
    overlap: timedelta,
    now: int,
) -> bool:
    """Put a secret in force, made here where none is given; the former one signs on for `overlap`.

    False where the former one cannot be read any more, as its key is lost: it signs no more, and the new one
    is in force alone.
    """
    successor = secret_given(secret)
    try:
        held = open_secrets(box, row["secret"], row["former_secrets"], row["subscription_id"])
    except SecretsUnreadable:
        rotated, readable = Secrets(successor), False
    else:
        rotated, readable = held.rotated(successor, at=from_microseconds(now), overlap=overlap), True
    _change(connection, row, dict(seal_secrets(box, rotated, row["subscription_id"])))
    return readable


def _require(row: sa.RowMapping, *states: str) -> None:
    if row["state"] not in states:
        raise Conflict("subscription_state_forbids", state=row["state"], allowed=", ".join(states))


def _change(connection: sa.Connection, row: sa.RowMapping, values: Mapping[str, object]) -> None:
    connection.execute(
        sa.update(SUBSCRIPTIONS)
        .where(SUBSCRIPTIONS.c.subscription_id == row["subscription_id"])
        .values({**values, "version": row["version"] + 1})
    )


def _forget_health(connection: sa.Connection, row: sa.RowMapping) -> None:
    """The endpoint starts as a new one would: its owner has done something about it.

    Its row is held from here on: a claim under way has ended, and none begins before the change is made.
    """
    connection.execute(
        sa.update(ENDPOINTS)
        .where(ENDPOINTS.c.subscription_id == row["subscription_id"])
        .values(breaker="closed", failures=0, opened=0, not_before=0, at_once=None, warned=0, warned_at=0)
    )


def _forget_under_way(connection: sa.Connection, row: sa.RowMapping) -> None:
    """Whatever is being posted to the former URL is posted again, and its outcome there is not recorded.

    The endpoint's row must be held, or a claim that has read the former URL would keep its lease.
    """
    columns = DELIVERIES.c
    connection.execute(
        sa.update(DELIVERIES)
        .where(columns.subscription_id == row["subscription_id"], columns.lease.is_not(None))
        .values(lease=None, leased_until=0, lease_owner=None)
    )
