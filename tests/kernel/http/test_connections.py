"""What a connection may cost before its request is read; bytes that could be read in two ways."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import uvicorn

from services.kernel.http.connections import MAX_HEAD_BYTES, Connection

PACE = 0.4
PATIENCE = 10.0
HOST = b"Host: register\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n"
WEBSOCKET = b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"


class Impatient(Connection):
    pace_seconds = PACE


async def telling(scope: Any, receive: Any, send: Any) -> None:
    """Answers what it was asked; `/late` takes its time, `/early` answers before the content came."""
    content = b""
    if scope["path"] != "/early":
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            content += message["body"]
            if not message["more_body"]:
                break
    if scope["path"] == "/late":
        await asyncio.sleep(3 * PACE)
    told = {"method": scope["method"], "path": scope["path"], "content": content.decode()}
    body = json.dumps(told).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(telling, http=Impatient, ws="none", lifespan="off", log_config=None, port=0)
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run)
    serving.start()
    end = time.monotonic() + PATIENCE
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    serving.join(PATIENCE)


class Client:
    """One connection, byte by byte."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._answers = self._socket.makefile("rb")

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        self._socket.sendall(b"".join(parts))

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and content of the next answer; (0, {}) when the connection ended."""
        status = self._answers.readline()
        if not status:
            return 0, {}
        headers = {}
        while line := self._answers.readline().strip():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        content = self._answers.read(int(headers.get(b"content-length", b"0")))
        return int(status.split()[1]), json.loads(content)


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with closing(Client(port)) as made:
        yield made


def refused(client: Client, status: int, code: str) -> None:
    """The answer is this problem, and the connection ends with it."""
    got, problem = client.answer()
    assert (got, problem.get("code"), problem.get("status")) == (status, code, status)
    assert problem["instance"].startswith("urn:request:")
    assert client.answer() == (0, {})


SMUGGLED = {
    "length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "a length with a sign": b"Content-Length: +4\r\n\r\nabcd",
    "a length past counting": b"Content-Length: 99999999999999999999999\r\n\r\nabcd",
    "another coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"X: a\r\n Content-Length: 4\r\n\r\n",
    "a bare line feed": b"X: a\nContent-Length: 4\r\n\r\n",
    "a bare line feed in chunks": b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n",
    "a NUL": b"X: a\x00b\r\n\r\n",
}


@pytest.mark.parametrize("rest", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_what_two_readers_could_read_differently_is_no_request(client: Client, rest: bytes) -> None:
    """RFC 9112 section 11.2; whatever stands behind it is never read as a request."""
    client.send(b"POST / HTTP/1.1\r\n", HOST, rest, b"GET /behind HTTP/1.1\r\n", HOST, b"\r\n")
    refused(client, 400, "request_malformed")


@pytest.mark.parametrize(
    "line", [b"CONNECT a:443 HTTP/1.1", b"XYZZY / HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /\xd3\x99 HTTP/1.1"]
)
def test_a_line_that_asks_for_nothing_is_no_request(client: Client, line: bytes) -> None:
    client.send(line, b"\r\n", HOST, b"\r\n")
    refused(client, 400, "request_malformed")


def test_a_head_has_its_bounds(client: Client) -> None:
    filling = MAX_HEAD_BYTES - 200
    client.send(b"GET / HTTP/1.1\r\n", HOST, b"X: ", b"a" * filling, b"\r\n\r\n")
    assert client.answer()[0] == 200
    client.send(b"GET / HTTP/1.1\r\n", HOST, b"X: ", b"a" * MAX_HEAD_BYTES, b"\r\n\r\n")
    refused(client, 431, "head_too_large")


@pytest.mark.parametrize("sent", [b"X: ", b"X: a\r\n"])
def test_a_head_without_end_is_not_kept(client: Client, sent: bytes) -> None:
    client.send(b"GET / HTTP/1.1\r\n", HOST, sent)
    kept = 0
    with suppress(OSError):  # reset or broken pipe, as the system has it
        while kept < 10_000_000:
            client.send(b"a" * 1_000)
            kept += 1_000
    assert kept < 10_000_000


def test_content_may_be_larger_than_a_head(client: Client) -> None:
    content = b"x" * (4 * MAX_HEAD_BYTES)
    client.send(b"POST / HTTP/1.1\r\n", HOST, b"Content-Length: %d\r\n\r\n" % len(content), content)
    assert client.answer()[1]["content"] == content.decode()


SLOW = {
    "a head": b"GET / HTTP/1.1\r\nHost: re",
    "content": b"POST / HTTP/1.1\r\nHost: register\r\nContent-Length: 100\r\n\r\nab",
    "chunks": b"POST / HTTP/1.1\r\nHost: register\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW.keys())
@pytest.mark.parametrize("first", [True, False], ids=["at first", "later"])
def test_who_stops_sending_is_not_waited_for(client: Client, sent: bytes, first: bool) -> None:
    if not first:
        client.send(b"GET / HTTP/1.1\r\n", HOST, b"\r\n")
        assert client.answer()[0] == 200
    client.send(sent)
    refused(client, 408, "request_too_slow")


def test_who_connects_and_asks_nothing_is_left_without_a_word(client: Client) -> None:
    assert client.answer() == (0, {})


def test_who_is_answered_before_all_was_sent_hears_nothing_more(client: Client) -> None:
    client.send(b"POST /early HTTP/1.1\r\n", HOST, b"Content-Length: 100\r\n\r\nab")
    assert client.answer()[0] == 200
    assert client.answer() == (0, {})


def test_who_sends_slowly_but_steadily_is_heard(client: Client) -> None:
    client.send(b"POST / HTTP/1.1\r\n", HOST, b"Content-Length: 2000\r\n\r\n")
    for _ in range(10):
        client.send(b"x" * 200)
        time.sleep(PACE / 4)
    status, told = client.answer()
    assert (status, len(told["content"])) == (200, 2_000)


@pytest.mark.parametrize("behind", [b"", b"\r\n"], ids=["whole", "with an empty line behind it"])
def test_who_waits_for_an_answer_is_not_slow(client: Client, behind: bytes) -> None:
    client.send(b"GET /late HTTP/1.1\r\n", HOST, b"\r\n", behind)
    assert client.answer()[1]["path"] == "/late"


@pytest.mark.parametrize("asking", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("together", [True, False])
def test_an_upgrade_is_not_taken_and_the_request_is_answered(
    client: Client, asking: bytes, together: bool
) -> None:
    """RFC 9110 section 7.8. Java's HttpClient asks for h2c with its first request to an http address."""
    client.send(b"POST /a?b=c HTTP/1.1\r\n", HOST, asking, b"Content-Length: 5\r\n\r\n")
    if not together:
        time.sleep(0.05)
    client.send(b"hello", b"GET /next HTTP/1.1\r\n", HOST, b"\r\n")
    assert client.answer() == (200, {"method": "POST", "path": "/a", "content": "hello"})
    assert client.answer() == (200, {"method": "GET", "path": "/next", "content": ""})


def test_requests_behind_each_other_are_answered_in_turn(client: Client) -> None:
    client.send(*[b"GET /%d HTTP/1.1\r\n%s\r\n" % (number, HOST) for number in range(20)])
    assert [client.answer()[1]["path"] for _ in range(20)] == [f"/{number}" for number in range(20)]
