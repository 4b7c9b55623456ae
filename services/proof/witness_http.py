"""The witness as a small HTTP server: `POST /add-checkpoint`, `GET /<origin hash>/checkpoint`, `GET /key`."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from services.proof.notes import TIMESTAMPED
from services.proof.refusals import Refused
from services.proof.witnessing import MAX_REQUEST_BYTES, Answer, Witness

IDLE_SECONDS: Final = 30


def witness_server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """The server, bound and not yet serving; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"
        timeout = IDLE_SECONDS

        def do_POST(self) -> None:  # the library's name
            """`/add-checkpoint`."""
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > MAX_REQUEST_BYTES:
                self.close_connection = True
                return self._answer(
                    Answer(413 if length.isdecimal() else 411, "a body of known length, please\n")
                )
            body = self.rfile.read(int(length))
            if self.path != "/add-checkpoint":
                return self._answer(Answer(404, "not known here\n"))
            try:
                return self._answer(witness.add_checkpoint(body))
            except (Refused, OSError) as error:
                self.log_error("the witness cannot remember: %s", error)
                return self._answer(Answer(503, "the witness cannot remember\n"))

        def do_GET(self) -> None:  # the library's name
            """`/key` and `/<origin hash>/checkpoint`."""
            origin_hash, _, rest = self.path.lstrip("/").partition("/")
            if (origin_hash, rest) == ("key", ""):
                return self._answer(Answer(200, f"{witness.key.of_kind(TIMESTAMPED)}\n"))
            if rest == "checkpoint":
                return self._answer(witness.checkpoint(origin_hash))
            return self._answer(Answer(404, "not known here\n"))

        def _answer(self, answer: Answer) -> None:
            body = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer((host, port), Handler)
