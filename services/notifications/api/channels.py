"""`/v1/channels`: how the channels besides the account fare."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import Representation, read
from services.kernel.journal.events import from_microseconds, microseconds
from services.notifications.api.desk import AtDesk
from services.notifications.domain.channels import ChannelName
from services.notifications.projections.channels import ChannelState, states_of_channels

router = APIRouter(tags=["accounts"])

DAY: Final = timedelta(days=1)


class TryMade(Representation):
    """One try of a message over a channel."""

    number: int
    at: datetime = Field(description="When it ended.")
    milliseconds: int
    status: int | None = Field(
        default=None, description="The HTTP status or SMTP code of the answer; absent without an answer."
    )
    trouble: str | None = Field(
        default=None, description="A short code of what went wrong, such as `portal_answered_503`."
    )


class LatestTry(TryMade):
    """One of a channel's latest tries; the message's receipt shows all of its own."""

    message_id: str


class ChannelFares(Representation):
    """A channel's circuit breaker, backlog and latest tries; one that is off has none."""

    channel: ChannelName
    breaker: Literal["closed", "open", "half_open"]
    held_until: datetime | None = Field(default=None, description="Nothing is sent before.")
    failing_since: datetime | None = Field(default=None, description="The first failure since a success.")
    waiting: int = Field(description="Messages not sent yet, counted up to 100,000.")
    given_up_last_day: int = Field(description="Refused, or failed at every try, in the last 24 hours.")
    latest_tries: list[LatestTry] = Field(description="At most 20, newest first.")


class Channels(Representation):
    """Every channel besides the account."""

    items: list[ChannelFares]


@router.get(
    "/v1/channels",
    operation_id="read_channels",
    summary="See how e-mail and the portal fare",
    responses={200: {"model": Channels}},
)
def read_channels(
    request: Request,
    desk: AtDesk,
    _caller: Annotated[Caller, Depends(Reading("informatization_officer", "industry_officer", "auditor"))],
) -> Response:
    """For all processes together, as it is now."""
    now = desk.clock.now()
    with desk.database.read() as connection:
        states = states_of_channels(connection, since=microseconds(now - DAY))
    return read(request, Channels(items=[_shown(one, microseconds(now)) for one in states]))


def _shown(state: ChannelState, now: int) -> ChannelFares:
    since, held = state.failing_since, state.not_before
    return ChannelFares(
        channel=state.channel,
        breaker=state.breaker,
        held_until=from_microseconds(held) if held > now else None,
        failing_since=None if since is None else from_microseconds(since),
        waiting=state.waiting,
        given_up_last_day=state.given_up,
        latest_tries=[LatestTry(message_id=row["message_id"], **dict(made_try(row))) for row in state.tries],
    )


def made_try(row: sa.RowMapping) -> TryMade:
    """A try as it is shown."""
    return TryMade(
        number=row["number"],
        at=from_microseconds(row["at"]),
        milliseconds=row["milliseconds"],
        status=row["status"],
        trouble=row["trouble"],
    )
