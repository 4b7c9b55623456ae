"""A real mail server on the loopback interface, and ones that behave badly."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class MailBox:
    """Takes mail, or answers as it is told to; `logins` are the names that were let in."""

    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    recipient_answer: str = "250 OK"
    data_answer: str = "250 OK"
    answers_farewell: bool = True

    async def handle_RCPT(  # noqa: N802  # the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """One recipient."""
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(  # noqa: N802  # the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """One mail."""
        if self.data_answer.startswith("250"):
            content = cast(bytes, envelope.content)
            self.received.append(message_from_bytes(content, policy=default))
            self.envelopes.append(envelope)
        return self.data_answer

    async def handle_QUIT(  # noqa: N802  # the library's name
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        """The farewell."""
        if not self.answers_farewell:
            await asyncio.Event().wait()
        return "221 Bye"


class _Server(Controller):
    """Hangs up on whoever is still there before its loop ends, which would leave their sockets open."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        """A session."""
        session: SMTP = super().factory()  # type: ignore[no-untyped-call]  # the library leaves it unannotated
        self._sessions.append(session)
        return session

    def stop(self, no_assert: bool = False) -> None:
        """Hang up, and stop."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(timeout=10)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        for session in self._sessions:
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()
        for _ in range(5_000):
            if all(session.transport is None for session in self._sessions):
                return
            await asyncio.sleep(0.001)


@contextmanager
def mail_server(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, password: str | None = None
) -> Iterator[MailBox]:
    """A server on a free port: in clear, with STARTTLS, or with TLS from the first byte."""
    box = MailBox()

    def let_in(_server: SMTP, _session: Session, _envelope: Envelope, _way: str, given: object) -> AuthResult:
        right = isinstance(given, LoginPassword) and given.password == (password or "").encode()
        if isinstance(given, LoginPassword) and right:
            box.logins.append(given.login.decode())
        return AuthResult(success=right, handled=right)

    options: dict[str, Any] = {}
    if tls is not None and not implicit:
        options |= {"tls_context": tls, "require_starttls": True}
    if password is not None:
        options |= {"authenticator": let_in, "auth_required": True, "auth_require_tls": not implicit}
    controller = _Server(
        box, hostname="127.0.0.1", port=_free_port(), ssl_context=tls if implicit else None, **options
    )
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def dripping(content: bytes) -> Iterator[int]:
    """Sends the same few bytes again and again, one at a time, and never ends a line; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while not stop.wait(0.02):
                try:
                    connection.send(content)
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.close()
