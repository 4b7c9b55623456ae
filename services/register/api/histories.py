"""What happened: to one entry on both time axes, and to the register between two moments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.errors import Invalid
from services.kernel.http.requests import Reading
from services.kernel.http.responses import CursorParameter, Limit, linked
from services.kernel.journal.events import instant_text, microseconds
from services.kernel.journal.units import Recorded
from services.register.api import presenting
from services.register.api.desk import Desk, desk_of
from services.register.api.entries import absent, shown
from services.register.api.moments import (
    MOMENT_HEADERS,
    AtMoment,
    KnownAt,
    ValidAt,
    dated,
    filters_of,
    pinned,
    position_of,
    read_at,
    unpinned,
)
from services.register.api.representations import (
    ChangeShown,
    ChangesShown,
    EntryShown,
    FactShown,
    HistoryShown,
    PeriodShown,
)
from services.register.contract.corrections import EntryCorrected
from services.register.domain.correcting import told_of
from services.register.projections import entries, moments
from services.register.projections.changes import Axis, Place, Window, changed_within, facts_within
from services.register.projections.facts import KnownFact, instants_of
from services.register.projections.moments import Moment
from services.register.projections.periods import periods_told

reads: Final = APIRouter(tags=["entries"], dependencies=[Depends(Reading("public"))])
MAX_CHANGES: Final = 100


@reads.get(
    "/v1/entries/{entry_id}/history",
    operation_id="read_entry_history",
    summary="Everything recorded about an entry, and its periods, on both time axes",
    responses={200: {"model": HistoryShown, "headers": MOMENT_HEADERS}},
)
def read_history(
    request: Request, entry_id: UUID, moment: AtMoment, limit: Limit = 50, cursor: CursorParameter = None
) -> Response:
    """The facts in the order of recording, corrections apart from changes, each with both its times."""
    desk = desk_of(request)
    filters = {**filters_of(request), "entry": entry_id}
    after = 0
    if cursor is not None:
        last, *kept = desk.cursors.read(request, cursor, filters)
        after, moment = int(last), unpinned(kept, moment)
    facts = desk.journal.facts_of(entry_id)
    with desk.journal.database.snapshot() as connection:
        now = entries.find(connection, entry_id)
        if (
            now is None
            or not facts
            or (moment is not None and moments.find_at(connection, entry_id, moment) is None)
        ):
            raise absent(connection, entry_id, moment)
        known_at = facts[-1].position if moment is None else moment.known_at
        periods = _periods(connection, entry_id, known_at)
    known = facts if moment is None else _seen(facts, moment)
    wanted = [one for one in known if one.position > after]
    items = [presenting.fact(one, _corrections_of(one, known)) for one in wanted[:limit]]
    following = None
    if len(wanted) > limit:
        following = desk.cursors.write(request, [items[-1].position, *pinned(moment)], filters)
    answer = HistoryShown(items=items, next=following, periods=periods)
    return linked(request, read_at(request, answer, moment, public=True), following)


def _seen(facts: Sequence[Recorded], moment: Moment) -> list[Recorded]:
    """What is known at a moment of the time up to it, with what is known to be wrong of that."""
    known = [one for one in facts if one.position <= moment.known_at]
    told = told_of(
        (one.fact for one in known), lambda at: microseconds(at) <= moment.valid_at, as_recorded=True
    )
    return [one for one in known if one.fact.id in told]


def _corrections_of(recorded: Recorded, known: Sequence[Recorded]) -> list[str]:
    return [
        one.fact.id
        for one in known
        if isinstance(one.fact.data, EntryCorrected) and one.fact.data.corrected_event_id == recorded.fact.id
    ]


def _periods(connection: sa.Connection, entry_id: UUID, known_at: int) -> list[PeriodShown]:
    rows = periods_told(connection, entry_id, known_at)
    bounds = {bound for row in rows for bound in (row["known_from"], row["known_to"]) if bound is not None}
    at = instants_of(connection, bounds)
    return [
        PeriodShown(
            status=row["status"],
            valid_from=instant_text(row["valid_from"]),
            valid_to=None if row["valid_to"] is None else instant_text(row["valid_to"]),
            known_from=row["known_from"],
            known_from_at=instant_text(at[row["known_from"]]),
            known_to=row["known_to"],
            known_to_at=None if row["known_to"] is None else instant_text(at[row["known_to"]]),
        )
        for row in rows
    ]


@reads.get(
    "/v1/changes",
    operation_id="list_changes",
    summary="How the register differs between two moments",
    responses={200: {"model": ChangesShown, "headers": MOMENT_HEADERS}},
)
def list_changes(
    request: Request,
    start: Annotated[KnownAt, Query(alias="from", description="An instant, or a position on `axis=known`.")],
    end: Annotated[KnownAt, Query(alias="to", description="The same; now when absent.")] = None,
    axis: Annotated[
        Axis,
        Query(description="`known`: what the register learnt. `valid`: which status or data began in law."),
    ] = "known",
    valid_at: ValidAt = None,
    known_at: KnownAt = None,
    limit: Annotated[int, Query(ge=1, le=MAX_CHANGES)] = 50,
    cursor: CursorParameter = None,
) -> Response:
    """Each changed entry once, before and after, with the facts that did it; a page may be short."""
    desk = desk_of(request)
    window = _window(desk, start, end, axis, valid_at, known_at)
    filters = filters_of(request)
    after: Place | None = None
    if cursor is not None:
        at, entry_id, *kept = desk.cursors.read(request, cursor, filters)
        after = Place(int(at), UUID(str(entry_id)))
        first, second, third, fourth = (int(bound) for bound in kept)
        window = Window(Moment(first, second), Moment(third, fourth), axis)
    with desk.journal.database.snapshot() as connection:
        found, last = changed_within(connection, window, after, limit)
        items = _changes(connection, found, window)
    following = None
    if last is not None:
        bounds = [*pinned(window.start), *pinned(window.end)]
        following = desk.cursors.write(request, [last.at, str(last.entry_id), *bounds], filters)
    answer = ChangesShown(
        items=items,
        next=following,
        axis=axis,
        from_valid_at=instant_text(window.start.valid_at),
        from_known_at=window.start.known_at,
        to_valid_at=instant_text(window.end.valid_at),
        to_known_at=window.end.known_at,
    )
    shown_at = read_at(request, answer, window.end, public=True)
    return linked(request, dated(shown_at, window.end), following)


def _window(
    desk: Desk,
    start: datetime | int | None,
    end: datetime | int | None,
    axis: Axis,
    valid_at: datetime | None,
    known_at: datetime | int | None,
) -> Window:
    """The two moments asked about. Raises `Invalid` for the future, a reversed window or the other time."""
    now = desk.clock.now()
    if (known_at if axis == "known" else valid_at) is not None:
        raise Invalid("time_not_of_axis")
    if axis == "known":
        at = microseconds(_past(valid_at, now))
        first, last = (Moment(at, position_of(desk, bound, now)) for bound in (start, end))
    else:
        known = position_of(desk, known_at, now)
        first, last = (Moment(microseconds(_past(bound, now)), known) for bound in (start, end))
    if (first.valid_at, first.known_at) > (last.valid_at, last.known_at):
        raise Invalid("window_reversed")
    return Window(first, last, axis)


def _past(instant: Any, now: datetime) -> datetime:
    if instant is None:
        return now
    if not isinstance(instant, datetime):
        raise Invalid("time_not_of_axis")
    if instant > now:
        raise Invalid("instant_in_future", instant=instant.isoformat())
    return instant


def _changes(connection: sa.Connection, entry_ids: Sequence[UUID], window: Window) -> list[ChangeShown]:
    before = _at(connection, entry_ids, window.start)
    after = _at(connection, entry_ids, window.end)
    facts = _facts(connection, entry_ids, window)
    return [
        ChangeShown(
            entry_id=str(entry_id),
            before=before.get(str(entry_id)),
            after=after.get(str(entry_id)),
            facts=facts[entry_id],
        )
        for entry_id in entry_ids
        if before.get(str(entry_id)) != after.get(str(entry_id))
        or (facts[entry_id] and (window.axis == "known" or str(entry_id) in after))
    ]


def _at(connection: sa.Connection, entry_ids: Sequence[UUID], moment: Moment) -> dict[str, EntryShown]:
    found = shown(connection, moments.entries_at(connection, entry_ids, moment))
    return {item.entry_id: item for item in found}


def _facts(
    connection: sa.Connection, entry_ids: Sequence[UUID], window: Window
) -> dict[UUID, list[FactShown]]:
    """Those recorded within the window, or of a window in law those that begin to count within it."""
    if window.axis == "known":
        found = facts_within(connection, entry_ids, window)
    else:
        since = Window(Moment(window.start.valid_at, 0), window.end, "known")
        found = {
            entry_id: _beginning(facts, window)
            for entry_id, facts in facts_within(connection, entry_ids, since).items()
        }
    at = instants_of(connection, {one.position for facts in found.values() for one in facts})
    return {
        entry_id: [presenting.fact(Recorded(one.position, at[one.position], b"", one.fact)) for one in facts]
        for entry_id, facts in found.items()
    }


def _beginning(facts: Sequence[KnownFact], window: Window) -> list[KnownFact]:
    """The facts that begin to count within a window in law, as corrected, and their corrections."""
    start, end = window.start.valid_at, window.end.valid_at
    told = told_of((one.fact for one in facts), lambda at: start < microseconds(at) <= end)
    return [one for one in facts if one.fact.id in told]
