"""What a connection may cost before a request on it is read: bounds that uvicorn leaves to a proxy.

A request's head is bounded, and what is being sent has to keep coming, or the connection is closed (as
Apache's mod_reqtimeout does). An `Upgrade` is not taken (RFC 9110 section 7.8): the request is answered as if
it did not ask for one. Requests that arrive whole, nearly all, pay next to nothing for it.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from functools import cache
from http import HTTPStatus
from typing import Final
from uuid import uuid4

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.kernel.http.problems import MEDIA_TYPE, ProblemCatalogue
from services.kernel.telemetry import logger

MAX_HEAD_BYTES: Final = 32 * 1024
"""A token takes 8 KiB at most, a URL 2,000 characters."""
PACE_SECONDS: Final = 20.0
MIN_BYTES_A_SECOND: Final = 500
_UPGRADING: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})


class Connection(HttpToolsProtocol):
    """One client's connection."""

    pace_seconds: float = PACE_SECONDS
    _is_whole = False
    """Whether all that came makes whole requests."""
    _has_begun = False
    """Whether the newest request's head was read, so that it is being answered, or was."""
    _asks_upgrade = False
    _head = 0
    """Bytes that came since the head before was read."""
    _arrived = 0
    """Bytes that came since the pace was judged."""
    _judging: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A client connected; from now on it has to send."""
        super().connection_made(transport)
        self._judge_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._judge_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of a request, a whole one, or several."""
        self._unset_keepalive_if_required()
        self._is_whole = False
        self._arrived += len(data)
        self._head += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._answer_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._refuse("request_malformed", type(error.__context__ or error).__name__)
            return
        if self._is_whole:
            self._judge_no_more()
        elif not self._has_begun and self._head > MAX_HEAD_BYTES:
            self._refuse("head_too_large")
        elif self._judging is None:
            self._judge_later()

    def on_message_begin(self) -> None:
        """The first byte of a request was read."""
        self._has_begun = self._asks_upgrade = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request was read: it is answered from now on."""
        if self.parser.should_upgrade():
            self._asks_upgrade = True
            return
        if self._head > MAX_HEAD_BYTES and self._head_length() > MAX_HEAD_BYTES:
            self._refuse("head_too_large")
            return
        self._has_begun = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The last byte of a request was read."""
        if self._asks_upgrade or self.transport.is_closing():
            return
        self._is_whole = True
        self._head = 0
        super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a request's content was read."""
        if not self.transport.is_closing():
            super().on_body(body)

    def _answer_without_upgrade(self, rest: bytes) -> None:
        """Read the head again without what asks for another protocol, and what came behind it."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse("request_malformed", "CONNECT")
            return
        lines = [method + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name not in _UPGRADING]
        self.parser = httptools.HttpRequestParser(self)
        self._head = 0
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _head_length(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _judge_later(self) -> None:
        self._arrived = 0
        self._judging = self.loop.call_later(self.pace_seconds, self._judge)

    def _judge_no_more(self) -> None:
        if self._judging is not None:
            self._judging.cancel()
            self._judging = None

    def _judge(self) -> None:
        """Close a connection on which too little came, unless it is us who do not read."""
        self._judging = None
        if self.transport.is_closing():
            return
        is_ours = self._has_begun and not (self.cycle.more_body or self.cycle.response_complete)
        if is_ours or self.flow.read_paused or self._arrived >= self.pace_seconds * MIN_BYTES_A_SECOND:
            self._judge_later()
        else:
            self._refuse("request_too_slow" if self._head else None)

    def _refuse(self, code: str | None, reason: str | None = None) -> None:
        """Answer with a problem, unless nothing was asked or the answer has begun, and close."""
        self._judge_no_more()
        if code is not None and not (self._has_begun and self.cycle.response_started):
            logger.info("request refused", extra={"code": code, "reason": reason})
            self.transport.write(_answer(code))
        self.transport.close()


@cache
def _parts(code: str) -> tuple[int, bytes]:
    kind = ProblemCatalogue().types[code]
    told = {
        "type": f"/problems/{code}",
        "title": kind.title.kk,
        "status": kind.status,
        "code": code,
        "detail": kind.detail.kk,
    }
    return kind.status, msgspec.json.encode(told)[:-1]


def _answer(code: str) -> bytes:
    """A whole answer, in Kazakh: which language is wanted may not have been read."""
    status, told = _parts(code)
    request_id = uuid4().hex
    body = told + f',"instance":"urn:request:{request_id}"}}'.encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\nContent-Language: kk\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nRequest-Id: {request_id}\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
