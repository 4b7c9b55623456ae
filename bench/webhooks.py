"""Webhooks on PostgreSQL: fan-out, deliveries of a worker process, two workers, and endpoints that hang.

Real processes over loopback HTTP: this one plays the register's feed, one consumer answers for all endpoints,
the workers are the service's own. WEBHOOK_BENCH_EVENTS sets how many events each part delivers to each of 50
endpoints (60).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from bench.report import Report, least, most
from services.kernel.feed.sinks import TableSink
from services.notifications.adapters.sealing import secret_box
from services.notifications.schema import DELIVERIES
from tests.notifications.given import filed, producer
from tests.notifications.office import Office, open_office
from tests.postgres import PostgresServer, running_postgres
from tests.reliability.consumer import HANGING, Consumer, Seen, consuming
from tests.reliability.played_feed import playing
from tests.reliability.webhook_workers import working

EVENTS: Final = int(os.environ.get("WEBHOOK_BENCH_EVENTS", "60"))
ENDPOINTS: Final = 50
HANG: Final = 10
PER_SECOND: Final = 5
PATIENCE_SECONDS: Final = 300.0


def measure(report: Report, _rounds: int) -> None:
    """Add the rates and latencies to `report`."""
    with running_postgres() as server:
        _fan_out(report, server)
        _throughput(report, server)
        _isolation(report, server)


def _fan_out(report: Report, server: PostgresServer) -> None:
    """Facts a second that wait already and are recorded for 50 endpoints, messages and all; nobody delivers.

    And what one takes of processors, here and in PostgreSQL: on a shared machine the clock tells less.
    """
    for ordering in ("unordered", "fifo"):
        with _place(server) as (office, _var, _url):
            _subscribed(office, ["http://127.0.0.1:9"] * ENDPOINTS, ordering=ordering)
            _published(office, 1)
            office.follow()  # templates are read at the first message
            count = len(_published(office, 10 * EVENTS))
            started, ours, theirs = time.perf_counter(), time.process_time(), _postgres_seconds(office)
            while office.position() < len(office.register.events):
                office.follower().turn()
            seconds = time.perf_counter() - started
            ours, theirs = time.process_time() - ours, _postgres_seconds(office) - theirs
        together = f"{ENDPOINTS} {ordering} endpoints, {TableSink.at_once} a transaction"
        report.rate(f"events recorded for {together}", count / seconds, aim=least(500))
        report.rate(f"processor time of one ({ordering}), ours", ours / count * 1e6, " us")
        report.rate(f"processor time of one ({ordering}), PostgreSQL's", theirs / count * 1e6, " us")


def _postgres_seconds(office: Office) -> float:
    """Processor time of the connections to the office's database so far."""
    own = sa.text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    with office.database.read() as connection:
        pids = list(connection.execute(own).scalars())
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def _throughput(report: Report, server: PostgresServer) -> None:
    """What one worker process and what two deliver of a backlog, and how often something came twice."""
    for count in (1, 2):
        with _place(server) as (office, var, url), consuming() as consumer, playing(office.register) as feed:
            _subscribed(office, [f"{consumer.url}/{number}" for number in range(ENDPOINTS)])
            _published(office, EVENTS)
            office.follow()
            with working(var, url, feed.url, count=count):
                _until(lambda: consumer.count() >= EVENTS * ENDPOINTS // 10)
                first, started = consumer.count(), time.perf_counter()
                _until(lambda: consumer.count() >= EVENTS * ENDPOINTS)
                seconds = time.perf_counter() - started
                _until(lambda: _over(office) >= EVENTS * ENDPOINTS)
            report.rate(
                f"deliveries, {count} worker(s)", (EVENTS * ENDPOINTS - first) / seconds, aim=least(300)
            )
            repeats = Counter((one.path, one.id) for one in consumer.seen())
            report.rate(f"repeated, {count} worker(s)", sum(repeats.values()) - len(repeats), "", most(0))


def _isolation(report: Report, server: PostgresServer) -> None:
    """Healthy endpoints with and without ten that hang: how many a second, and from the fact to its POST."""
    floor = 0.0
    for hanging in (0, HANG):
        rate, late = _healthy(server, hanging)
        floor = floor or rate
        name = f"to {ENDPOINTS - HANG} healthy endpoints, {hanging} hanging"
        report.ratio(f"deliveries {name}", rate, floor, least(0.9) if hanging else None)
        report.rate(f"fact to POST {name}, p95", late, " ms", most(2_000))


def _healthy(server: PostgresServer, hanging: int) -> tuple[float, float]:
    with _place(server) as (office, var, url), consuming() as consumer, playing(office.register) as feed:
        bad = [f"{consumer.url}{HANGING}/{number}" for number in range(hanging)]
        _subscribed(office, [f"{consumer.url}/{number}" for number in range(ENDPOINTS - HANG)] + bad)
        expected = EVENTS * (ENDPOINTS - HANG)
        with working(var, url, feed.url):
            _published(office, 1)
            _until(lambda: len(_good(consumer)) >= ENDPOINTS - HANG)
            made: dict[str, float] = {}
            started = time.time()
            for number in range(EVENTS):
                time.sleep(max(0.0, started + number / PER_SECOND - time.time()))
                made[_published(office, 1)[0]] = time.time()
            _until(lambda: len(_good(consumer)) >= expected + ENDPOINTS - HANG)
        arrived = [one for one in _good(consumer) if one.id in made]
    late = sorted((one.at - made[one.id]) * 1_000 for one in arrived)
    last = max(one.at for one in arrived)
    return len(arrived) / (last - started), late[len(late) * 95 // 100]


def _good(consumer: Consumer) -> list[Seen]:
    return [one for one in consumer.seen() if not one.path.startswith(HANGING)]


@contextmanager
def _place(server: PostgresServer) -> Iterator[tuple[Office, Path, str]]:
    url = server.create_database()
    with tempfile.TemporaryDirectory() as folder, open_office(url) as office:
        office.clock.set(datetime.now(UTC))
        office.box = secret_box(None, Path(folder))
        yield office, Path(folder), url


def _subscribed(office: Office, urls: Sequence[str], ordering: str = "unordered") -> None:
    for number, url in enumerate(urls):
        office.subscribe(f"o{number}", url=url, ordering=ordering)


def _published(office: Office, count: int) -> list[str]:
    whose = producer()
    return [office.register.publish(filed(whose)).header.id for _ in range(count)]


def _over(office: Office) -> int:
    query = sa.select(sa.func.count()).where(DELIVERIES.c.kind == "event", DELIVERIES.c.state == "delivered")
    with office.database.read() as connection:
        return int(connection.scalar(query) or 0)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("it never came")
        time.sleep(0.05)
