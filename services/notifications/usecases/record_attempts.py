"""Record what came of tries, many in one transaction, and what follows from each.

Endpoints' rows are taken in order, subscription first, so that neither a claim nor an owner's command waits
in a circle with a recorder.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds, microseconds
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.domain.consent import ALLOWED_ORIGIN, ALLOWED_RATE, Permission, permission
from services.notifications.domain.health import Health, after_failure, after_success, given_up, warning_due
from services.notifications.domain.retry import (
    Disabled,
    Exhausted,
    Outcome,
    Verdict,
    classify,
    next_attempt,
)
from services.notifications.schema import ATTEMPTS, DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.attempt_rows import Made, attempt_row
from services.notifications.usecases.deliver import ASKING, Claimed
from services.notifications.usecases.disable import Reason, disable, first_missed
from services.notifications.usecases.job_counts import JobCounts
from services.notifications.usecases.operational import (
    DELIVERY_EXHAUSTED,
    DELIVERY_RECOVERED,
    ENDPOINT_FAILING,
    tell_owner,
)
from services.notifications.usecases.own_events import challenge_in
from services.notifications.usecases.queue_deliveries import AGAIN, OWN, OWN_KINDS, WAITING, next_in_line


@dataclass(slots=True)
class _Endpoint:
    """An endpoint's row as it stands while outcomes are written."""

    state: str
    health: Health


def record_attempts(
    database: Database, made: Sequence[Made], *, now: int, rng: random.Random, widest: int, origin: str = ""
) -> list[str | None]:
    """Write tries and what follows; returns each delivery's state, None where its lease was lost.

    What was cancelled while its POST was under way stays so, unless it arrived. `widest` is how many tries an
    endpoint in full health may have under way, `origin` who a handshake's answer has to allow.
    """
    with database.write() as connection:
        endpoints = _held(connection, sorted({one.claimed.subscription_id for one in made}))
        leased = _still_leased(connection, made)
        ours = [one for one in made if _lease_of(one.claimed) in leased]
        if not ours:
            return [None] * len(made)
        recorder = _Recorder(connection, endpoints, now, rng, widest, origin)
        states = {
            _lease_of(one.claimed): recorder.record(one, leased[_lease_of(one.claimed)]) for one in ours
        }
        recorder.write(ours)
        return [recorder.told(one.claimed, states) for one in made]


_Lease = tuple[str, str]
"""A delivery under one claim: the same one may be claimed anew while an earlier POST is under way."""


def _lease_of(claimed: Claimed) -> _Lease:
    return claimed.delivery_id, claimed.lease


def _held(connection: sa.Connection, names: Sequence[str]) -> dict[str, _Endpoint]:
    """The endpoints, their rows taken in order: first the subscription's, as every command takes it first."""
    subscription, endpoint = SUBSCRIPTIONS.c, ENDPOINTS.c
    rows = connection.execute(
        sa.select(subscription.subscription_id, subscription.state, subscription.failing_since)
        .where(subscription.subscription_id.in_(names))
        .order_by(subscription.subscription_id)
        .with_for_update(key_share=True)  # an owner's command waits, whoever queues deliveries does not
    ).all()
    health = connection.execute(
        sa.select(ENDPOINTS)
        .where(endpoint.subscription_id.in_(names))
        .order_by(endpoint.subscription_id)
        .with_for_update()
    )
    held = {row.subscription_id: row for row in health}
    return {row.subscription_id: _Endpoint(row.state, _health(held, row)) for row in rows}


def _health(held: Mapping[str, sa.Row[*tuple[Any, ...]]], row: sa.Row[*tuple[Any, ...]]) -> Health:
    known = held[row.subscription_id]
    return Health(
        known.breaker,
        known.failures,
        known.opened,
        known.not_before,
        known.at_once,
        row.failing_since,
        known.warned,
        known.warned_at,
    )


def _still_leased(connection: sa.Connection, made: Sequence[Made]) -> dict[_Lease, sa.Row[*tuple[Any, ...]]]:
    columns = DELIVERIES.c
    leases = {_lease_of(one.claimed) for one in made}
    rows = connection.execute(
        sa.select(columns.delivery_id, columns.lease, columns.state, columns.subject, columns.job_id)
        .where(columns.delivery_id.in_({delivery_id for delivery_id, _lease in leases}))
        .order_by(columns.delivery_id)
        .with_for_update()
    )
    return {(row.delivery_id, row.lease): row for row in rows if (row.delivery_id, row.lease) in leases}


class _Recorder:
    """Writes a batch: changes of rows are gathered and sent together at its end."""

    def __init__(
        self,
        connection: sa.Connection,
        endpoints: dict[str, _Endpoint],
        now: int,
        rng: random.Random,
        widest: int,
        origin: str,
    ) -> None:
        self._connection = connection
        self._endpoints = endpoints
        self._before = {name: one.health for name, one in endpoints.items()}
        self._now = now
        self._rng = rng
        self._widest = widest
        self._origin = origin
        self._changes: list[dict[str, object]] = []
        self._ended: list[tuple[str, str]] = []
        self._counts = JobCounts()
        self._disabled: dict[str, tuple[Reason, int]] = {}

    def record(self, made: Made, row: sa.Row[*tuple[Any, ...]]) -> str:
        """Decide what follows from one try; returns the delivery's state."""
        claimed, given = made.claimed, _permission(made, self._origin)
        state, next_at = self._follows(claimed, _judged(made, given, self._now), given, row)
        change = {"id": claimed.delivery_id, "number": claimed.number, "became": state}
        self._changes.append(change | {"at": next_at or self._now, "rank": _priority(claimed)})
        if row.subject is not None and state not in WAITING:
            self._ended.append((claimed.subscription_id, row.subject))
        self._counts.ended(row.job_id, row.state, state)
        if state == "delivered" and row.job_id:
            self._recovered(claimed)
        return state

    def _follows(
        self, claimed: Claimed, outcome: Outcome, given: Permission | None, row: sa.Row[*tuple[Any, ...]]
    ) -> tuple[str, int | None]:
        endpoint = self._endpoints[claimed.subscription_id]
        if outcome.verdict is Verdict.DELIVERED:
            self._succeeded(claimed, endpoint, given)
            return "delivered", None
        if row.state != "pending":
            return str(row.state), None
        following = next_attempt(claimed.number, outcome, from_microseconds(self._now), self._rng)
        if isinstance(following, Disabled):
            self._disable(claimed.subscription_id, endpoint, "endpoint_gone")
            return "cancelled", None
        self._failed(claimed, endpoint, outcome)
        if isinstance(following, Exhausted):
            return self._exhausted(claimed, endpoint), None
        return "pending", microseconds(following)

    def _succeeded(self, claimed: Claimed, endpoint: _Endpoint, given: Permission | None) -> None:
        if given is None:
            endpoint.health = after_success(endpoint.health, self._now, widest=self._widest)
            return
        if endpoint.state in ("pending", "active"):
            columns = SUBSCRIPTIONS.c
            self._connection.execute(
                sa.update(SUBSCRIPTIONS)
                .where(columns.subscription_id == claimed.subscription_id)
                .values(
                    state="active",
                    consented_at=self._now,
                    allowed_per_minute=given.per_minute,
                    version=columns.version + 1,
                )
            )
            endpoint.state, endpoint.health = "active", Health()

    def _failed(self, claimed: Claimed, endpoint: _Endpoint, outcome: Outcome) -> None:
        if claimed.kind in ASKING:
            return
        endpoint.health = after_failure(endpoint.health, outcome, self._now, self._rng, widest=self._widest)
        if given_up(endpoint.health, self._now):
            self._disable(claimed.subscription_id, endpoint, "failing_too_long")
            return
        warning = warning_due(endpoint.health, self._now)
        if warning is not None:
            endpoint.health = replace(endpoint.health, warned=warning, warned_at=self._now)
            self._tell(claimed.subscription_id, ENDPOINT_FAILING, percent=str(warning))

    def _exhausted(self, claimed: Claimed, endpoint: _Endpoint) -> str:
        if claimed.kind in ASKING:
            self._disable(claimed.subscription_id, endpoint, "challenge_failed")
        elif claimed.kind == "event":
            self._tell(claimed.subscription_id, DELIVERY_EXHAUSTED, **_of(claimed))
        return "exhausted"

    def _recovered(self, claimed: Claimed) -> None:
        """A job brought what had been exhausted before."""
        columns = DELIVERIES.c
        found = self._connection.execute(
            sa.update(DELIVERIES)
            .where(
                columns.event_id == claimed.event_id,
                columns.subscription_id == claimed.subscription_id,
                columns.state == "exhausted",
            )
            .values(state="recovered")
        )
        if found.rowcount:
            self._tell(claimed.subscription_id, DELIVERY_RECOVERED, **_of(claimed))

    def _disable(self, subscription_id: str, endpoint: _Endpoint, reason: Reason) -> None:
        if endpoint.state in ("deleted", "disabled"):
            return
        endpoint.state = "disabled"
        self._disabled[subscription_id] = reason, first_missed(self._connection, subscription_id)

    def _tell(self, subscription_id: str, type_name: str, **data: str) -> None:
        tell_owner(self._connection, subscription_id, type_name, data, now=self._now)

    def told(self, claimed: Claimed, states: Mapping[_Lease, str]) -> str | None:
        """How a delivery of the batch stands in the end."""
        state = states.get(_lease_of(claimed))
        return "cancelled" if state == "pending" and claimed.subscription_id in self._disabled else state

    def write(self, made: Sequence[Made]) -> None:
        """Send what was gathered."""
        self._connection.execute(_CHANGED, self._changes)
        self._counts.write(self._connection)
        delivered = {change["id"] for change in self._changes if change["became"] == "delivered"}
        rows = [attempt_row(one, self._now, delivered=one.claimed.delivery_id in delivered) for one in made]
        self._connection.execute(sa.insert(ATTEMPTS), rows)
        for name, (reason, missed_from) in self._disabled.items():
            disable(self._connection, name, reason, missed_from, now=self._now)
        for name, subject in self._ended:
            next_in_line(self._connection, name, subject, self._now)
        self._write_health()

    def _write_health(self) -> None:
        changed = {
            name: one.health for name, one in self._endpoints.items() if one.health != self._before[name]
        }
        if not changed:
            return
        rows = [
            {
                "endpoint": name,
                "shown": health.breaker,
                "failed": health.failures,
                "times": health.opened,
                "held": health.not_before,
                "width": health.at_once,
                "told": health.warned,
                "told_at": health.warned_at,
            }
            for name, health in changed.items()
        ]
        self._connection.execute(_HEALTH, rows)
        since = [
            {"endpoint": name, "since": health.failing_since}
            for name, health in changed.items()
            if health.failing_since != self._before[name].failing_since
        ]
        if since:
            self._connection.execute(_SINCE, since)


_CHANGED: Final = (
    sa.update(DELIVERIES)
    .where(DELIVERIES.c.delivery_id == sa.bindparam("id"))
    .values(
        attempts=sa.bindparam("number"),
        state=sa.bindparam("became"),
        next_at=sa.bindparam("at"),
        priority=sa.bindparam("rank"),
        lease=None,
        leased_until=0,
        lease_owner=None,
    )
)
_HEALTH: Final = (
    sa.update(ENDPOINTS)
    .where(ENDPOINTS.c.subscription_id == sa.bindparam("endpoint"))
    .values(
        breaker=sa.bindparam("shown"),
        failures=sa.bindparam("failed"),
        opened=sa.bindparam("times"),
        not_before=sa.bindparam("held"),
        at_once=sa.bindparam("width"),
        warned=sa.bindparam("told"),
        warned_at=sa.bindparam("told_at"),
    )
)
_SINCE: Final = (
    sa.update(SUBSCRIPTIONS)
    .where(SUBSCRIPTIONS.c.subscription_id == sa.bindparam("endpoint"))
    .values(failing_since=sa.bindparam("since"))
)


def _judged(made: Made, given: Permission | None, now: int) -> Outcome:
    """What a try came to; a challenge is delivered only when it was sent back, a handshake when allowed."""
    instant, attempt = from_microseconds(now), made.attempt
    outcome = classify(attempt.status, attempt.retry_after, instant)
    if outcome.verdict is Verdict.DELIVERED and made.claimed.kind in ASKING and given is None:
        return classify(None, None, instant)
    return outcome


def _permission(made: Made, origin: str) -> Permission | None:
    """The endpoint's consent to be called, where the try asked for it and the answer gives it."""
    claimed, answer = made.claimed, made.attempt.answer
    if answer is None:
        return None
    if claimed.kind == "handshake":
        return permission(origin, answer.status, answer.header(ALLOWED_ORIGIN), answer.header(ALLOWED_RATE))
    echoed = claimed.kind == "challenge" and challenge_in(claimed.body).encode() in answer.body
    return Permission(None) if echoed else None


def _priority(claimed: Claimed) -> int:
    return OWN if claimed.kind in OWN_KINDS else AGAIN


def _of(claimed: Claimed) -> dict[str, str]:
    return {"delivery_id": claimed.delivery_id, "event_id": claimed.event_id}
