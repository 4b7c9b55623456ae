"""Where a log is read from: a folder or an address; what does not answer is named, never taken for absent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from services.proof.logs import verify_log
from services.proof.refusals import Malformed, Unreachable
from services.proof.sources import Folder, Web
from tests.proof.signed import TRUST, log_of, numbered_records


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and logs nothing."""

    def log_message(self, *_given: object) -> None:
        pass


class Broken(BaseHTTPRequestHandler):
    """Answers with an error, or promises more than it gives."""

    def do_GET(self) -> None:
        self.send_response(503 if "checkpoint" in self.path else 200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"short")

    def log_message(self, *_given: object) -> None:
        pass


@contextmanager
def served(handler: object) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:  # type: ignore[arg-type]  # a partial of one
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_log_verifies_from_a_folder_and_from_an_address(tmp_path: Path) -> None:
    log_of(numbered_records(300)).write_to(tmp_path)

    assert verify_log(Folder(tmp_path), TRUST).checkpoint.size == 300
    with served(partial(Quiet, directory=str(tmp_path))) as url:
        assert verify_log(Web(f"{url}/"), TRUST).checkpoint.size == 300
        assert Web(url).read("tile/0/999") is None


def test_what_does_not_answer_is_named() -> None:
    with served(Broken) as url:
        with pytest.raises(Unreachable, match="503"):
            Web(url).read("checkpoint")
        with pytest.raises(Unreachable):
            Web(url).read("tile/0/000")
    with pytest.raises(Unreachable):
        Web("http://127.0.0.1:9").read("checkpoint")


@pytest.mark.parametrize("address", ["ftp://x", "file:///etc/passwd", "x"])
def test_only_addresses_of_the_web_are_read(address: str) -> None:
    with pytest.raises(ValueError, match="begins with https"):
        Web(address)


class Hostile(BaseHTTPRequestHandler):
    """Answers with no HTTP, or sends the reader elsewhere."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/key":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
        else:
            self.wfile.write(b"no status line\r\n\r\n")

    def log_message(self, *_given: object) -> None:
        pass


def test_an_answer_that_is_none_and_a_redirect_are_named() -> None:
    """A token is for the address that was given, so nobody is sent on with it."""
    with served(Hostile) as url:
        with pytest.raises(Unreachable, match="checkpoint cannot be read"):
            Web(url, "token").read("checkpoint")
        with pytest.raises(Unreachable, match="key was answered with 302"):
            Web(url, "token").read("key")
    assert "/elsewhere" not in Hostile.asked


def test_a_file_without_an_end_is_no_file_of_a_log(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").symlink_to("/dev/zero")
    with pytest.raises(Malformed, match="longer than any file of a log"):
        Folder(tmp_path).read("checkpoint")
