"""Reads that wait until what they show reflects a fact of a followed journal: `min_position`."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import anyio
import sqlalchemy as sa
from anyio import to_thread
from fastapi import Depends, Query, Request

from services.kernel.feed.reflecting import PATIENCE_SECONDS
from services.kernel.http.problems import Problem
from services.kernel.http.requests import admit
from services.notifications.api.desk import AtDesk, Desk
from services.notifications.schema import FOLLOWING

PAUSE_SECONDS: Final = 0.05
_GREATEST: Final = 2**53 - 1


async def wait_for_facts(
    request: Request,
    desk: AtDesk,
    min_position: Annotated[
        int | None,
        Query(
            ge=0,
            le=_GREATEST,
            description="Answer only once this position of the register's journal is reflected.",
        ),
    ] = None,
    min_verification_position: Annotated[
        int | None,
        Query(
            ge=0,
            le=_GREATEST,
            description="The same for the journal of the informatization authority (`verification`).",
        ),
    ] = None,
) -> None:
    """Wait, up to five seconds, until both are handled; else 412. None up to there may be parked."""
    asked = {"register": min_position, "verification": min_verification_position}
    wanted = {upstream: position for upstream, position in asked.items() if position}
    if not wanted:
        return
    admit(request)
    until = time.monotonic() + PATIENCE_SECONDS
    while (missing := await to_thread.run_sync(_missing, desk, wanted)) is not None:
        if time.monotonic() >= until:
            raise Problem("position_not_reached", position=str(missing))
        await anyio.sleep(PAUSE_SECONDS)


def _missing(desk: Desk, wanted: dict[str, int]) -> int | None:
    """The first of the positions that is not reflected yet, None when all are."""
    cursors, parked = FOLLOWING.cursors.c, FOLLOWING.parked_events.c
    with desk.database.read() as connection:
        reached = dict(connection.execute(sa.select(cursors.upstream, cursors.position)).all())
        for upstream, position in wanted.items():
            waits = sa.select(parked.position).where(parked.upstream == upstream, parked.position <= position)
            if reached.get(upstream, 0) < position or connection.scalar(waits) is not None:
                return position
    return None


REFLECTING: Final[list[Any]] = [Depends(wait_for_facts)]
"""The dependencies of a route that reads what was followed."""
