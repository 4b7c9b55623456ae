"""Names to addresses, without letting a name server hold up anything but the deliveries to its own names."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol


class Resolver(Protocol):
    """Finds a name's addresses."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """All addresses of `host`, as text. Raises OSError when there are none to be had."""
        ...


class SystemResolver:
    """The machine's own resolver, in threads of its own: a name server that hangs holds up no other work.

    Simultaneous questions about one name share one lookup, so that a hanging name holds one thread at most.
    """

    def __init__(self, threads: int = 32) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """All addresses of `host`, as the system's `getaddrinfo` gives them. Raises OSError."""
        asked = self._asked.get((host, port))
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _lookup, host, port)
            self._asked[host, port] = asked
            asked.add_done_callback(lambda done: self._forget(host, port, done))
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Take no more questions; a lookup under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, host: str, port: int, done: asyncio.Future[list[str]]) -> None:
        self._asked.pop((host, port), None)
        if not done.cancelled():
            done.exception()  # marks it as seen: whoever asked may have run into the deadline


def _lookup(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    return [str(info[4][0]) for info in found]
