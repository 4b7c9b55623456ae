"""A consumer in a process of its own: notes each webhook, answers at once, late, or never, by its path."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, cast
from urllib.request import urlopen

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HANGING: Final = "/hang"
_LENGTH: Final = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_ID: Final = re.compile(rb"webhook-id: *([0-9a-f-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """One POST that arrived: its id, the path it came to, and when (seconds since 1970)."""

    id: str
    path: str
    at: float


class _Consumer(asyncio.Protocol):
    def __init__(self, seen: list[tuple[str, str, float]]) -> None:
        self._seen = seen
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end]
            found = _LENGTH.search(head)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._pending) < whole:
                return
            self._pending = self._pending[whole:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        if head.startswith(b"GET"):
            body = json.dumps(self._seen if path == "/seen" else len(self._seen)).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            return
        found = _ID.search(head)
        self._seen.append((found[1].decode() if found else "", path, time.time()))
        if not path.startswith(HANGING):
            self._transport.write(OK)


def _serve(port: Connection) -> None:
    async def run() -> None:
        seen: list[tuple[str, str, float]] = []
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Consumer(seen), "127.0.0.1", 0, backlog=512)
        port.send(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(run())


@dataclass(frozen=True, slots=True)
class Consumer:
    """The consumer as its owner reaches it."""

    url: str

    def seen(self) -> list[Seen]:
        """Every POST that arrived, in order."""
        with urlopen(f"{self.url}/seen") as answer:  # our own process, on loopback
            return [Seen(*one) for one in json.loads(answer.read())]

    def count(self) -> int:
        """How many POSTs arrived."""
        with urlopen(f"{self.url}/count") as answer:  # our own process, on loopback
            return int(answer.read())


@contextmanager
def consuming() -> Iterator[Consumer]:
    """A consumer that runs meanwhile."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield Consumer(f"http://127.0.0.1:{ours.recv()}")
    finally:
        process.kill()
        process.join()
