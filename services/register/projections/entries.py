"""Entries as they are now: the state that the domain evolves, and the columns that lists filter by."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.contract import ProducerRef
from services.kernel.database import BigInt
from services.kernel.journal.events import Event, Fact, microseconds
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.register.contract.appeals import AppealClosed
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import (
    AppealDismissed,
    AppealFiled,
    Excluded,
    ExclusionRequested,
    Included,
    MonitoringRecorded,
    Reinstated,
    TermMissed,
)
from services.register.contract.rulings import CourtRulingRecorded
from services.register.contract.updates import EntryUpdated
from services.register.domain.correcting import EntryStatus, in_order
from services.register.domain.entry_state import EntryState, evolved, standing
from services.register.domain.producer import Transformed, named
from services.register.projections.applications import APPLICATIONS
from services.register.projections.facts import facts_until
from services.register.projections.producers import PRODUCERS, ref_of
from services.register.projections.state_fold import STATE, StateFold
from services.register.schema import METADATA

ENTRIES: Final = sa.Table(
    "entries",
    METADATA,
    sa.Column("entry_id", sa.Uuid, primary_key=True),
    sa.Column("producer_id", sa.Uuid, nullable=False, index=True),
    sa.Column("application_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("exclusion_ground", sa.Text, nullable=True),
    sa.Column("name_kk", sa.Text, nullable=False, index=True),
    sa.Column("name_ru", sa.Text, nullable=False, index=True),
    sa.Column("reference", sa.Text, nullable=True),
    sa.Column("search", sa.Text, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("first_position", BigInt, nullable=False),
    sa.Column("position", BigInt, nullable=False),
    sa.Column("counts_from", BigInt, nullable=True),
    sa.Index("entries_status", "status", "entry_id"),
)
"""`name_*` are normalised names of the product, `search` all names and numbers for `q`, `state` is JSON.

From the instant `counts_from` on (microseconds since 1970, UTC) the row is also the answer about any past
that knows its last fact. It is null where facts were not recorded in the order in which they count, or one
leaves out another from the start.
"""

_KINDS: Final = (
    Included,
    MonitoringRecorded,
    ExclusionRequested,
    Excluded,
    AppealFiled,
    AppealDismissed,
    AppealClosed,
    Reinstated,
    EntryCorrected,
    CourtRulingRecorded,
    EntryUpdated,
)
_DECODER: Final = msgspec.json.Decoder(EntryState)


class Entries(StateFold[EntryState]):
    """One row an entry."""

    kinds: ClassVar[frozenset[type[Event]]] = frozenset({*_KINDS, TermMissed})

    def __init__(self) -> None:
        super().__init__(ENTRIES, EntryState)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The entry itself; a missed term only when it is the entry's."""
        data = recorded.fact.data
        own_term = isinstance(data, TermMissed) and data.term.name == "own_request"
        return (recorded.fact.originator_id,) if own_term or isinstance(data, _KINDS) else ()

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Evolve the rows; one whose entry is corrected is made anew from all facts of the entry."""
        corrected = {r.fact.originator_id for r in facts if isinstance(r.fact.data, EntryCorrected)}
        if not corrected:
            return super().fold(facts, connection)
        super().fold([r for r in facts if r.fact.originator_id not in corrected], connection)
        for entry_id in corrected:
            self._fold_anew(entry_id, [r for r in facts if r.fact.originator_id == entry_id], connection)
        return None

    def _fold_anew(self, entry_id: UUID, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """A correction concerns what went before it, which the row's state no longer holds."""
        before = facts_until(connection, [entry_id], facts[0].position - 1).get(entry_id, [])
        known = [*(one.fact for one in before), *(recorded.fact for recorded in facts)]
        row = {
            "entry_id": entry_id,
            STATE: standing(known),
            "counts_from": microseconds(in_order(known)[-1].effective_at),
            "version": facts[-1].fact.originator_version,
            "position": facts[-1].position,
            "first_position": before[0].position if before else facts[0].position,
        }
        self._upsert(connection, [row])

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact, and from when it holds for a past too."""
        after = super().evolve(key, row, recorded)
        return {**after, "counts_from": _counts_from(row, recorded.fact)}

    def evolved(self, state: EntryState | None, recorded: Recorded) -> EntryState:
        """The entry after the fact."""
        after = evolved(state, recorded.fact)
        if after is None:
            raise ValueError(f"{recorded.fact.originator_id} was never included")
        return after

    def columns(self, state: EntryState) -> Row:
        """What lists filter by."""
        name = state.included.product.name
        return {
            "producer_id": UUID(state.producer.producer_id),
            "application_id": UUID(state.included.application_id),
            "status": state.status,
            "exclusion_ground": state.exclusion.ground if state.exclusion else None,
            "name_kk": normalised_name(name.kk),
            "name_ru": normalised_name(name.ru),
            "reference": state.included.trusted_register_reference,
            "search": _search_text(state),
        }


def _counts_from(row: Row | None, fact: Fact) -> int | None:
    """The instant of a fact that counts after all before it and changes none of them; otherwise null.

    An update has the same effect whenever it was recorded: it stands after those from before its instant.
    """
    at = microseconds(fact.effective_at)
    if row is None:
        return at
    if isinstance(fact.data, Reinstated) and fact.data.annuls_from_start:
        return None
    before: int | None = row["counts_from"]
    if isinstance(fact.data, EntryUpdated) and before is not None:
        return max(before, at)
    return at if before is not None and before <= at else None


def _search_text(state: EntryState) -> str:
    """What `q` is looked for in; of an individual no name, because that stands in the vault alone."""
    names = [state.included.product.name]
    if state.producer.name is not None:
        names.append(state.producer.name)
    texts = [text for name in names for text in (name.kk, name.ru, name.en) if text]
    return "\n".join([*map(normalised_name, texts), state.included.number, state.included.application_number])


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """An entry with its producer as named then, and the filing under which the vault holds its values.

    `is_open` is true while personal values may be shown: the entry is in the register, then and now.
    """

    state: EntryState
    version: int
    producer: ProducerRef
    filed_by: str
    is_open: bool

    @property
    def named_by(self) -> str:
        """The event under which the vault holds an individual's number and name."""
        update = self.state.stated.get("name")
        return self.filed_by if update is None else update.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries a list shows; None filters nothing. `product` is a product id or a name."""

    producer_id: UUID | None = None
    product: str | None = None
    status: EntryStatus | None = None
    q: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on the present state."""
        found = self.unchanging()
        if self.status is not None:
            found.append(ENTRIES.c.status == self.status)
        return found

    def unchanging(self) -> list[sa.ColumnElement[bool]]:
        """The conditions that time travel leaves alone: everything but the status."""
        columns = ENTRIES.c
        found: list[sa.ColumnElement[bool]] = []
        if self.producer_id is not None:
            found.append(columns.producer_id == self.producer_id)
        if self.product is not None:
            found.append(is_product(self.product))
        if self.q is not None:
            found.append(columns.search.contains(normalised_name(self.q), autoescape=True))
        return found


def is_product(product: str) -> sa.ColumnElement[bool]:
    """The condition that an entry is of this product: by its id, or by its name in Kazakh or Russian."""
    columns = ENTRIES.c
    if (product_id := as_uuid(product)) is not None:
        return columns.entry_id == product_id
    name = normalised_name(product)
    return sa.or_(columns.name_kk == name, columns.name_ru == name)


def as_uuid(text: str) -> UUID | None:
    """The UUID a text is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


FOUND: Final = (
    sa.select(
        ENTRIES.c.entry_id,
        ENTRIES.c.application_id,
        ENTRIES.c.status,
        ENTRIES.c.state,
        ENTRIES.c.version,
        ENTRIES.c.position,
        ENTRIES.c.counts_from,
        APPLICATIONS.c.filed_by,
        *(column for column in PRODUCERS.c),
    )
    .join(APPLICATIONS, APPLICATIONS.c.application_id == ENTRIES.c.application_id)
    .join(PRODUCERS, PRODUCERS.c.producer_id == ENTRIES.c.producer_id)
)
"""Entries as they are now, each with its filing and its producer."""


def find(connection: sa.Connection, entry_id: UUID) -> FoundEntry | None:
    """One entry as it is now."""
    row = connection.execute(FOUND.where(ENTRIES.c.entry_id == entry_id)).one_or_none()
    return None if row is None else _found(row)


def list_entries(
    connection: sa.Connection, wanted: EntryFilter, *, after: UUID | None, limit: int
) -> list[FoundEntry]:
    """At most `limit` entries behind `after`, in the order of their ids."""
    query = FOUND.where(*wanted.conditions()).order_by(ENTRIES.c.entry_id).limit(limit)
    if after is not None:
        query = query.where(ENTRIES.c.entry_id > after)
    return [_found(row) for row in connection.execute(query)]


def included_of(connection: sa.Connection, producer_id: UUID) -> set[UUID]:
    """The entries of a producer that are in the register."""
    columns = ENTRIES.c
    found = connection.execute(
        sa.select(columns.entry_id).where(columns.producer_id == producer_id, columns.status == "included")
    )
    return set(found.scalars())


def appealed_of(connection: sa.Connection, producer_id: UUID) -> set[UUID]:
    """The entries of a producer, in the register or not, with an appeal that is undecided."""
    columns = ENTRIES.c
    rows = connection.execute(
        sa.select(columns.entry_id, columns.state).where(columns.producer_id == producer_id)
    )
    return {row.entry_id for row in rows if state_in(row.state).pending_appeals}


def filings_of(connection: sa.Connection, application_ids: Sequence[UUID]) -> dict[UUID, tuple[str, bool]]:
    """By application: the filing's event, and whether the product is in the register now."""
    rows = connection.execute(
        sa.select(APPLICATIONS.c.application_id, APPLICATIONS.c.filed_by, ENTRIES.c.status)
        .join(ENTRIES, ENTRIES.c.entry_id == APPLICATIONS.c.product_id)
        .where(APPLICATIONS.c.application_id.in_(application_ids))
    )
    return {row.application_id: (row.filed_by, row.status == "included") for row in rows}


def state_in(kept: bytes) -> EntryState:
    """The state that a row of entries keeps as JSON."""
    return _DECODER.decode(bytes(kept))


def _found(row: sa.Row[tuple[object, ...]]) -> FoundEntry:
    state = state_in(row.state)
    now = Transformed(ref_of(row), row.transformed_by, row.renamed_by)
    return FoundEntry(
        state=state,
        version=row.version,
        producer=named(state.producer, state.included_by, state.stated_by("name"), now),
        filed_by=row.filed_by,
        is_open=state.status == "included",
    )
