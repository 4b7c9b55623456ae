"""Which HTTP client carries webhooks: POSTs a second against a loopback server in another process.

    python bench/webhook_carrier.py [--rounds 5] [--requests 1000]

Every candidate sends the same signed POST to a name whose address is given by us (pinned), under a total
deadline, reading at most 16 KiB of the answer. Rounds are interleaved and medians reported, because the
machine is shared. Only 127.0.0.1 is ever connected to; the number of requests is fixed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import importlib.metadata
import multiprocessing
import platform
import socket
import ssl
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
import httpcore2
import httpx
import httpx2
import urllib3
import uvloop
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notifications.adapters.addresses import DEVELOPMENT_ADDRESSES
from services.notifications.adapters.webhook_http import WebhookSender
from services.notifications.domain.endpoint import DEVELOPMENT_URLS

HOST: Final = "hooks.example.kz"
ADDRESS: Final = "127.0.0.1"
BODY: Final = b'{"data":"' + b"x" * 680 + b'"}'
HEADERS: Final = {
    "content-type": "application/cloudevents+json",
    "webhook-id": "01938e2f-7b1c-7cc3-98c4-dc0c0c07398f",
    "webhook-timestamp": "1772442000",
    "webhook-signature": "v1,tp8GVaptSQiIWJ7oB+6PRW63RAFJsGSuJIUSXZEDlws=",
}
OURS: Final = "our sender, on aiohttp"
DEADLINE_SECONDS: Final = 15
MAX_ANSWER: Final = 16 * 1024
ANSWER: Final = (
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"status":"ok"}'
)
CLOSING_ANSWER: Final = ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")

Post = Callable[[], Awaitable[int]]


class Receiver(asyncio.Protocol):
    """The least an HTTP/1.1 server can do, so that the client is what is measured."""

    def __init__(self) -> None:
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each complete request; every one has the same body."""
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0 and len(self._pending) >= end + 4 + len(BODY):
            closing = b"connection: close" in self._pending[:end].lower()
            self._pending = self._pending[end + 4 + len(BODY) :]
            self._transport.write(CLOSING_ANSWER if closing else ANSWER)
            if closing:
                self._transport.close()


def serve(certificate: str, ports: Connection) -> None:
    """Run the plain and the TLS receiver until terminated."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        servers = [
            await loop.create_server(Receiver, ADDRESS, 0, ssl=context, backlog=512)
            for context in (None, tls)
        ]
        ports.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()

    uvloop.run(run())


def make_certificate(path: Path) -> bytes:
    """Write a certificate for HOST with its key to `path`; give the certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + pem)
    return pem


@contextlib.contextmanager
def receiver(directory: Path) -> Iterator[tuple[int, int, ssl.SSLContext]]:
    """A receiver process: its plain port, its TLS port, and a context that trusts it."""
    pem = make_certificate(directory / "receiver.pem")
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(
        target=serve, args=(str(directory / "receiver.pem"), theirs), daemon=True
    )
    process.start()
    try:
        plain, tls = ours.recv()
        yield plain, tls, ssl.create_default_context(cadata=pem.decode())
    finally:
        process.terminate()
        process.join()


class Pinned(AbstractResolver):
    """Gives aiohttp the one address that was checked."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        """The pinned address, whatever was asked."""
        return [
            ResolveResult(hostname=host, host=ADDRESS, port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing to close."""


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Gives httpcore2 the one address that was checked."""

    def __init__(self) -> None:
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the interface's own parameter
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the pinned address instead of `host`."""
        return await self._real.connect_tcp(ADDRESS, port, timeout, local_address, socket_options)


@contextlib.asynccontextmanager
async def over_httpx(library: Any, port: int, tls: ssl.SSLContext | None, keep: bool) -> AsyncIterator[Post]:
    """Pin httpx or httpx2 by putting the address into the URL, the name into Host and SNI."""
    limits = library.Limits(max_connections=200, max_keepalive_connections=200 if keep else 0)
    url = f"{'https' if tls else 'http'}://{ADDRESS}:{port}/hook"
    headers = HEADERS | {"host": f"{HOST}:{port}"}
    async with library.AsyncClient(
        verify=tls or True, trust_env=False, limits=limits, timeout=None
    ) as client:

        async def post() -> int:
            async with (
                asyncio.timeout(DEADLINE_SECONDS),
                client.stream(
                    "POST", url, content=BODY, headers=headers, extensions={"sni_hostname": HOST}
                ) as answer,
            ):
                await read_capped(answer.aiter_raw())
                return int(answer.status_code)

        yield post


@contextlib.asynccontextmanager
async def over_httpcore2(port: int, tls: ssl.SSLContext | None, keep: bool) -> AsyncIterator[Post]:
    """Pin httpcore2, which lies under httpx2, by its network backend."""
    url = f"{'https' if tls else 'http'}://{HOST}:{port}/hook"
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    headers += [(b"host", f"{HOST}:{port}".encode()), (b"content-length", str(len(BODY)).encode())]
    async with httpcore2.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=200,
        max_keepalive_connections=200 if keep else 0,
        network_backend=PinnedBackend(),
    ) as pool:

        async def post() -> int:
            async with (
                asyncio.timeout(DEADLINE_SECONDS),
                pool.stream("POST", url, headers=headers, content=BODY) as answer,
            ):
                await read_capped(answer.aiter_stream())
                return int(answer.status)

        yield post


async def read_capped(chunks: AsyncIterator[bytes]) -> None:
    """Read an answer's body up to the limit."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_ANSWER:
            return


@contextlib.asynccontextmanager
async def over_aiohttp(port: int, tls: ssl.SSLContext | None, keep: bool) -> AsyncIterator[Post]:
    """Pin aiohttp by its resolver."""
    url = f"{'https' if tls else 'http'}://{HOST}:{port}/hook"
    connector = aiohttp.TCPConnector(
        resolver=Pinned(), use_dns_cache=False, ssl=tls or True, limit=200, force_close=not keep
    )
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as client:

        async def post() -> int:
            async with (
                asyncio.timeout(DEADLINE_SECONDS),
                client.post(url, data=BODY, headers=HEADERS, allow_redirects=False) as answer,
            ):
                await answer.content.read(MAX_ANSWER)
                return answer.status

        yield post


@contextlib.asynccontextmanager
async def over_urllib3(port: int, tls: ssl.SSLContext | None, keep: bool) -> AsyncIterator[Post]:
    """Pin urllib3 by its pool's host, in threads; a total deadline is out of its reach."""
    headers = HEADERS | {"host": f"{HOST}:{port}"} | ({} if keep else {"connection": "close"})
    pool: urllib3.HTTPConnectionPool = (
        urllib3.HTTPSConnectionPool(
            ADDRESS, port, maxsize=64, ssl_context=tls, server_hostname=HOST, assert_hostname=HOST
        )
        if tls
        else urllib3.HTTPConnectionPool(ADDRESS, port, maxsize=64)
    )

    def blocking() -> int:
        answer = pool.urlopen(
            "POST", "/hook", body=BODY, headers=headers, redirect=False, retries=False, preload_content=False
        )
        answer.read(MAX_ANSWER)
        answer.release_conn()
        return int(answer.status)

    with pool, ThreadPoolExecutor(64) as threads:
        loop = asyncio.get_running_loop()

        async def post() -> int:
            return await loop.run_in_executor(threads, blocking)

        yield post


class PinnedNames:
    """Gives the sender the one address."""

    async def resolve(self, host: str, port: int) -> list[str]:
        """The pinned address, whatever was asked."""
        return [ADDRESS]


@contextlib.asynccontextmanager
async def over_sender(port: int, tls: ssl.SSLContext | None, _keep: bool) -> AsyncIterator[Post]:
    """The product's own sender, with all its checks; it always keeps connections for a second."""
    url = f"{'https' if tls else 'http'}://{HOST}:{port}/hook"
    async with WebhookSender(
        resolver=PinnedNames(), urls=DEVELOPMENT_URLS, addresses=DEVELOPMENT_ADDRESSES, tls=tls
    ) as sender:

        async def post() -> int:
            return (await sender.post(url, BODY, HEADERS)).status or 0

        yield post


Carrier = Callable[[int, ssl.SSLContext | None, bool], contextlib.AbstractAsyncContextManager[Post]]
CARRIERS: Final[dict[str, Carrier]] = {
    "httpx": lambda port, tls, keep: over_httpx(httpx, port, tls, keep),
    "httpx2": lambda port, tls, keep: over_httpx(httpx2, port, tls, keep),
    "httpcore2": over_httpcore2,
    "aiohttp": over_aiohttp,
    "urllib3": over_urllib3,
    OURS: over_sender,
}


async def measure(
    carrier: Carrier, port: int, tls: ssl.SSLContext | None, keep: bool, concurrency: int, requests: int
) -> float:
    """Requests a second of one carrier, after a short warm-up."""
    async with carrier(port, tls, keep) as post:
        left = iter(range(requests))

        async def sender() -> None:
            for _ in left:
                if await post() != 200:
                    raise RuntimeError("the receiver did not answer 200")

        await asyncio.gather(*(post() for _ in range(min(concurrency, 10))))
        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(sender())
        return requests / (time.perf_counter() - start)


def main() -> None:
    """Measure and print one Markdown table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--requests", type=int, default=1_000)
    given = arguments.parse_args()
    settings = [
        (secure, keep, many) for secure in (False, True) for keep in (True, False) for many in (10, 50)
    ]
    figures: dict[tuple[str, bool, bool, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as directory, receiver(Path(directory)) as (plain, secured, trusting):
        for _ in range(given.rounds):
            for secure, keep, many in settings:
                for name, carrier in CARRIERS.items():
                    if name == OURS and not keep:
                        continue
                    port, tls = (secured, trusting) if secure else (plain, None)
                    rate = uvloop.run(measure(carrier, port, tls, keep, many, given.requests))
                    figures.setdefault((name, secure, keep, many), []).append(rate)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in CARRIERS if name != OURS)
    print(
        f"{versions}; Python {platform.python_version()}, uvloop; medians of {given.rounds} rounds, POSTs/s\n"
    )
    names = [f"{'https' if s else 'http'} {'kept' if k else 'new'} x{m}" for s, k, m in settings]
    print("| carrier | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for name in CARRIERS:
        measured = [figures.get((name, *setting)) for setting in settings]
        cells = [f"{statistics.median(rates):,.0f}" if rates else "" for rates in measured]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
