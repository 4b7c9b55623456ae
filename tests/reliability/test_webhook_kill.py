"""Delivery workers killed at every stage: nothing is missing, and what comes twice was under way.

WEBHOOK_KILLS and WEBHOOK_EVENTS set how often and how many (3 and 60; `make chaos` takes 200 and 10,000).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from services.notifications.adapters.sealing import secret_box
from services.notifications.schema import DELIVERIES
from tests.notifications.given import filed, producer, withdrawn
from tests.notifications.office import Office, open_office
from tests.reliability.consumer import Consumer, consuming
from tests.reliability.played_feed import PlayedFeed, playing
from tests.reliability.webhook_workers import start_worker

KILLS = int(os.environ.get("WEBHOOK_KILLS", "3"))
EVENTS = int(os.environ.get("WEBHOOK_EVENTS", "60"))
SEED = int(os.environ.get("CHAOS_SEED", "20260302"))
PATIENCE_SECONDS = 60.0

Stage = Callable[[], bool]


def test_killed_workers_lose_nothing_and_repeat_only_what_was_under_way(
    fresh_postgres: str, tmp_path: Path
) -> None:
    with open_office(fresh_postgres) as office, consuming() as consumer, playing(office.register) as feed:
        office.clock.set(datetime.now(UTC))
        office.box = secret_box(None, tmp_path)
        for number in range(3):
            ordering = "fifo" if number == 0 else "unordered"
            office.subscribe(f"o{number}", url=f"{consumer.url}/{number}", ordering=ordering)
        under_way = 0
        rng = random.Random(SEED)
        for number in range(KILLS):
            under_way += one_life(office, consumer, feed, (tmp_path, fresh_postgres), number, rng)
        last = start_worker(tmp_path, fresh_postgres, feed.url)
        try:
            published(office, EVENTS - len(office.register.events))
            until(lambda: finished(office) == 3 * len(office.register.events), 60 + EVENTS / 20)
        finally:
            last.kill()
            last.wait()
        told(office, consumer, under_way)


def one_life(
    office: Office,
    consumer: Consumer,
    feed: PlayedFeed,
    where: tuple[Path, str],
    number: int,
    rng: random.Random,
) -> int:
    """A worker from its start to its kill at one of the stages; how much it had under way."""
    reads, arrived, over = feed.reads, consumer.count(), finished(office)
    stages: list[Stage] = [
        lambda: feed.reads > reads,  # following: the page is read, some of its events are recorded
        lambda: consumer.count() > arrived,  # a POST has arrived and its outcome is not recorded
        lambda: finished(office) > over,  # outcomes are being recorded
    ]
    worker = start_worker(*where, feed.url)
    try:
        published(office, EVENTS // (KILLS + 1))
        until(stages[number % len(stages)], PATIENCE_SECONDS)
        time.sleep(rng.uniform(0, 0.05))
    finally:
        worker.kill()
        worker.wait()
    with office.database.read() as connection:
        leased = sa.select(sa.func.count()).where(DELIVERIES.c.lease_owner.is_not(None))
        return int(connection.scalar(leased) or 0)


def published(office: Office, count: int) -> None:
    """Applications and, right after each, its withdrawal: a line of two for who asks for order."""
    whose = producer()
    for _ in range(0, count, 2):
        one = filed(whose)
        office.register.publish(withdrawn(one), office.register.publish(one).stream_id)


def finished(office: Office) -> int:
    query = sa.select(sa.func.count()).where(DELIVERIES.c.kind == "event", DELIVERIES.c.state == "delivered")
    with office.database.read() as connection:
        return int(connection.scalar(query) or 0)


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def told(office: Office, consumer: Consumer, under_way: int) -> None:
    """Every event at every endpoint, in order where asked; repeats no more than killed workers had leased."""
    seen = consumer.seen()
    counted = Counter((one.path, one.id) for one in seen)
    published_ids = {event.header.id for event in office.register.events}
    assert set(counted) == {(f"/{number}", one) for number in range(3) for one in published_ids}
    repeats = sum(count - 1 for count in counted.values())
    assert repeats <= under_way
    published_as = {event.header.id: event for event in office.register.events}
    lines: dict[UUID, list[int]] = {}
    for event in (published_as[one.id] for one in seen if one.path == "/0"):
        lines.setdefault(event.stream_id, []).append(event.position)
    assert all(line == sorted(line) for line in lines.values())
    assert {len(set(line)) for line in lines.values()} == {2}
