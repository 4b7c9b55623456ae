"""`tizilim listen`: a webhook consumer on this machine that verifies what comes and prints it.

With keys it only receives. Without, in development, it subscribes itself to the running notifications service
and ends its subscription when it is stopped.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

import httpx
import msgspec

from services.commands.registry import Installation
from services.kernel.identity.tokens import development_issuer
from services.notifications.domain.consent import ALLOWED_ORIGIN, ALLOWED_RATE, REQUEST_ORIGIN
from services.notifications.domain.signing import (
    VerificationError,
    VerificationKey,
    parse_verification_key,
    verify,
)
from services.notifications.usecases.own_events import CHALLENGE

MAX_BODY_BYTES: Final = 256 * 1024
FORWARD_SECONDS: Final = 10.0


class _Event(msgspec.Struct):
    type: str
    subject: str = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the consumer answers."""

    status: int
    body: bytes = b""


@dataclass
class Consumer:
    """Judges each request by keys that it may learn after it listens; `tell` prints a line."""

    tell: Callable[[str], None]
    forward: str | None = None
    show_bodies: bool = False
    keys: Sequence[VerificationKey] = field(default=(), init=False)
    _seen: set[str] = field(default_factory=set)
    _ready: threading.Event = field(default_factory=threading.Event)

    def know(self, keys: Sequence[VerificationKey]) -> None:
        """Trust signatures by these keys from now on; what came before waits for them."""
        self.keys = keys
        self._ready.set()

    def take(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Answer:
        """Verify one webhook, print it and answer it; only what is authentic gets a 2xx."""
        self._ready.wait(FORWARD_SECONDS)
        try:
            webhook = verify(headers, body, self.keys, now)
            event = msgspec.json.decode(body, type=_Event)
        except VerificationError as wrong:
            self.tell(f"REFUSED   {type(wrong).__name__}: {wrong}")
            return Answer(401)
        except msgspec.MsgspecError as wrong:
            self.tell(f"REFUSED   authentic, but no CloudEvent: {wrong}")
            return Answer(400)
        again = webhook.message_id in self._seen
        self._seen.add(webhook.message_id)
        position = headers.get("journal-position")
        place = f"position {position}" if position else "no position"
        outcome = "again" if again else "verified"
        self.tell(f"{outcome:9} {event.type}  {place}  {event.subject}  {webhook.message_id}")
        if self.show_bodies:
            self.tell(body.decode())
        if event.type == CHALLENGE:
            return Answer(200, str(event.data.get("challenge", "")).encode())
        return self._passed_on(headers, body) if self.forward else Answer(204)

    def _passed_on(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the program behind us answers; 502 when it does not."""
        kept = {name: value for name, value in headers.items() if name.startswith("webhook-")}
        kept |= {name: headers[name] for name in ("content-type", "journal-position") if name in headers}
        try:
            with httpx.Client(trust_env=False, timeout=FORWARD_SECONDS) as client:
                answer = client.post(self.forward or "", content=body, headers=kept)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self.tell(f"          not passed on: {type(error).__name__}")
            return Answer(502)
        self.tell(f"          passed on: {answer.status_code}")
        return Answer(answer.status_code, answer.content[:MAX_BODY_BYTES])


@contextmanager
def listening(consumer: Consumer, port: int) -> Iterator[str]:
    """The consumer's URL on loopback, for as long as the context lasts; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:  # the library's name
            self.send_response(200)
            self.send_header(ALLOWED_ORIGIN, self.headers.get(REQUEST_ORIGIN, "*"))
            self.send_header(ALLOWED_RATE, "*")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:  # the library's name
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > MAX_BODY_BYTES:
                self._say(Answer(413 if length.isdigit() else 411))
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._say(consumer.take(headers, self.rfile.read(int(length)), datetime.now(UTC)))

        def _say(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: the consumer tells what came."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Subscribes and unsubscribes at the notifications service of this installation, as an integrator."""

    http: httpx.Client
    token: Callable[[], str]

    def subscribe(self, asked: Mapping[str, Any]) -> tuple[str, VerificationKey]:
        """The subscription's id and the key of its secret. Raises `ValueError` when it is refused."""
        answer = self._send("POST", "/v1/subscriptions", json=asked)
        made = answer.json()
        if answer.status_code != 201:
            raise ValueError(f"the subscription is refused: {made.get('title')}. {made.get('detail', '')}")
        return str(made["subscription_id"]), parse_verification_key(made["secret"])

    def unsubscribe(self, subscription_id: str) -> bool:
        """End it; False when that could not be done."""
        try:
            return self._send("DELETE", f"/v1/subscriptions/{subscription_id}").status_code == 200
        except ValueError:
            return False

    def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token()}", "Idempotency-Key": uuid4().hex}
        headers["Accept-Language"] = "en"  # as the command itself speaks
        try:
            return self.http.request(method, path, headers=headers, **given)
        except httpx.HTTPError as error:
            raise ValueError(f"notifications does not answer at {self.http.base_url}: {error}") from error


def run(
    installation: Installation,
    *,
    keys: Sequence[str],
    port: int,
    asked: Mapping[str, Any],
    forward: str | None,
    show_bodies: bool,
) -> int:
    """Listen until SIGINT or SIGTERM; returns the exit code."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    consumer = Consumer(lambda line: print(line, flush=True), forward=forward, show_bodies=show_bodies)
    with listening(consumer, port) as url:
        if keys:
            consumer.know([parse_verification_key(key) for key in keys])
            print(f"listening on {url}; Ctrl-C stops", flush=True)
            stopped.wait()
            return 0
        return _subscribed(installation, consumer, {**asked, "url": url}, stopped)


def _subscribed(
    installation: Installation, consumer: Consumer, asked: Mapping[str, Any], stopped: threading.Event
) -> int:
    issuer = development_issuer(installation.var, ["notifications"])
    with httpx.Client(base_url=installation.url("notifications"), trust_env=False) as http:
        subscriber = Subscriber(http, lambda: issuer.token(subject="listener", roles=["integrator"]))
        return attend(subscriber, consumer, asked, stopped)


def attend(
    subscriber: Subscriber, consumer: Consumer, asked: Mapping[str, Any], stopped: threading.Event
) -> int:
    """Subscribe, receive until `stopped`, and leave no subscription behind; returns the exit code."""
    subscription_id, key = subscriber.subscribe(asked)
    consumer.know([key])
    consumer.tell(f"listening on {asked['url']} as subscription {subscription_id}; Ctrl-C stops")
    stopped.wait()
    if subscriber.unsubscribe(subscription_id):
        consumer.tell("the subscription is ended")
        return 0
    consumer.tell(f"subscription {subscription_id} could not be ended: DELETE it")
    return 1
