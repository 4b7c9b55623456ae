"""`/v1/entries/{id}/updates`: a producer brings its own data of an entry up to date."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.http.requests import CommandRequest, Deciding
from services.register.api import presenting
from services.register.api.desk import Desk, desk_of
from services.register.api.representations import EntryShown
from services.register.api.update_forms import UpdateForm
from services.register.domain.entry import Entry
from services.register.domain.producer import Producer
from services.register.usecases.update_entry import UpdateEntry, update_entry

commands: Final = APIRouter(tags=["entries"])
LOCATION: Final = "/v1/entries/{id}"


def _shown(desk: Desk, found: Entry) -> EntryShown:
    """The entry as it stood when it was answered, now or again.

    The producer is named as it was known then, also where a transformation gave a name that counts after the
    one stated.
    """
    state = found.state
    producer_id = UUID(state.producer.producer_id)
    answered_at = desk.journal.facts_of(found.id)[found.version - 1].position
    known = sum(one.position <= answered_at for one in desk.journal.facts_of(producer_id))
    producer = desk.journal.load(Producer, producer_id, version=known)
    named = producer.named(state.producer, since=state.included_by, updated=state.stated.get("name"))
    return presenting.entry(state, named, {})


@commands.post(
    "/v1/entries/{entry_id}/updates",
    operation_id="update_entry",
    summary="Bring one's own data of an entry up to date",
    status_code=201,
    responses={201: {"model": EntryShown, "description": "Recorded, in time or late."}},
)
def update(
    request: Request,
    entry_id: UUID,
    body: UpdateForm,
    command: Annotated[CommandRequest, Depends(Deciding("producer"))],
) -> Response:
    """Order 327 para. 26: what changed in a quarter, by the 5th of the month after it; late counts too.

    Name and state registration number are the producer's: all its entries change from the same instant, each
    with a fact of its own. What was verified (BIN or IIN, the product's names and codes) needs an
    application.
    """
    desk = desk_of(request)
    asked = UpdateEntry(
        entry_id=entry_id,
        by=command.caller.principal.producer,
        given=body.given(),
        version=command.if_match,
    )
    outcome = update_entry(desk.journal, asked, command.act, desk.procedure, command.answer)
    return desk.answered(outcome, Entry, command, partial(_shown, desk), LOCATION)
