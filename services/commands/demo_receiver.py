"""A webhook consumer for the demo and tests: an endpoint on loopback that verifies every signature."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from services.notifications.domain.signing import parse_verification_key, verify


class Endpoint:
    """What came to one endpoint."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[dict[str, str], bytes]] = []

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Keep one request."""
        self.requests.append((headers, body))

    def arrived(self, event_type: str) -> list[bytes]:
        """The bodies that came of one type, repeated ones too, unverified."""
        mark = f'"type":"{event_type}"'.encode()
        return [body for _headers, body in list(self.requests) if mark in body]

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """Every event once, in the order of arrival. Raises `VerificationError` for a wrong signature."""
        key = parse_verification_key(secret)
        events: dict[str, dict[str, Any]] = {}
        for headers, body in list(self.requests):
            webhook = verify(headers, body, [key], datetime.now(UTC))
            events.setdefault(webhook.message_id, json.loads(body))
        return list(events.values())


@contextmanager
def listening() -> Iterator[Endpoint]:
    """An endpoint for as long as the context lasts; it echoes challenges."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            endpoint.take({name.lower(): value for name, value in self.headers.items()}, body)
            answer = str(json.loads(body)["data"].get("challenge", "")).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: what came is kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
