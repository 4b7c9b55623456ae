"""What the live register tells of a past, held against a replay that ends there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.commands.comparing import value_shown
from services.register.projections.entries import EntryFilter, FoundEntry
from services.register.projections.moments import Moment, list_at

PAGE: Final = 2_000
Say = Callable[[str], None]


def same_entries(live: sa.Connection, replayed: sa.Connection, moment: Moment, say: Say) -> bool:
    """Compare each entry of the register, with its producer, as both tell it of a moment."""
    after: UUID | None = None
    counts: dict[str, int] = {}
    while True:
        some = list_at(replayed, EntryFilter(), moment, after=after, limit=PAGE)
        others = list_at(live, EntryFilter(), moment, after=after, limit=PAGE)
        for ours, theirs in zip(some, others, strict=False):
            if (difference := _difference(theirs, ours)) is not None:
                say(f"  DIFFERENT: {difference}")
                return False
            counts[ours.state.status] = counts.get(ours.state.status, 0) + 1
        if len(some) != len(others):
            say(f"  DIFFERENT: {len(others)} entries live where {len(some)} are replayed")
            return False
        if len(some) < PAGE:
            break
        after = some[-1].entry_id
    for status, count in sorted(counts.items()):
        say(f"  {status:<20} {count:>9} entries  same")
    return True


def _difference(live: FoundEntry, replayed: FoundEntry) -> str | None:
    """The first thing told of an entry that differs; whether its contacts are open depends on the present."""
    if live.entry_id != replayed.entry_id:
        return f"entry {live.entry_id} is live where {replayed.entry_id} is replayed"
    theirs, ours = _told(live), _told(replayed)
    for name, value in theirs.items():
        if value != ours[name]:
            shown = f"{value_shown(value)} live, {value_shown(ours[name])} replayed"
            return f"entry {live.entry_id}: {name} is {shown}"
    return None


def _told(found: FoundEntry) -> dict[str, object]:
    state = msgspec.structs.asdict(found.state)
    return {"version": found.version, "producer": found.producer, "filed_by": found.filed_by, **state}
