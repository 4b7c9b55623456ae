"""Sends one webhook: one POST to one endpoint, safely whatever the endpoint and its name server do.

Resolve, check every answer, connect to the very address that was checked, with the right name in Host, SNI
and certificate check; no redirects, no proxies, no cookies; one deadline for everything from the name's
resolution to the answer's last byte; at most 16 KiB of the answer read. Which library carries this and why:
`docs/decisions/0003-what-carries-webhooks.md`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from services.kernel.errors import Invalid
from services.notifications.adapters.addresses import PRODUCTION_ADDRESSES, AddressRefused, AddressRules
from services.notifications.adapters.resolver import Resolver
from services.notifications.domain.endpoint import PRODUCTION_URLS, EndpointUrl, UrlRules, parse_endpoint_url

DEADLINE: Final = timedelta(seconds=15)
MAX_ANSWER_BYTES: Final = 16 * 1024
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
USER_AGENT: Final = "Tizilim-Webhooks/1"

# Shorter than servers commonly keep an idle connection, so that a POST hardly ever meets one just being
# closed.
IDLE_SECONDS: Final = 1.0

AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
OpenSocket = Callable[[AddressInfo], socket.socket]


class Trouble(StrEnum):
    """Why a try brought no complete answer.

    `NO_USABLE_ADDRESS` is one and the same whether the URL, the name or the address is what is refused.
    Of `NOT_SIGNED` nothing was sent: the endpoint's secret cannot be opened here.
    """

    NO_USABLE_ADDRESS = "no_usable_address"
    NOT_CONNECTED = "not_connected"
    TLS_FAILED = "tls_failed"
    DEADLINE_PASSED = "deadline_passed"
    ANSWER_BROKEN = "answer_broken"
    NOT_SIGNED = "not_signed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint answered. `body` is at most 16 KiB, as sent; `truncated` when there was more."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)


@dataclass(slots=True)
class Timings:
    """How far a try came, in seconds after its beginning; None for what was not reached or not needed.

    `resolved` and `connected` (over `https` with TLS) are None on a connection that is used again too;
    `answered` is when the head of the answer was there.
    """

    resolved: float | None = None
    connected: float | None = None
    answered: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: either an answer or a trouble, and how long it took, in all and up to each stage."""

    answer: Answer | None
    trouble: Trouble | None
    elapsed: timedelta
    timings: Timings = field(default_factory=Timings)

    @property
    def status(self) -> int | None:
        """The HTTP status, where there was a complete answer."""
        return self.answer.status if self.answer else None

    @property
    def retry_after(self) -> str | None:
        """The `Retry-After` header as sent."""
        return self.answer.header("retry-after") if self.answer else None


def open_socket(address: AddressInfo) -> socket.socket:
    """A new TCP socket of the address's family, not yet connected."""
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)


class WebhookSender:
    """Sends webhooks from one event loop, any number at a time; how many is the caller's to bound.

    Use as an asynchronous context manager. `tls` must verify; by default it is the system's trust store.
    """

    def __init__(
        self,
        *,
        resolver: Resolver,
        urls: UrlRules = PRODUCTION_URLS,
        addresses: AddressRules = PRODUCTION_ADDRESSES,
        tls: ssl.SSLContext | None = None,
        deadline: timedelta = DEADLINE,
        opening: OpenSocket = open_socket,
    ) -> None:
        self._resolver = resolver
        self._urls = urls
        self._addresses = addresses
        self._tls = tls or ssl.create_default_context()
        self._deadline = deadline
        self._opening = opening
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = _TimedConnector(
            resolver=_CheckedResolver(self._resolver, self._addresses),
            use_dns_cache=False,
            ssl=self._tls,
            limit=0,
            keepalive_timeout=IDLE_SECONDS,
            socket_factory=self._checked_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=MAX_ANSWER_BYTES,
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """Make one try and tell what came of it; never raises for what the endpoint or its name server does.

        `headers` are the signed ones; content type and user agent are added.
        """
        return await self._timed("POST", url, body, {"Content-Type": CONTENT_TYPE, **headers})

    async def ask(self, url: str, headers: Mapping[str, str]) -> Attempt:
        """Ask with `OPTIONS` whether the endpoint wants to be called; as safe and bounded as a POST."""
        return await self._timed("OPTIONS", url, None, headers)

    async def _timed(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Attempt:
        watch = _Watch(asyncio.get_running_loop().time)
        _WATCH.set(watch)
        answer, trouble = await self._try(method, url, body, headers, watch)
        return Attempt(answer, trouble, timedelta(seconds=watch.elapsed()), watch.timings)

    async def _try(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], watch: _Watch
    ) -> tuple[Answer | None, Trouble | None]:
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                return await self._exchange(method, self._checked_url(url), body, headers, watch), None
        except (Invalid, TimeoutError, AddressRefused, aiohttp.ClientError) as error:
            return None, _trouble(error)

    def _checked_url(self, text: str) -> URL:
        """The URL as the carrier will read it: names are checked when resolved, addresses here."""
        endpoint = parse_endpoint_url(text, self._urls)
        if endpoint.address is not None and not self._addresses.allows(endpoint.address):
            raise AddressRefused
        url = URL(endpoint.text, encoded=True)
        if not _reads_the_same(url, endpoint):
            raise AddressRefused
        return url

    def _checked_socket(self, address: AddressInfo) -> socket.socket:
        """The last gate: no socket is opened for an address that was not allowed, whoever asks for it."""
        self._addresses.check([str(address[4][0])])
        _WATCH.get().connects = True
        return self._opening(address)

    async def _exchange(
        self, method: str, url: URL, body: bytes | None, headers: Mapping[str, str], watch: _Watch
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("the sender is used inside its own context only")
        async with self._session.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as response:
            watch.timings.answered = watch.elapsed()
            read, truncated = await _read_capped(response.content)
            if truncated:
                response.close()
            return Answer(response.status, _bounded_headers(response.raw_headers), read, truncated)


class _Watch:
    """The stop-watch of one try. `connects` once a socket was opened for it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self.timings = Timings()
        self.connects = False

    def elapsed(self) -> float:
        """Seconds since the try began."""
        return self._clock() - self._started


_WATCH: Final[ContextVar[_Watch]] = ContextVar("watch")
"""The watch of the try that a task makes. The carrier's own tracing would make a tenth more of a try."""


class _TimedConnector(aiohttp.TCPConnector):
    """Tells the watch of a try when its new connection stands."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # its name
    ) -> Connection:
        """See the carrier's own."""
        connection = await super().connect(req, traces, timeout)
        watch = _WATCH.get()
        if watch.connects:
            watch.timings.connected = watch.elapsed()
        return connection


class _CheckedResolver(AbstractResolver):
    """What the carrier asks before each new connection; it connects to nothing but these answers."""

    def __init__(self, resolver: Resolver, rules: AddressRules) -> None:
        self._resolver = resolver
        self._rules = rules

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # the interface's own parameter
    ) -> list[ResolveResult]:
        """All addresses of the host, when all may be called. Raises OSError, which AddressRefused is too."""
        found = await self._resolver.resolve(host, port)
        watch = _WATCH.get()
        watch.timings.resolved = watch.elapsed()
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._rules.check(found)
        ]

    async def close(self) -> None:
        """The resolver is its owner's."""


def _trouble(error: Exception) -> Trouble:
    """Name what went wrong; the carrier's errors are told from the special to the general."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressRefused):
        return Trouble.NO_USABLE_ADDRESS
    return next(trouble for kind, trouble in _TROUBLES if isinstance(error, kind))


_TROUBLES: Final[tuple[tuple[type[Exception], Trouble], ...]] = (
    (Invalid, Trouble.NO_USABLE_ADDRESS),
    (TimeoutError, Trouble.DEADLINE_PASSED),
    (AddressRefused, Trouble.NO_USABLE_ADDRESS),
    (aiohttp.ClientConnectorDNSError, Trouble.NO_USABLE_ADDRESS),
    (aiohttp.ClientSSLError, Trouble.TLS_FAILED),
    (aiohttp.ClientConnectorError, Trouble.NOT_CONNECTED),
    (aiohttp.ClientError, Trouble.ANSWER_BROKEN),
)


def _reads_the_same(url: URL, endpoint: EndpointUrl) -> bool:
    return (url.scheme, url.raw_host, url.port, url.raw_path_qs, url.user) == (
        endpoint.scheme,
        endpoint.host,
        endpoint.port,
        endpoint.target,
        None,
    )


async def _read_capped(content: aiohttp.StreamReader) -> tuple[bytes, bool]:
    """The body up to the limit, and whether there was more."""
    read = bytearray()
    while len(read) <= MAX_ANSWER_BYTES:
        chunk = await content.read(MAX_ANSWER_BYTES + 1 - len(read))
        if not chunk:
            return bytes(read), False
        read += chunk
    return bytes(read[:MAX_ANSWER_BYTES]), True


def _bounded_headers(raw: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """The answer's headers up to the same limit, for the attempt's record."""
    kept: list[tuple[str, str]] = []
    size = 0
    for name, value in raw:
        size += len(name) + len(value)
        if size > MAX_ANSWER_BYTES:
            break
        kept.append((name.decode("latin-1"), value.decode("latin-1")))
    return tuple(kept)
