"""A PostgreSQL server whose answers can be lost: the connection breaks at COMMIT, or just after it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa

Moment = Literal["before", "after", "late"]
_COMMIT: Final = b"COMMIT\x00"
_READ: Final = 65_536
_PATIENCE_SECONDS: Final = 20


class BreakingProxy:
    """Stands between one test and the server; breaks one connection when told to."""

    def __init__(self, server: str, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        self._break: Moment | None = None
        self._asked = threading.Event()

    def break_next_commit(self, moment: Moment) -> None:
        """Lose the next COMMIT before it reaches the server, or only the server's answer to it.

        `late`: the COMMIT reaches the server only after the client's next question on another connection.
        """
        self._break = moment

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        """Pass the client's messages on, the doomed COMMIT as its moment says."""
        with suppress(OSError):
            while sent := client.recv(_READ):
                moment = self._break if _COMMIT in sent else None
                if moment is None:
                    server.sendall(sent)
                    self._asked.set()
                    continue
                self._break = None
                self._asked.clear()
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
                if moment == "late":
                    self._asked.wait(_PATIENCE_SECONDS)
                if moment != "before":
                    server.sendall(sent)
                break
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)  # the server finishes what it was sent, then ends the session


def _pass_on(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while answered := server.recv(_READ):
            client.sendall(answered)
    for end in (client, server):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def breaking_proxy(url: str, folder: Path) -> Iterator[tuple[str, BreakingProxy]]:
    """The URL of a database behind a proxy, and the proxy."""
    made = sa.make_url(url)
    place, port = str(made.query["host"]), str(made.query.get("port", made.port or 5432))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        proxy = BreakingProxy(f"{place}/.s.PGSQL.{port}", listener)
        thread = threading.Thread(target=proxy.serve, daemon=True)
        thread.start()
        through = made.set(port=None, query={"host": str(folder), "port": "5432"})
        try:
            yield through.render_as_string(hide_password=False), proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
