"""Endpoints on the loopback interface that behave well and badly, and name servers of tables."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notifications.adapters.webhook_http import AddressInfo

HOST: Final = "hooks.example.kz"
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class NameServer:
    """Answers from a table; each question takes the next answer of its name, the last one for ever."""

    answers: dict[str, list[Sequence[str]]]
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The next answer, or OSError for a name that is not in the table."""
        self.asked.append(host)
        remaining = self.answers.get(host)
        if not remaining:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]


class SilentNameServer:
    """Never answers."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Wait for ever."""
        await asyncio.get_running_loop().create_future()
        return []


@dataclass
class NoNetwork:
    """Stands where sockets are opened: notes each address and lets nothing out."""

    wanted: list[str] = field(default_factory=list)

    def __call__(self, address: AddressInfo) -> socket.socket:
        """Note the address and refuse."""
        self.wanted.append(str(address[4][0]))
        raise OSError("no network in this test")


@dataclass
class Request:
    """What an endpoint received."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Received:
    """An endpoint's port and everything that reached it."""

    port: int
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answering(answer: bytes) -> Behaviour:
    """Send `answer` and leave the connection open."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return behave


@contextlib.asynccontextmanager
async def endpoint(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Received]:
    """Listen on a free port of 127.0.0.1; read each request whole, then let `behave` answer it."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.strip().split("\r\n")
                headers = dict(one.split(": ", 1) for one in fields)
                body = await reader.readexactly(int(headers.get("Content-Length", "0")))
                received.requests.append(Request(line, headers, body))
                await behave(writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    received = Received(server.sockets[0].getsockname()[1])
    try:
        yield received
    finally:
        server.close()


def certificate_for(name: str, directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a new certificate for `name`, and a client's context that trusts only it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = directory / f"{name}.pem"
    file.write_bytes(private + pem)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cadata=pem.decode())
