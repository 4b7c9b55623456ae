"""A load generator of keep-alive connections, each sending its next request when the last is answered.

Client libraries of Python top out below what is measured here, so this speaks just enough HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def request_bytes(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """One request as it goes over the wire."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def sent(
    port: int, requests: Sequence[bytes], *, clients: int, status: int, answers: list[bytes] | None = None
) -> float:
    """Send all requests over `clients` connections; returns answers a second. Another status is an error.

    The answers' bodies go into `answers`, in the order in which they came.
    """
    return asyncio.run(_sent(port, requests, clients, status, [] if answers is None else answers))


async def answer_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next answer on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    return head, await reader.readexactly(int(found[1]) if found else 0)


async def _sent(
    port: int, requests: Sequence[bytes], clients: int, status: int, answers: list[bytes]
) -> float:
    wanted = f"HTTP/1.1 {status} ".encode()
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]
    left = iter(requests)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for request in left:
            writer.write(request)
            head, body = await answer_of(reader)
            if not head.startswith(wanted):
                raise RuntimeError(f"unexpected answer: {head[:200]!r} {body[:500]!r}")
            answers.append(body)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client(*stream) for stream in streams))
    return len(requests) / (time.perf_counter() - started)
