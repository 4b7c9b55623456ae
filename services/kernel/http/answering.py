"""Answering a command that went through the journal: now or again, the same version is presented."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi.responses import Response
from pydantic import BaseModel

from services.kernel.http.requests import CommandRequest
from services.kernel.http.responses import recorded
from services.kernel.journal.aggregate import AggregateT
from services.kernel.journal.journal import Journal, Outcome


def answered(
    journal: Journal,
    outcome: Outcome[AggregateT],
    kind: type[AggregateT],
    command: CommandRequest,
    present: Callable[[AggregateT], BaseModel],
    location: str,
) -> Response:
    """The answer to `command`; `location` holds `{id}`."""
    replayed = outcome.replayed
    if replayed is not None:
        found = journal.load(kind, UUID(replayed.resource), version=replayed.stream_version)
        position, status = replayed.position, replayed.status
    elif outcome.result is not None and outcome.committed is not None:
        found, position, status = outcome.result, outcome.committed.position, command.answer.status
    else:
        raise ValueError("a command came to nothing")
    return recorded(
        present(found),
        status=status,
        version=found.version,
        position=position,
        location=location.format(id=found.id),
    )
