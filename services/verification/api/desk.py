"""What every route of this service works with; stands in `app.state.desk`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.kernel.http.requests import Caller, provenance_of
from services.kernel.http.responses import Cursors
from services.kernel.journal.journal import Journal
from services.verification.usecases.practice import Practice


@dataclass(frozen=True, slots=True)
class Desk:
    """The authority's journal, its practice, and the cursors it signs."""

    journal: Journal
    practice: Practice
    cursors: Cursors


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def actor_of(request: Request, caller: Caller) -> str:
    """The caller's id as facts record it."""
    return provenance_of(request, caller).actor


AtDesk = Annotated[Desk, Depends(_desk)]
"""The desk of the application a route belongs to."""
