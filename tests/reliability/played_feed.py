"""A register's feed played from a list of events, over HTTP, with long-polling."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.notifications.office import Publisher


class PlayedFeed:
    """What the publisher has recorded so far; `reads` counts the pages that were asked for."""

    def __init__(self, publisher: Publisher) -> None:
        self.url = ""
        self.reads = 0
        self._publisher = publisher

    def page(self, after: int, limit: int, wait: float) -> bytes:
        """A page of the feed, once there is one or the wait is over."""
        self.reads += 1
        until = time.monotonic() + wait
        while len(self._publisher.events) <= after and time.monotonic() < until:
            threading.Event().wait(0.005)
        events = self._publisher.events
        items = [
            {"position": one.position, "event": msgspec.Raw(one.record), "confidential": one.confidential}
            for one in events[after : after + limit]
        ]
        return msgspec.json.encode({"events": items, "head": len(events)})


@contextmanager
def playing(publisher: Publisher) -> Iterator[PlayedFeed]:
    """The feed, served meanwhile."""
    feed = PlayedFeed(publisher)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # the library's name
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            wait = min(float(asked.get("wait", 0)), 2.0)
            body = feed.page(int(asked.get("after", 0)), int(asked.get("limit", 500)), wait)
            with suppress(ConnectionError):  # whoever asked was killed meanwhile
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    feed.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield feed
    finally:
        server.shutdown()
        server.server_close()
