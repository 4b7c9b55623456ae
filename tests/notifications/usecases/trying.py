"""Claiming and recording as a worker does, with answers made up here."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from services.notifications.adapters.webhook_http import Answer, Attempt, Trouble
from services.notifications.schema import DELIVERIES
from services.notifications.usecases.attempt_rows import Made
from services.notifications.usecases.deliver import Claimed, claim
from services.notifications.usecases.record_attempts import record_attempts
from tests.notifications.given import filed
from tests.notifications.office import Office


def answered(status: int, body: bytes = b"", **headers: str) -> Attempt:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Attempt(Answer(status, pairs, body, truncated=False), None, timedelta(milliseconds=12))


NO_ANSWER = Attempt(None, Trouble.NOT_CONNECTED, timedelta(milliseconds=3))


def claimed(office: Office, owner: str = "a", limit: int = 16, **given: Any) -> list[Claimed]:
    values = {"owner": owner, "now": office.now(), "limit": limit, "per_endpoint": 100, **given}
    return claim(office.database, **values)


def recorded(office: Office, one: Claimed, attempt: Attempt) -> str | None:
    return recorded_all(office, [(one, attempt)])[0]


def recorded_all(office: Office, tries: Sequence[tuple[Claimed, Attempt]]) -> list[str | None]:
    made = [Made(one, attempt, {"webhook-id": one.event_id}) for one, attempt in tries]
    return record_attempts(office.database, made, now=office.now(), rng=random.Random(7), widest=8)


def publish(office: Office, count: int = 1) -> list[bytes]:
    records = [office.register.publish(filed()).record for _ in range(count)]
    office.follow()
    return records


def delivery(office: Office, one: Claimed) -> dict[str, Any]:
    return office.row(DELIVERIES, delivery_id=one.delivery_id)


def waits(office: Office, one: Claimed) -> float:
    """Seconds until the next try."""
    return float(delivery(office, one)["next_at"] - office.now()) / 1e6
