"""A worker process killed in the middle of a POST: another takes over without waiting for the lease."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from services.notifications.adapters.sealing import secret_box
from services.notifications.schema import ATTEMPTS, DELIVERIES
from services.notifications.usecases.deliver import LEASE
from tests.notifications.given import filed
from tests.notifications.office import Office, open_office
from tests.notifications.test_delivering import Endpoint, eventually, listening, states

NOBODY = "http://127.0.0.1:9"


def started(var: Path, url: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "TIZILIM_NOTIFICATIONS_VAR": str(var),
        "TIZILIM_NOTIFICATIONS_DATABASE_URL": url,
        "TIZILIM_NOTIFICATIONS_REGISTER_URL": NOBODY,
        "TIZILIM_NOTIFICATIONS_VERIFICATION_URL": NOBODY,
        "TIZILIM_NOTIFICATIONS_WORKERS": "separate",
    }
    return subprocess.Popen([sys.executable, "-m", "services.notifications.worker"], env=environment)


def test_another_worker_takes_over_at_once_and_under_the_same_id(fresh_postgres: str, tmp_path: Path) -> None:
    with open_office(fresh_postgres) as office, listening() as endpoint:
        office.clock.set(datetime.now(UTC))
        office.box = secret_box(None, tmp_path)
        office.subscribe(url=endpoint.url)
        workers = []
        try:
            workers.append(started(tmp_path, fresh_postgres))
            took = taken_over(office, endpoint, workers, tmp_path, fresh_postgres)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
    assert took < LEASE.total_seconds()


def taken_over(
    office: Office, endpoint: Endpoint, workers: list[subprocess.Popen[bytes]], var: Path, url: str
) -> float:
    """Seconds from the kill until the other has delivered what the killed one was posting."""
    hanging, arrived = threading.Event(), threading.Event()

    def hang() -> None:
        arrived.set()
        hanging.wait(LEASE.total_seconds())

    endpoint.during = hang
    event = office.register.publish(filed())
    office.follow()
    assert arrived.wait(30)
    leased = office.row(DELIVERIES, kind="event")
    assert leased["lease_owner"]
    endpoint.during = lambda: None
    workers.append(started(var, url))
    workers[0].kill()
    workers[0].wait()
    killed_at = time.monotonic()
    eventually(lambda: states(office) == ["delivered"])
    took = time.monotonic() - killed_at
    hanging.set()
    assert [headers["webhook-id"] for headers, _body in endpoint.requests] == [event.header.id] * 2
    assert endpoint.events() == [event.record] * 2
    assert [row["number"] for row in office.rows(ATTEMPTS)] == [1]
    assert office.row(DELIVERIES, kind="event")["lease_owner"] is None
    return took
