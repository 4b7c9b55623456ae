"""The delivery worker against endpoints on loopback: what is posted, how often, what is held meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa

from services.kernel.journal.events import microseconds
from services.notifications import delivering
from services.notifications.adapters.addresses import DEVELOPMENT_ADDRESSES
from services.notifications.adapters.webhook_http import DEADLINE, Attempt, WebhookSender
from services.notifications.delivering import DeliveryWorker
from services.notifications.domain.endpoint import DEVELOPMENT_URLS
from services.notifications.domain.signing import SymmetricSecret, parse_verification_key, verify
from services.notifications.projections.subscriptions import subscription_of
from services.notifications.schema import ATTEMPTS, DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.change_subscription import rotate_secret
from services.notifications.usecases.deliver import LEASE, claim, next_due
from services.notifications.usecases.own_events import challenge_in
from services.notifications.usecases.sign import WebhookSigner
from services.notifications.usecases.subscribe import unsubscribe
from services.notifications.usecases.webhook_keys import signing_keys
from tests.notifications.given import filed
from tests.notifications.office import Office, open_office

PATIENCE_SECONDS = 30.0


class Literally:
    """A name server without names."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Nothing is known but addresses."""
        raise OSError(f"no such name: {host}")


class Endpoint:
    """A consumer that sends challenges back and answers events as it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.during: Callable[[], None] = lambda: None
        self.consents = True
        self.asked: list[dict[str, str]] = []
        self.permits: dict[str, str] = {}

    def events(self) -> list[bytes]:
        return [body for _headers, body in list(self.requests) if b"challenge.v1" not in body]

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.requests.append((headers, body))
        self.during()
        if b"challenge.v1" in body:
            return 200, {}, challenge_in(body).encode() if self.consents else b"yes"
        status, given = self.answers.pop(0) if self.answers else (200, {})
        return status, given, b"ok"


@contextmanager
def listening() -> Iterator[Endpoint]:
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:  # the library's name
            endpoint.asked.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            for name, value in endpoint.permits.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            lowered = {name.lower(): value for name, value in self.headers.items()}
            status, headers, answer = endpoint.answer(lowered, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with listening() as opened:
        yield opened


@contextmanager
def working(office: Office, **given: Any) -> Iterator[DeliveryWorker]:
    """A worker on the office's database, by the office's clock."""
    sender = WebhookSender(resolver=Literally(), urls=DEVELOPMENT_URLS, addresses=DEVELOPMENT_ADDRESSES)
    limits = {"in_flight": 64, "in_flight_per_endpoint": 8, **given}
    signer = WebhookSigner(office.database, office.box, office.clock)
    worker = DeliveryWorker(office.database, sender, signer, office.clock, origin="tizilim.example", **limits)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.01)


def publish(office: Office, count: int = 1) -> list[bytes]:
    records = [office.register.publish(filed()).record for _ in range(count)]
    office.follow()
    return records


def states(office: Office) -> list[str]:
    return [row["state"] for row in office.rows(DELIVERIES, kind="event")]


@pytest.fixture
def real(office: Office) -> Office:
    """The office on the machine's day: signatures are verified against it."""
    office.clock.set(datetime.now(UTC))
    return office


def test_the_challenge_comes_first_then_each_event_with_its_recorded_bytes(
    real: Office, endpoint: Endpoint
) -> None:
    subscription = real.subscribe(url=endpoint.url, active=False)
    records = publish(real, 5)
    with working(real):
        eventually(lambda: states(real) == ["delivered"] * 5)
    assert real.row(SUBSCRIPTIONS)["state"] == "active"
    first, *rest = [body for _headers, body in endpoint.requests]
    assert b"kz.notifications.subscription.challenge.v1" in first
    assert sorted(rest) == sorted(records)
    sealed = real.row(SUBSCRIPTIONS)["secret"]
    key = parse_verification_key(real.box.open(bytes(sealed), subscription))
    by_id = {event.header.id: event for event in real.register.events}
    for headers, body in endpoint.requests[1:]:
        webhook = verify(headers, body, [key], datetime.now(UTC))
        event = by_id[webhook.message_id]
        assert body == event.record
        assert headers["journal-position"] == str(event.position)


def test_every_try_is_signed_with_both_secrets_while_they_overlap_and_with_the_services_key(
    real: Office, endpoint: Endpoint
) -> None:
    subscription = real.subscribe(url=endpoint.url, secret=SymmetricSecret(b"1" * 32).serialise())
    with real.database.write() as connection:
        row = subscription_of(connection, "owner", subscription, to_change=True)
        successor = SymmetricSecret(b"2" * 32).serialise()
        rotate_secret(
            connection, row, real.box, secret=successor, overlap=timedelta(hours=24), now=real.now()
        )
    publish(real)
    with working(real):
        eventually(lambda: states(real) == ["delivered"])
    headers, body = endpoint.requests[0]
    ((service, _private),) = signing_keys(real.database, real.box)
    versions = [one.partition(",")[0] for one in headers["webhook-signature"].split()]
    assert versions == ["v1", "v1", "v1a"]
    for key in (SymmetricSecret(b"1" * 32), SymmetricSecret(b"2" * 32), service.public):
        verify(headers, body, [key], datetime.now(UTC))


def test_an_endpoint_that_allows_us_in_a_handshake_gets_events_at_its_own_rate(
    office: Office, endpoint: Endpoint
) -> None:
    endpoint.permits = {"WebHook-Allowed-Origin": "tizilim.example", "WebHook-Allowed-Rate": "90"}
    office.subscribe(url=endpoint.url, active=False, consent="handshake", deliveries_per_minute=120)
    publish(office)
    with working(office):
        eventually(lambda: states(office) == ["delivered"])
    (asked,) = endpoint.asked
    assert (asked["webhook-request-origin"], asked["webhook-request-rate"]) == ("tizilim.example", "120")
    row = office.row(SUBSCRIPTIONS)
    assert (row["state"], row["allowed_per_minute"], row["version"]) == ("active", 90, 2)
    ((headers, _body),) = endpoint.requests
    assert headers["origin"] == "tizilim.example"


def test_an_endpoint_that_answers_options_without_allowing_us_gets_no_event(
    office: Office, endpoint: Endpoint
) -> None:
    endpoint.permits = {"Allow": "GET, POST, OPTIONS", "WebHook-Allowed-Origin": "other.example"}
    office.subscribe(url=endpoint.url, active=False, consent="handshake")
    publish(office)
    with working(office):
        eventually(lambda: len(office.rows(ATTEMPTS)) == 1)
    assert (office.row(SUBSCRIPTIONS)["state"], endpoint.requests) == ("pending", [])


def test_an_endpoint_that_does_not_send_the_challenge_back_gets_no_event(
    office: Office, endpoint: Endpoint
) -> None:
    office.subscribe(url=endpoint.url, active=False)
    with listening() as other:
        other.consents = False
        office.subscribe("other", url=other.url, active=False)
        publish(office)
        with working(office):
            eventually(lambda: len(endpoint.events()) == 1 and len(other.requests) == 1)
            eventually(lambda: len(office.rows(ATTEMPTS)) == 3)
        assert other.events() == []


def test_nothing_is_held_while_a_post_is_under_way(office: Office, endpoint: Endpoint) -> None:
    """The endpoint itself, while it has the POST, writes to every row that the delivery touches."""
    subscription = office.subscribe(url=endpoint.url)

    def write_meanwhile() -> None:
        with office.database.write() as connection:
            if office.database.is_postgresql:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
            connection.execute(sa.update(DELIVERIES).values(attempts=DELIVERIES.c.attempts))
            connection.execute(sa.update(SUBSCRIPTIONS).values(description="written during the POST"))
        if office.database.is_postgresql:
            eventually(lambda: not held_open())  # the worker's own looks are over in an instant

    def held_open() -> int:
        with office.database.read() as connection:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND state IN ('idle in transaction', 'idle in transaction (aborted)')"
            )
            return int(connection.exec_driver_sql(query).scalar_one())

    endpoint.during = write_meanwhile
    publish(office)
    with working(office):
        eventually(lambda: states(office) == ["delivered"])
    assert office.row(SUBSCRIPTIONS, subscription_id=subscription)["description"] == "written during the POST"


def test_a_failed_try_is_made_again_under_the_same_id_when_it_is_due(
    office: Office, endpoint: Endpoint
) -> None:
    endpoint.answers = [(500, {}), (503, {"Retry-After": "60"}), (200, {})]
    office.subscribe(url=endpoint.url)
    publish(office)
    with working(office) as worker:
        eventually(lambda: len(office.rows(ATTEMPTS)) == 1)
        office.clock.advance(timedelta(seconds=6))
        worker.wake()
        eventually(lambda: len(office.rows(ATTEMPTS)) == 2)
        office.clock.advance(timedelta(seconds=59))
        worker.wake()
        assert next_due(office.database) > microseconds(office.clock.now())  # type: ignore[operator]
        office.clock.advance(timedelta(minutes=15))
        worker.wake()
        eventually(lambda: states(office) == ["delivered"])
    assert [row["status"] for row in office.rows(ATTEMPTS)] == [500, 503, 200]
    assert len({headers["webhook-id"] for headers, _body in endpoint.requests}) == 1
    assert len(set(endpoint.events())) == 1


def test_a_subscription_deleted_during_its_post_gets_nothing_more(office: Office, endpoint: Endpoint) -> None:
    subscription = office.subscribe(url=endpoint.url)
    endpoint.answers = [(500, {})]

    def delete() -> None:
        endpoint.during = lambda: None
        with office.database.write() as connection:
            unsubscribe(connection, subscription, now=office.now())

    endpoint.during = delete
    publish(office, 2)
    with working(office, in_flight=1):
        eventually(lambda: len(office.rows(ATTEMPTS)) == 1)
        office.clock.advance(timedelta(days=1))
        publish(office)
        other = office.subscribe("other", url=endpoint.url)
        publish(office)
        eventually(
            lambda: office.row(DELIVERIES, subscription_id=other, kind="event")["state"] == "delivered"
        )
    assert [row["state"] for row in office.rows(DELIVERIES, subscription_id=subscription)] == [
        "delivered",  # the challenge
        "cancelled",
        "cancelled",
    ]
    assert len(endpoint.events()) == 2


def test_no_endpoint_gets_more_at_once_than_its_share(office: Office, endpoint: Endpoint) -> None:
    guard, open_now, most = threading.Lock(), 0, 0
    enough = threading.Event()

    def count() -> None:
        nonlocal open_now, most
        with guard:
            open_now += 1
            most = max(most, open_now)
        enough.wait(0.2)
        with guard:
            open_now -= 1

    endpoint.during = count
    office.subscribe(url=endpoint.url)
    publish(office, 12)
    with working(office, in_flight_per_endpoint=3):
        eventually(lambda: states(office) == ["delivered"] * 12)
    assert most == 3


def test_two_workers_post_each_event_once(fresh_postgres: str, endpoint: Endpoint) -> None:
    with open_office(fresh_postgres) as office:
        office.subscribe(url=endpoint.url)
        records = publish(office, 40)
        with working(office), working(office):
            eventually(lambda: states(office) == ["delivered"] * 40)
    assert sorted(endpoint.events()) == sorted(records)


def test_what_a_killed_worker_had_claimed_is_posted_at_once(office: Office, endpoint: Endpoint) -> None:
    """Its lease has not ended; the clock stands."""
    office.subscribe(url=endpoint.url)
    publish(office)
    killed = claim(office.database, owner="killed", now=office.now(), limit=1, per_endpoint=8)
    assert [one.number for one in killed] == [1]
    with working(office):
        eventually(lambda: states(office) == ["delivered"])
    assert endpoint.requests[0][0]["webhook-id"] == killed[0].event_id
    assert office.row(DELIVERIES, kind="event")["leased_until"] == 0


def test_a_stopped_worker_leaves_no_lease_and_no_presence(office: Office, endpoint: Endpoint) -> None:
    office.subscribe(url=endpoint.url)
    publish(office)
    with working(office):
        eventually(lambda: states(office) == ["delivered"])
    assert [row["lease_owner"] for row in office.rows(DELIVERIES)] == [None, None]
    if office.database.is_postgresql:
        with office.database.read() as connection:
            query = (
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            eventually(lambda: connection.exec_driver_sql(query).scalar() == 0)


def test_a_store_that_fails_for_a_moment_does_not_end_the_worker(
    office: Office, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def failing(database: object) -> int | None:
        if not failed.is_set():
            failed.set()
            raise sa.exc.OperationalError("SELECT", {}, Exception("the server restarts"))
        return next_due(office.database)

    monkeypatch.setattr(delivering, "next_due", failing)
    with working(office):
        assert failed.wait(PATIENCE_SECONDS)
        office.subscribe(url=endpoint.url)
        publish(office)
        eventually(lambda: states(office) == ["delivered"])


def test_what_nobody_foresaw_of_an_answer_is_a_try_like_any_other(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unrecorded it would be posted again and again, each time its lease ends."""

    async def broken(*_: object) -> Attempt:
        raise ValueError("a header that no one can read")

    monkeypatch.setattr(WebhookSender, "post", broken)
    with open_office(sqlite_url) as office:
        office.subscribe()
        publish(office)
        with working(office):
            eventually(lambda: office.rows(ATTEMPTS))
        assert office.row(ATTEMPTS)["trouble"] == "answer_broken"
        assert office.row(DELIVERIES, kind="event")["attempts"] == 1


def test_the_lease_outlasts_every_post_and_several_heartbeats() -> None:
    assert LEASE >= 2 * DEADLINE
    assert LEASE.total_seconds() >= 5 * delivering.HEARTBEAT_SECONDS
