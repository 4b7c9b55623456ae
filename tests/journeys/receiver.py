"""A webhook consumer: answers the challenge, verifies every signature, remembers what came."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from services.notifications.domain.signing import parse_verification_key, verify


class Received:
    """What one endpoint has received; `secret` verifies it once known."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[dict[str, str], bytes]] = []

    def arrived(self, event_type: str) -> list[bytes]:
        """The bodies received of one type, unverified."""
        mark = f'"type":"{event_type}"'.encode()
        return [body for _headers, body in list(self.requests) if mark in body]

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """Every event received, each signature verified."""
        key = parse_verification_key(secret)
        events = []
        for headers, body in list(self.requests):
            webhook = verify(headers, body, [key], datetime.now(UTC))
            event = json.loads(body)
            assert webhook.message_id == event["id"]
            events.append(event)
        return events


@contextmanager
def receiving() -> Iterator[Received]:
    """An endpoint on loopback for as long as the context lasts."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            received.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            answer = json.dumps(json.loads(body).get("data", {}).get("challenge", "ok")).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
