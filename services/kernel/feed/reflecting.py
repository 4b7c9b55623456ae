"""Reads that wait until they reflect a position: `min_position`, for callers who just recorded something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from anyio import to_thread
from fastapi import Query, Request

from services.kernel.http.problems import Problem
from services.kernel.http.requests import admit
from services.kernel.journal.journal import Journal

PATIENCE_SECONDS: Final = 5.0


def reflecting(journal: Journal) -> Callable[..., Awaitable[None]]:
    """A dependency for reads: waits, up to five seconds, until the journal holds `min_position`; else 412."""

    async def wait_for_position(
        request: Request,
        min_position: Annotated[
            int | None,
            Query(ge=0, le=2**53 - 1, description="Answer only once this journal position is reflected."),
        ] = None,
    ) -> None:
        if min_position is None or journal.signal.head >= min_position:
            return
        admit(request)
        if await to_thread.run_sync(journal.head) >= min_position:
            return
        if not await journal.signal.beyond(min_position - 1, seconds=PATIENCE_SECONDS):
            raise Problem("position_not_reached", position=str(min_position))

    return wait_for_position
