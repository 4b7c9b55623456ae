"""Subscribe an endpoint: it gets a signed challenge, and events once it has answered."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from services.kernel.errors import Conflict
from services.kernel.journal.events import new_event_id
from services.notifications.adapters.sealing import SecretBox, seal_secrets
from services.notifications.delivery_tables import ENDPOINTS, JOBS
from services.notifications.domain.endpoint import UrlRules, parse_endpoint_url
from services.notifications.domain.filters import Filter, Reach, checked
from services.notifications.domain.secrets import Secrets, secret_given
from services.notifications.schema import DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.job_counts import count_cancelled
from services.notifications.usecases.own_events import CHALLENGE, HANDSHAKE, TEST, own_event
from services.notifications.usecases.queue_deliveries import WAITING, delivery_row, event_row, keep_events

_KINDS: Final = {CHALLENGE: "challenge", HANDSHAKE: "handshake", TEST: "test"}


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What an owner asks for; an absent bound means all of the register's events.

    `ordering` is `unordered` or `fifo`: of one subject's deliveries one after the other. At most
    `deliveries_per_minute` leave; None sets no bound. `consent` is how the endpoint is asked first.
    """

    url: str
    event_types: tuple[str, ...] = ()
    bin: str | None = None
    product_id: str | None = None
    status: str | None = None
    region: str | None = None
    track: str | None = None
    ordering: str = "unordered"
    deliveries_per_minute: int | None = None
    consent: str = "challenge"
    description: str | None = None
    secret: str | None = None

    @property
    def filter(self) -> Filter:
        """Which events are asked for."""
        return Filter(self.event_types, self.bin, self.product_id, self.status, self.region, self.track)


def check(asked: NewSubscription, urls: UrlRules, event_types: Mapping[str, Reach]) -> NewSubscription:
    """The request with its URL normalised, each type once, and the secret that will sign.

    Raises `Invalid` naming the field and the rule.
    """
    return replace(
        asked,
        url=parse_endpoint_url(asked.url, urls).text,
        event_types=checked(asked.filter, event_types).event_types,
        secret=secret_given(asked.secret).serialise(),
    )


def subscribe(
    connection: sa.Connection, owner: str, asked: NewSubscription, box: SecretBox, *, now: int, limit: int
) -> str:
    """Write a checked subscription, pending, and ask for consent; returns its id. `now` is in microseconds.

    Raises `Conflict` where the owner holds `limit` subscriptions; two at once count each other.
    """
    _one_at_a_time(connection, owner)
    held = connection.scalar(
        sa.select(sa.func.count())
        .select_from(SUBSCRIPTIONS)
        .where(SUBSCRIPTIONS.c.owner == owner, SUBSCRIPTIONS.c.state != "deleted")
    )
    if (held or 0) >= limit:
        raise Conflict("subscriptions_exhausted", limit=str(limit))
    subscription_id = new_event_id()
    connection.execute(
        sa.insert(SUBSCRIPTIONS).values(
            subscription_id=subscription_id,
            owner=owner,
            url=asked.url,
            event_types=" ".join(asked.event_types),
            bin=asked.bin,
            product_id=asked.product_id,
            status=asked.status,
            region=asked.region,
            track=asked.track,
            ordering=asked.ordering,
            deliveries_per_minute=asked.deliveries_per_minute,
            consent=asked.consent,
            description=asked.description,
            state="pending",
            created_at=now,
            **seal_secrets(box, Secrets(secret_given(asked.secret)), subscription_id),
        )
    )
    connection.execute(sa.insert(ENDPOINTS).values(subscription_id=subscription_id))
    ask_consent(connection, subscription_id, asked.consent, now=now)
    return subscription_id


def _one_at_a_time(connection: sa.Connection, owner: str) -> None:
    if connection.dialect.name == "postgresql":
        lock = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || :owner, 2))")
        connection.execute(lock, {"owner": owner})


def ask_consent(connection: sa.Connection, subscription_id: str, consent: str, *, now: int) -> None:
    """Queue a challenge or a handshake; one that waits or is under way asks no longer."""
    columns = DELIVERIES.c
    connection.execute(
        sa.update(DELIVERIES)
        .where(columns.subscription_id == subscription_id, columns.state == "pending")
        .where(columns.kind.in_(("challenge", "handshake")))
        .values(state="cancelled", lease=None, leased_until=0, lease_owner=None)
    )
    if consent == "handshake":
        _queue(connection, subscription_id, HANDSHAKE, {"consent": "handshake"}, now)
    else:
        _queue(connection, subscription_id, CHALLENGE, {"challenge": secrets.token_urlsafe(24)}, now)


def send_test(connection: sa.Connection, subscription_id: str, *, now: int) -> str:
    """Queue a signed test event; returns the delivery's id."""
    return _queue(connection, subscription_id, TEST, {"test": "true"}, now)


def _queue(
    connection: sa.Connection, subscription_id: str, type_name: str, data: dict[str, str], now: int
) -> str:
    event_id, body = own_event(type_name, subscription_id, data, now)
    keep_events(connection, [event_row(event_id, type_name, body)])
    row = delivery_row(subscription_id, event_id, _KINDS[type_name], now)
    connection.execute(sa.insert(DELIVERIES).values(row))
    return str(row["delivery_id"])


def unsubscribe(connection: sa.Connection, subscription_id: str, *, now: int) -> None:
    """End a subscription: what waits is cancelled; a POST under way may still arrive."""
    connection.execute(
        sa.update(SUBSCRIPTIONS)
        .where(SUBSCRIPTIONS.c.subscription_id == subscription_id)
        .values(state="deleted", state_reason="deleted_by_owner", version=SUBSCRIPTIONS.c.version + 1)
    )
    cancel_pending(connection, subscription_id, now=now)


def cancel_pending(connection: sa.Connection, subscription_id: str, *, now: int) -> None:
    """Cancel the job and every waiting delivery of a subscription that gets nothing more."""
    running = sa.and_(JOBS.c.subscription_id == subscription_id, JOBS.c.state == "running")
    connection.execute(sa.update(JOBS).where(running).values(state="cancelled", ended_at=now, trouble=None))
    count_cancelled(connection, subscription_id)
    connection.execute(
        sa.update(DELIVERIES)
        .where(DELIVERIES.c.subscription_id == subscription_id, DELIVERIES.c.state.in_(WAITING))
        .values(state="cancelled")
    )
