"""`tizilim listen`: verifies and prints what comes, and leaves no subscription behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest

from services.commands.listen import Consumer, Subscriber, attend, listening
from services.kernel.journal.events import microseconds
from services.notifications.domain.signing import PrivateKey, Signer, SymmetricSecret, signed_headers
from services.notifications.usecases.own_events import CHALLENGE, TEST, own_event

SECRET: Final = SymmetricSecret(bytes(range(32)))
SERVICE: Final = PrivateKey(bytes(range(32)))


def event(type_name: str = TEST, key: Signer = SECRET, **data: str) -> tuple[dict[str, str], bytes]:
    """A signed event made now."""
    now = datetime.now(UTC)
    event_id, body = own_event(type_name, "s-1", data or {"test": "true"}, microseconds(now))
    return signed_headers(event_id, now, body, [key]), body


def posted(url: str, headers: dict[str, str], body: bytes) -> httpx.Response:
    return httpx.post(url, content=body, headers=headers, trust_env=False)


class Said:
    """A consumer that listens, and what it printed."""

    def __init__(self, **given: Any) -> None:
        self.lines: list[str] = []
        self.consumer = Consumer(self.lines.append, **given)


@pytest.fixture
def said() -> Said:
    made = Said()
    made.consumer.know([SECRET, SERVICE.public()])
    return made


@pytest.fixture
def url(said: Said) -> Iterator[str]:
    with listening(said.consumer, 0) as url:
        yield url


def test_what_is_authentic_is_printed_and_taken_by_either_signature(said: Said, url: str) -> None:
    for key in (SECRET, SERVICE):
        headers, body = event(key=key)
        assert posted(url, {**headers, "journal-position": "12"}, body).status_code == 204
    assert all(line.startswith(f"verified  {TEST}  position 12  s-1") for line in said.lines)


def test_what_comes_again_is_told_and_taken(said: Said, url: str) -> None:
    headers, body = event()
    assert [posted(url, headers, body).status_code for _ in range(2)] == [204, 204]
    assert [line.split()[0] for line in said.lines] == ["verified", "again"]


def test_what_is_forged_is_refused_and_the_reason_printed(said: Said, url: str) -> None:
    headers, body = event(key=SymmetricSecret(b"x" * 32))
    assert posted(url, headers, body).status_code == 401
    assert posted(url, {}, body).status_code == 401
    assert [line.split(":")[0] for line in said.lines] == [
        "REFUSED   NoMatchingSignature",
        "REFUSED   MissingHeader",
    ]


def test_an_authentic_body_that_is_no_event_is_refused(said: Said, url: str) -> None:
    body = b'{"kind": "other"}'
    headers = signed_headers("m-1", datetime.now(UTC), body, [SECRET])
    assert posted(url, headers, body).status_code == 400


def test_a_body_that_is_too_large_is_not_read(said: Said, url: str) -> None:
    assert posted(url, {}, b"x" * (256 * 1024 + 1)).status_code == 413
    assert said.lines == []


def test_a_challenge_is_sent_back_and_a_handshake_allowed(url: str) -> None:
    headers, body = event(CHALLENGE, challenge="abc")
    assert posted(url, headers, body).text == "abc"
    asked = {"WebHook-Request-Origin": "tizilim.example"}
    answer = httpx.options(url, headers=asked, trust_env=False)
    assert answer.headers["WebHook-Allowed-Origin"] == "tizilim.example"


def test_what_is_verified_is_passed_on_and_answered_as_the_program_behind_answers(
    said: Said, url: str
) -> None:
    front = Said(forward=url)
    front.consumer.know([SECRET])
    headers, body = event()
    with listening(front.consumer, 0) as front_url:
        assert posted(front_url, headers, body).status_code == 204
        said.consumer.know([])
        assert posted(front_url, headers, body).status_code == 401
    front.consumer.forward = "http://127.0.0.1:9/"
    assert front.consumer.take(headers, body, datetime.now(UTC)).status == 502


class Notifications:
    """The service as far as the listener uses it."""

    def __init__(self, status: int = 201, *, ends: bool = True) -> None:
        self.status = status
        self.ends = ends
        self.asked: list[tuple[str, str]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.path))
        assert request.headers["Accept-Language"] == "en", "the command speaks English"
        if request.method == "DELETE":
            return httpx.Response(200 if self.ends else 503, json={})
        return httpx.Response(
            self.status,
            json={"subscription_id": "s-1", "secret": SECRET.serialise(), "title": "Too many"},
        )

    def subscriber(self) -> Subscriber:
        client = httpx.Client(transport=httpx.MockTransport(self.answer), base_url="http://n")
        return Subscriber(client, lambda: "token")


def test_it_subscribes_itself_and_ends_the_subscription_when_it_is_stopped() -> None:
    service, said, stopped = Notifications(), Said(), threading.Event()
    stopped.set()
    assert attend(service.subscriber(), said.consumer, {"url": "http://l/"}, stopped) == 0
    assert service.asked == [("POST", "/v1/subscriptions"), ("DELETE", "/v1/subscriptions/s-1")]
    assert said.consumer.keys == [SECRET]


def test_a_subscription_that_cannot_be_ended_is_named() -> None:
    service, said, stopped = Notifications(ends=False), Said(), threading.Event()
    stopped.set()
    assert attend(service.subscriber(), said.consumer, {"url": "http://l/"}, stopped) == 1
    assert "s-1 could not be ended" in said.lines[-1]


def test_a_refused_subscription_is_told() -> None:
    with pytest.raises(ValueError, match="Too many"):
        Notifications(409).subscriber().subscribe({"url": "http://l/"})


def test_ctrl_c_ends_it_cleanly() -> None:
    command = [sys.executable, "-m", "services.cli", "listen", "--key", SECRET.serialise()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2].rstrip(";")
        headers, body = event()
        assert posted(url, headers, body).status_code == 204
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stdout.read().startswith("verified")
