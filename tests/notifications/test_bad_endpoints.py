"""Endpoints that answer badly or not at all: a clear outcome in the log, and nothing lost for others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from services.notifications.adapters.addresses import DEVELOPMENT_ADDRESSES
from services.notifications.adapters.webhook_http import MAX_ANSWER_BYTES, WebhookSender
from services.notifications.delivering import DeliveryWorker
from services.notifications.domain.endpoint import DEVELOPMENT_URLS
from services.notifications.schema import ATTEMPTS, DELIVERIES
from services.notifications.usecases.sign import WebhookSigner
from tests.notifications.adapters.endpoints import OK, Behaviour, answering, certificate_for, endpoint
from tests.notifications.office import Office, open_office
from tests.notifications.test_delivering import Literally, eventually, publish

CLOSED = "http://127.0.0.1:9/hook"
HUGE = 100 * 2**20


async def drip(writer: asyncio.StreamWriter) -> None:
    """One byte a second of a body that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(1)


async def flood(writer: asyncio.StreamWriter) -> None:
    """A hundred megabytes, as far as they are read."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUGE)
    piece = b"x" * 65_536
    for _ in range(HUGE // len(piece)):
        writer.write(piece)
        await writer.drain()


BAD: dict[str, Behaviour] = {
    "garbage": answering(b"\x00\xff\xfe not http at all \r\n\r\n"),
    "huge": flood,
    "drip": drip,
    "redirect": answering(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
    "good": answering(OK),
}
OUTCOMES = {
    "garbage": ("pending", None, "answer_broken"),
    "huge": ("delivered", 200, None),
    "drip": ("pending", None, "deadline_passed"),
    "redirect": ("pending", 302, None),
    "tls": ("pending", None, "tls_failed"),
    "closed": ("pending", None, "not_connected"),
    "good": ("delivered", 200, None),
}


@contextmanager
def listening(directory: Path) -> Iterator[dict[str, str]]:
    """The endpoints on a loop of their own; their URLs by name."""
    urls, ready, over = {"closed": CLOSED}, threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    serving, _trusting = certificate_for("127.0.0.1", directory)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            for name, behave in BAD.items():
                opened = await stack.enter_async_context(endpoint(behave))
                urls[name] = f"http://127.0.0.1:{opened.port}/hook"
            secured = await stack.enter_async_context(endpoint(answering(OK), serving))
            urls["tls"] = f"https://127.0.0.1:{secured.port}/hook"
            ready.set()
            await over.wait()

    def run_whole() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=run_whole, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield urls
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def embedded(sqlite_url: str) -> Iterator[Office]:
    with open_office(sqlite_url) as opened:
        yield opened


def test_each_bad_endpoint_has_its_outcome_and_the_good_one_gets_everything(
    embedded: Office, tmp_path: Path
) -> None:
    with listening(tmp_path) as urls:
        names = {embedded.subscribe(name, url=url): name for name, url in urls.items()}
        publish(embedded, 2)
        sender = WebhookSender(
            resolver=Literally(),
            urls=DEVELOPMENT_URLS,
            addresses=DEVELOPMENT_ADDRESSES,
            deadline=timedelta(seconds=1),
        )
        signer = WebhookSigner(embedded.database, embedded.box, embedded.clock)
        worker = DeliveryWorker(
            embedded.database,
            sender,
            signer,
            embedded.clock,
            origin="tizilim.example",
            in_flight=64,
            in_flight_per_endpoint=8,
        )
        worker.start()
        try:
            eventually(lambda: len(embedded.rows(ATTEMPTS)) == 2 * len(OUTCOMES))
        finally:
            worker.stop()
    states = {row["delivery_id"]: row for row in embedded.rows(DELIVERIES, kind="event")}
    for row in embedded.rows(ATTEMPTS):
        delivery = states[row["delivery_id"]]
        name = names[delivery["subscription_id"]]
        assert (delivery["state"], row["status"], row["trouble"]) == OUTCOMES[name], name
        assert len(row["answer_head"] or "") <= MAX_ANSWER_BYTES
