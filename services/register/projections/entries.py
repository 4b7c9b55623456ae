"""Entries as they are now: the state that the domain evolves, and the columns that lists filter by."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.contract import OfficialText, ProducerRef
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
from services.register.contract.updates import EntryUpdated, UpdatedField
from services.register.domain.correcting import EntryStatus, annuls, in_order
from services.register.domain.entry_state import EntryState, evolved, standing
from services.register.domain.naming import named
from services.register.projections.applications import APPLICATIONS
from services.register.projections.facts import facts_until
from services.register.projections.producers import PRODUCERS, transformed_in
from services.register.projections.products import PRODUCT_NAMES
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
    sa.Column("former_names", sa.Text, nullable=True),
    sa.Column("reference", sa.Text, nullable=True),
    sa.Column("search", sa.Text, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("first_position", BigInt, nullable=False),
    sa.Column("position", BigInt, nullable=False),
    sa.Column("counts_from", BigInt, nullable=True),
    sa.Index("entries_status", "status", "entry_id"),
)
"""`name_*` are normalised names of the product, `former_names` those of earlier inclusions, one a line;
`state` is JSON. `search` has a line for each name and number that the entry's facts ever stated: `q` finds by
it which entries are worth a look, and what they are called at the moment asked about decides.

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
        """Evolve the rows; one of whose facts changes what counted before is made anew from all of them."""
        corrected = {r.fact.originator_id for r in facts if annuls(r.fact.data)}
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
        from_start = any(isinstance(one.data, Reinstated) and annuls(one.data) for one in known)
        row = {
            "entry_id": entry_id,
            STATE: standing(known),
            "counts_from": None if from_start else microseconds(in_order(known)[-1].effective_at),
            "search": _search_text("", *(fact.data for fact in known)),
            "version": facts[-1].fact.originator_version,
            "position": facts[-1].position,
            "first_position": before[0].position if before else facts[0].position,
        }
        self._upsert(connection, [row])

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact, and from when it holds for a past too."""
        after = super().evolve(key, row, recorded)
        search = _search_text(row["search"] if row else "", recorded.fact.data)
        return {**after, "counts_from": _counts_from(row, recorded.fact), "search": search}

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
            "former_names": _lines(name for one in state.former_names for name in (one.kk, one.ru)) or None,
            "reference": state.included.trusted_register_reference,
        }


def _counts_from(row: Row | None, fact: Fact) -> int | None:
    """The instant of a fact that counts after all before it and changes none of them; otherwise null.

    An update has the same effect whenever it was recorded: it stands after those from before its instant.
    """
    at = microseconds(fact.effective_at)
    if row is None:
        return at
    before: int | None = row["counts_from"]
    if isinstance(fact.data, EntryUpdated) and before is not None:
        return max(before, at)
    return at if before is not None and before <= at else None


def _search_text(before: str, *stated: Event) -> str:
    """What `q` is looked for in; of an individual no name, because that stands in the vault alone."""
    words = {word for event in stated for word in _words(event)}
    if not words:
        return before
    return "\n".join(sorted(words.union(before.splitlines())))


def _words(event: Event) -> list[str]:
    """The names and numbers that a fact states."""
    if isinstance(event, Included):
        return shown_as(event.product.name, event.producer.name, event.number, event.application_number)
    if isinstance(event, EntryUpdated):
        return shown_as(event.producer.name)
    return shown_as(event.product.name) if isinstance(event, EntryCorrected) and event.product else []


def shown_as(*shown: OfficialText | str | None) -> list[str]:
    """Names in each language, and numbers, as `q` compares them."""
    texts: list[str | None] = []
    for one in shown:
        texts += [one] if isinstance(one, str) or one is None else [one.kk, one.ru, one.en]
    return [normalised_name(text) for text in texts if text]


def _lines(names: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(map(normalised_name, names)))


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
        return self.stated_by("name")

    def stated_by(self, field: UpdatedField) -> str:
        """The event under which the vault holds a value: the update that last stated it, or the filing."""
        update = self.state.stated.get(field)
        return self.filed_by if update is None else update.event_id

    @property
    def entry_id(self) -> UUID:
        """Its id."""
        return UUID(self.state.included.entry_id)

    def is_called(self, wanted: EntryFilter) -> bool:
        """True where its names and numbers are what a list is filtered by."""
        included = self.state.included
        if wanted.product is not None and as_uuid(wanted.product) is None:
            name = included.product.name
            if normalised_name(wanted.product) not in (normalised_name(name.kk), normalised_name(name.ru)):
                return False
        if wanted.q is None:
            return True
        words = shown_as(
            included.product.name, self.producer.name, included.number, included.application_number
        )
        part = normalised_name(wanted.q)
        return any(part in word for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries a list shows; None filters nothing. `product` is a product id or a name."""

    producer_id: UUID | None = None
    product: str | None = None
    status: EntryStatus | None = None
    q: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on the present state, of which `q` may let pass what is called otherwise now."""
        found = self.ever()
        if self.status is not None:
            found.append(ENTRIES.c.status == self.status)
        if self.product is not None and as_uuid(self.product) is None:
            name = normalised_name(self.product)
            found.append(sa.or_(ENTRIES.c.name_kk == name, ENTRIES.c.name_ru == name))
        return found

    def ever(self) -> list[sa.ColumnElement[bool]]:
        """What holds of an entry that was ever called so: what it is called at a moment decides."""
        columns = ENTRIES.c
        found: list[sa.ColumnElement[bool]] = []
        if self.producer_id is not None:
            found.append(columns.producer_id == self.producer_id)
        if self.product is not None:
            found.append(columns.entry_id.in_(_products_ever(self.product)))
        if self.q is not None:
            part = normalised_name(self.q)
            renamed = sa.select(PRODUCERS.c.producer_id).where(
                PRODUCERS.c.search.contains(part, autoescape=True)
            )
            said = columns.search.contains(part, autoescape=True)
            found.append(sa.or_(said, columns.producer_id.in_(renamed)))
        return found


def _products_ever(product: str) -> sa.Select[tuple[UUID]] | list[UUID]:
    """The one of that id, or those that ever bore that name in Kazakh or Russian."""
    if (product_id := as_uuid(product)) is not None:
        return [product_id]
    names = PRODUCT_NAMES.c
    return sa.select(names.product_id).where(names.name == normalised_name(product))


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

    def behind(last: UUID | None) -> tuple[Sequence[UUID], list[FoundEntry]]:
        some = query if last is None else query.where(ENTRIES.c.entry_id > last)
        found = [_found(row) for row in connection.execute(some)]
        return [one.entry_id for one in found], found

    return called_so(wanted, behind, after, limit)


def called_so(
    wanted: EntryFilter,
    behind: Callable[[UUID | None], tuple[Sequence[UUID], list[FoundEntry]]],
    after: UUID | None,
    limit: int,
) -> list[FoundEntry]:
    """At most `limit` entries called what is wanted.

    `behind` gives the next `limit` ids behind one that may be, and their entries.
    """
    found: list[FoundEntry] = []
    while True:
        ids, some = behind(after)
        found += [one for one in some if one.is_called(wanted)]
        if len(ids) < limit or len(found) >= limit:
            return found[:limit]
        after = ids[-1]


def included_of(connection: sa.Connection, producer_id: UUID, *, or_out: bool = False) -> set[UUID]:
    """The entries of a producer that are in the register; with `or_out` also those rightly in it once."""
    statuses: tuple[EntryStatus, ...] = ("included", "excluded") if or_out else ("included",)
    own = (ENTRIES.c.producer_id == producer_id, ENTRIES.c.status.in_(statuses))
    return set(connection.execute(sa.select(ENTRIES.c.entry_id).where(*own)).scalars())


def rightly_of(connection: sa.Connection, producer_id: UUID) -> list[FoundEntry]:
    """The entries of a producer that are in the register or rightly were once, by their ids."""
    own = (ENTRIES.c.producer_id == producer_id, ENTRIES.c.status != "annulled")
    rows = connection.execute(FOUND.where(*own).order_by(ENTRIES.c.entry_id))
    return [_found(row) for row in rows]


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
    return FoundEntry(
        state=state,
        version=row.version,
        producer=named(state.producer, state.included_by, state.stated.get("name"), transformed_in(row)),
        filed_by=row.filed_by,
        is_open=state.status == "included",
    )
