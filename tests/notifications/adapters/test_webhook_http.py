"""Real POSTs to endpoints on the loopback interface, well-behaved and otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.notifications.adapters.addresses import DEVELOPMENT_ADDRESSES
from services.notifications.adapters.resolver import SystemResolver
from services.notifications.adapters.webhook_http import MAX_ANSWER_BYTES, Attempt, Trouble, WebhookSender
from services.notifications.domain.endpoint import DEVELOPMENT_URLS
from tests.notifications.adapters.endpoints import (
    HOST,
    OK,
    Behaviour,
    NameServer,
    Received,
    SilentNameServer,
    answering,
    certificate_for,
    endpoint,
)

BODY: Final = '{"kk":"Тізілім"}'.encode()
SIGNED: Final = {"webhook-id": "id", "webhook-timestamp": "1772442000", "webhook-signature": "v1,AAAA"}
SHORT: Final = timedelta(milliseconds=300)


def sender(tls: ssl.SSLContext | None = None, deadline: timedelta = timedelta(seconds=5)) -> WebhookSender:
    names = NameServer({HOST: [["127.0.0.1"]], "other.example.kz": [["127.0.0.1"]]})
    return WebhookSender(
        resolver=names, urls=DEVELOPMENT_URLS, addresses=DEVELOPMENT_ADDRESSES, tls=tls, deadline=deadline
    )


async def exchange(
    behave: Behaviour, *, deadline: timedelta = timedelta(seconds=5), times: int = 1
) -> tuple[list[Attempt], Received]:
    async with endpoint(behave) as received, sender(deadline=deadline) as sending:
        url = f"http://{HOST}:{received.port}/hook?a=%D1%82"
        return [await sending.post(url, BODY, SIGNED) for _ in range(times)], received


def one(behave: Behaviour, deadline: timedelta = timedelta(seconds=5)) -> Attempt:
    return asyncio.run(exchange(behave, deadline=deadline))[0][0]


def test_the_body_arrives_byte_for_byte_with_the_signed_headers_and_the_endpoints_name() -> None:
    _, received = asyncio.run(exchange(answering(OK)))
    request = received.requests[0]
    assert request.line == "POST /hook?a=%D1%82 HTTP/1.1"
    assert request.body == BODY
    assert {name: request.headers[name] for name in SIGNED} == SIGNED
    assert request.headers["Host"] == f"{HOST}:{received.port}"
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["Accept-Encoding"] == "identity"


def test_an_answer_is_reported_with_status_headers_and_body() -> None:
    attempt = one(answering(b"HTTP/1.1 503 Busy\r\nretry-after: 120\r\nContent-Length: 4\r\n\r\nwait"))
    assert attempt.answer is not None
    assert (attempt.status, attempt.retry_after, attempt.answer.body) == (503, "120", b"wait")
    assert (attempt.trouble, attempt.answer.truncated) == (None, False)
    assert timedelta(0) < attempt.elapsed < timedelta(seconds=5)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    redirect = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    attempts, received = asyncio.run(exchange(answering(redirect.encode())))
    assert attempts[0].status == status
    assert len(received.requests) == 1


def test_cookies_are_not_kept() -> None:
    setting = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    _, received = asyncio.run(exchange(answering(setting), times=2))
    assert "Cookie" not in received.requests[1].headers


def test_a_connection_is_used_again_while_posts_follow_at_once() -> None:
    _, received = asyncio.run(exchange(answering(OK), times=5))
    assert (len(received.requests), received.connections) == (5, 1)


def test_a_try_tells_how_long_each_stage_took_and_which_was_not_reached() -> None:
    (first, again), _ = asyncio.run(exchange(answering(OK), times=2))
    told = first.timings
    assert told.resolved is not None
    assert told.connected is not None
    assert told.answered is not None
    assert 0 < told.resolved <= told.connected <= told.answered <= first.elapsed.total_seconds()
    assert (again.timings.resolved, again.timings.connected) == (None, None), "the connection was there"
    assert again.timings.answered is not None
    silent = one(_nothing, SHORT)
    assert silent.timings.connected is not None
    assert (silent.timings.answered, silent.trouble) == (None, Trouble.DEADLINE_PASSED)


async def _nothing(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1)


def test_16_kib_of_an_answer_are_read_and_the_rest_is_left() -> None:
    async def pour(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(1_600):
            writer.write(b"x" * 65_536)
            await writer.drain()

    started = time.monotonic()
    attempt = one(pour)
    assert attempt.answer is not None
    assert (len(attempt.answer.body), attempt.answer.truncated, attempt.status) == (
        MAX_ANSWER_BYTES,
        True,
        200,
    )
    assert time.monotonic() - started < 2


def test_an_answer_of_exactly_16_kib_is_whole() -> None:
    body = b"x" * MAX_ANSWER_BYTES
    attempt = one(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n" + body))
    assert attempt.answer is not None
    assert (attempt.answer.body, attempt.answer.truncated) == (body, False)


def test_a_compressed_answer_is_not_unpacked() -> None:
    attempt = one(answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbomb"))
    assert attempt.answer is not None
    assert attempt.answer.body == b"bomb"


def test_the_record_of_an_answers_headers_is_bounded() -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 4_000) for n in range(20))
    attempt = one(answering(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 0\r\n\r\n"))
    assert attempt.answer is not None
    assert sum(len(name) + len(value) for name, value in attempt.answer.headers) <= MAX_ANSWER_BYTES


def dripping(first: bytes, drop: bytes) -> Behaviour:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for _ in range(1_000):
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.02)

    return drip


async def _never(_: asyncio.StreamWriter) -> None:
    await asyncio.get_running_loop().create_future()


SLOW: Final[Mapping[str, Behaviour]] = {
    "no answer at all": _never,
    "a status line a byte at a time": dripping(b"", b"H"),
    "endless headers": dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "endless provisional answers": dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "a body a byte at a time": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
    "a chunked body a byte at a time": dripping(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
    "a body that never begins": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
}


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW.keys())
def test_one_deadline_ends_every_kind_of_slowness(behave: Behaviour) -> None:
    started = time.monotonic()
    attempt = one(behave, SHORT)
    assert time.monotonic() - started < 2
    assert attempt.answer is None
    assert attempt.trouble in {Trouble.DEADLINE_PASSED, Trouble.ANSWER_BROKEN}
    assert attempt.trouble is Trouble.DEADLINE_PASSED or attempt.elapsed < SHORT


def test_the_deadline_covers_a_name_server_that_never_answers() -> None:
    async def ask() -> Attempt:
        async with WebhookSender(resolver=SilentNameServer(), deadline=SHORT) as sending:
            return await sending.post(f"https://{HOST}/", BODY, SIGNED)

    assert asyncio.run(ask()).trouble is Trouble.DEADLINE_PASSED


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"\x00\xff\xfe\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
    ],
)
def test_a_broken_answer_is_a_trouble_and_not_a_crash(answer: bytes) -> None:
    assert one(answering(answer)).trouble is Trouble.ANSWER_BROKEN


def closing_after(answer: bytes) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()
        await writer.wait_closed()
        raise ConnectionError

    return behave


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"HTTP/1.1 200"]
)
def test_an_answer_cut_off_is_not_a_delivery(answer: bytes) -> None:
    assert one(closing_after(answer)).trouble is Trouble.ANSWER_BROKEN


def test_a_post_that_meets_a_closing_connection_is_not_repeated_unasked() -> None:
    behaviours = [answering(OK), closing_after(b"")]

    async def in_turn(writer: asyncio.StreamWriter) -> None:
        await behaviours.pop(0)(writer)

    attempts, received = asyncio.run(exchange(in_turn, times=2))
    assert [attempt.trouble for attempt in attempts] == [None, Trouble.ANSWER_BROKEN]
    assert (len(received.requests), received.connections) == (2, 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    parts=st.lists(
        st.binary(max_size=40)
        | st.sampled_from(
            [b"HTTP/1.1 ", b"200 OK", b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"Set-Cookie: a=\x01;;"]
        )
        | st.sampled_from(
            [b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"Connection: upgrade\r\n", b"101", b"7"]
        ),
        max_size=12,
    )
)
def test_no_bytes_from_an_endpoint_raise_out_of_a_try(parts: list[bytes]) -> None:
    attempt = one(closing_after(b"".join(parts)), SHORT)
    assert (attempt.answer is None) != (attempt.trouble is None)


def test_a_closed_port_is_not_connected() -> None:
    async def closed() -> Attempt:
        async with endpoint(answering(OK)) as gone:
            pass
        async with sender() as sending:
            return await sending.post(f"http://{HOST}:{gone.port}/", BODY, SIGNED)

    assert asyncio.run(closed()).trouble is Trouble.NOT_CONNECTED


@contextlib.asynccontextmanager
async def secured(name: str, directory: Path) -> AsyncIterator[tuple[Received, WebhookSender]]:
    serving, trusting = certificate_for(name, directory)
    async with endpoint(answering(OK), serving) as received, sender(trusting) as sending:
        yield received, sending


def test_a_certificate_for_the_endpoints_name_is_accepted_at_the_pinned_address(tmp_path: Path) -> None:
    async def ask() -> Attempt:
        async with secured(HOST, tmp_path) as (received, sending):
            return await sending.post(f"https://{HOST}:{received.port}/", BODY, SIGNED)

    assert asyncio.run(ask()).status == 200


def test_a_certificate_for_another_name_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    async def ask() -> tuple[Attempt, int]:
        async with secured("other.example.kz", tmp_path) as (received, sending):
            return await sending.post(f"https://{HOST}:{received.port}/", BODY, SIGNED), len(
                received.requests
            )

    attempt, requests = asyncio.run(ask())
    assert (attempt.trouble, requests) == (Trouble.TLS_FAILED, 0)


def test_a_second_name_at_the_same_address_does_not_ride_on_the_first_ones_connection(tmp_path: Path) -> None:
    async def ask() -> tuple[list[Attempt], Received]:
        async with secured(HOST, tmp_path) as (received, sending):
            urls = [f"https://{name}:{received.port}/" for name in (HOST, "other.example.kz")]
            return [await sending.post(url, BODY, SIGNED) for url in urls], received

    attempts, received = asyncio.run(ask())
    assert [attempt.trouble for attempt in attempts] == [None, Trouble.TLS_FAILED]
    assert len(received.requests) == 1


def test_an_authority_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    async def ask() -> Attempt:
        serving, _ = certificate_for(HOST, tmp_path)
        async with endpoint(answering(OK), serving) as received, sender() as sending:
            return await sending.post(f"https://{HOST}:{received.port}/", BODY, SIGNED)

    assert asyncio.run(ask()).trouble is Trouble.TLS_FAILED


def test_plain_http_spoken_on_a_tls_port_is_a_tls_trouble() -> None:
    async def ask() -> Attempt:
        async with endpoint(answering(OK)) as received, sender(deadline=SHORT) as sending:
            return await sending.post(f"https://{HOST}:{received.port}/", BODY, SIGNED)

    assert asyncio.run(ask()).trouble in {Trouble.TLS_FAILED, Trouble.DEADLINE_PASSED}


def test_one_hanging_endpoint_holds_up_no_other() -> None:
    async def race() -> tuple[float, int]:
        async with endpoint(_never) as stuck, endpoint(answering(OK)) as well, sender() as sending:
            hanging = [
                asyncio.create_task(sending.post(f"http://{HOST}:{stuck.port}/", BODY, SIGNED))
                for _ in range(200)
            ]
            await asyncio.sleep(0)
            started = time.monotonic()
            attempts = [await sending.post(f"http://{HOST}:{well.port}/", BODY, SIGNED) for _ in range(20)]
            took = time.monotonic() - started
            for one_hanging in hanging:
                one_hanging.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            return took, sum(attempt.status == 200 for attempt in attempts)

    took, delivered = asyncio.run(race())
    assert delivered == 20
    assert took < 4


def test_the_systems_resolver_finds_localhost_and_says_when_there_is_no_such_name() -> None:
    async def ask() -> list[str]:
        resolver = SystemResolver(threads=2)
        try:
            found = await asyncio.gather(*(resolver.resolve("localhost", 80) for _ in range(8)))
            with pytest.raises(OSError, match=r".+"):
                await resolver.resolve("a" * 70 + ".invalid", 80)
            return sorted({address for addresses in found for address in addresses})
        finally:
            resolver.close()

    assert set(asyncio.run(ask())) <= {"127.0.0.1", "::1"}


def test_a_real_post_to_localhost_in_development() -> None:
    async def ask() -> Attempt:
        resolver = SystemResolver(threads=1)
        async with (
            endpoint(answering(OK)) as received,
            WebhookSender(
                resolver=resolver, urls=DEVELOPMENT_URLS, addresses=DEVELOPMENT_ADDRESSES
            ) as sending,
        ):
            return await sending.post(f"http://localhost:{received.port}/hook", BODY, SIGNED)

    assert asyncio.run(ask()).status == 200


def test_a_sender_outside_its_context_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(RuntimeError):
        asyncio.run(sender().post(f"http://{HOST}/", BODY, SIGNED))
