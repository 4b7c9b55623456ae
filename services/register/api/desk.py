"""What every route works with, and how commands and pages are answered."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from services.kernel.clock import Clock
from services.kernel.http.answering import answered
from services.kernel.http.requests import CommandRequest
from services.kernel.http.responses import Cursors
from services.kernel.journal.aggregate import AggregateT
from services.kernel.journal.journal import Journal, Outcome
from services.register.api.presenting import Personal
from services.register.domain.procedure import Procedure
from services.register.schema import VAULT


@dataclass(frozen=True, slots=True)
class Desk:
    """The register's journal, its procedure, its legal clock and the cursors it signs."""

    journal: Journal
    procedure: Procedure
    clock: Clock
    cursors: Cursors

    def answered(
        self,
        outcome: Outcome[AggregateT],
        kind: type[AggregateT],
        command: CommandRequest,
        present: Callable[[AggregateT], BaseModel],
        location: str,
    ) -> Response:
        """The answer to a command, now or again: presented from the same version either way."""
        return answered(self.journal, outcome, kind, command, present, location)

    def personal(self, connection: sa.Connection, event_ids: Collection[str]) -> dict[str, Personal]:
        """The personal values given with filings, by the filing's event."""
        if not event_ids:
            return {}
        opened = VAULT.of_events(connection, event_ids)
        return {
            event_id: {field: value.value for field, value in fields.items()}
            for event_id, fields in opened.items()
        }


def desk_of(request: Request) -> Desk:
    """The desk of the application that serves a request."""
    desk: Desk = request.app.state.desk
    return desk
