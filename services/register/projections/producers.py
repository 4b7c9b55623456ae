"""Producers by their opaque id and by their BIN, present or former."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.identifiers import is_bin
from services.kernel.journal.events import Event, microseconds
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import BulkInsert, Prepared, Row
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.kernel.personal_keys import pseudonym
from services.register.contract.events import (
    ProducerLiquidated,
    ProducerRegistered,
    ProducerReorganised,
    ProducerTransformed,
)
from services.register.projections.facts import facts_until
from services.register.schema import INDIVIDUALS, METADATA

PRODUCERS: Final = sa.Table(
    "producers",
    METADATA,
    sa.Column("producer_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("bin", sa.Text, nullable=True, unique=True),
    sa.Column("iin_commitment", sa.Text, nullable=True),
    sa.Column("name_kk", sa.Text, nullable=True),
    sa.Column("name_ru", sa.Text, nullable=True),
    sa.Column("name_en", sa.Text, nullable=True),
    sa.Column("ceased", sa.Text, nullable=True),
    sa.Column("transformed_by", sa.Text, nullable=True),
    sa.Column("renamed_by", sa.Text, nullable=True),
    sa.Column("search", sa.Text, nullable=False),
)
"""`ceased` is the ground on which the producer ended, `transformed_by` its last transformation's event,
`renamed_by` that of the last one that gave another name, `search` every name it ever had, one a line."""

PRODUCER_BINS: Final = sa.Table(
    "producer_bins",
    METADATA,
    sa.Column("bin", sa.Text, primary_key=True),
    sa.Column("producer_id", sa.Uuid, nullable=False, index=True),
)


class Producers(RowFold):
    """One row a producer."""

    kinds: ClassVar[frozenset[type[Event]]] = frozenset(
        {ProducerRegistered, ProducerTransformed, ProducerLiquidated, ProducerReorganised}
    )

    def __init__(self) -> None:
        super().__init__(PRODUCERS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The producer of its own stream."""
        return (recorded.fact.originator_id,) if type(recorded.fact.data) in self.kinds else ()

    def begins(self, recorded: Recorded) -> bool:
        """Registration begins a row."""
        return isinstance(recorded.fact.data, ProducerRegistered)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        if isinstance(data, ProducerRegistered):
            return _row(key, data.producer, None, None, "")
        if row is None:
            raise ValueError(f"{key} was never registered")
        if isinstance(data, ProducerTransformed):
            after = _row(key, data.producer, recorded.fact.id, recorded.fact.id, row["search"])
            renamed = any(after[name] != row[name] for name in ("name_kk", "name_ru", "name_en"))
            return after if renamed else {**after, "renamed_by": row["renamed_by"]}
        ground = "liquidation" if isinstance(data, ProducerLiquidated) else "reorganisation"
        return {**row, "ceased": ground}


class ProducerBins:
    """One row a BIN: a second producer under the same BIN is a conflict."""

    tables: Sequence[sa.Table] = (PRODUCER_BINS,)

    def __init__(self) -> None:
        self._insert = BulkInsert(PRODUCER_BINS)

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Add the BINs that registrations and transformations bring."""
        self._insert(connection, [row for recorded in facts if (row := _bin_row(recorded)) is not None])


def _bin_row(recorded: Recorded) -> Row | None:
    data = recorded.fact.data
    if isinstance(data, ProducerRegistered) and data.producer.bin is not None:
        return {"bin": data.producer.bin, "producer_id": recorded.fact.originator_id}
    if isinstance(data, ProducerTransformed) and data.producer.bin not in (None, data.former_bin):
        return {"bin": data.producer.bin, "producer_id": recorded.fact.originator_id}
    return None


def _row(
    key: Hashable, ref: ProducerRef, transformed_by: str | None, renamed_by: str | None, search: str
) -> Row:
    names = [ref.name.kk, ref.name.ru, ref.name.en] if ref.name else []
    return {
        "producer_id": key,
        "kind": ref.kind,
        "bin": ref.bin,
        "iin_commitment": ref.iin_commitment,
        "name_kk": ref.name.kk if ref.name else None,
        "name_ru": ref.name.ru if ref.name else None,
        "name_en": ref.name.en if ref.name else None,
        "ceased": None,
        "transformed_by": transformed_by,
        "renamed_by": renamed_by,
        "search": "\n".join(sorted({*search.splitlines(), *(normalised_name(n) for n in names if n)})),
    }


def ref_of(row: sa.Row[tuple[object, ...]]) -> ProducerRef:
    """The producer as events name it, from a row that holds its columns."""
    name = None
    if row.name_kk is not None:
        name = OfficialText(kk=row.name_kk, ru=row.name_ru, en=row.name_en)
    return ProducerRef(
        producer_id=str(row.producer_id),
        kind=row.kind,
        bin=row.bin,
        iin_commitment=row.iin_commitment,
        name=name,
    )


_NUMBER: Final[sa.BindParameter[str]] = sa.bindparam("number", type_=sa.Text)
_BY_ANY_BIN: Final = Prepared(sa.select(PRODUCER_BINS.c.producer_id).where(PRODUCER_BINS.c.bin == _NUMBER))
_BY_PRESENT_BIN: Final = Prepared(sa.select(PRODUCERS.c.producer_id).where(PRODUCERS.c.bin == _NUMBER))
_BY_IIN: Final = Prepared(sa.select(INDIVIDUALS.c.producer_id).where(INDIVIDUALS.c.number == _NUMBER))


def producer_of(connection: sa.Connection, number: str) -> UUID | None:
    """The producer that a BIN, present or former, or an IIN names."""
    query = _BY_ANY_BIN if is_bin(number) else _BY_IIN
    return next(iter(query.first_column(connection, number=pseudonym(connection, number))), None)


def bins_at(connection: sa.Connection, producer_id: UUID, valid_at: int, known_at: int) -> set[str]:
    """The BINs, present or former, that a producer had had by a legal instant, as known at a position.

    It has the one it registered with from the start; `valid_at` is in microseconds since 1970 (UTC).
    """
    known = facts_until(connection, [producer_id], known_at, ProducerRegistered, ProducerTransformed)
    return {
        one.fact.data.producer.bin or ""
        for one in known.get(producer_id, ())
        if isinstance(one.fact.data, ProducerRegistered)
        or (
            isinstance(one.fact.data, ProducerTransformed) and microseconds(one.fact.effective_at) <= valid_at
        )
    }


def acting_producer(connection: sa.Connection, number: str) -> UUID | None:
    """The producer that whoever holds this number acts for: a former BIN names it but acts no more."""
    if not is_bin(number):
        return producer_of(connection, number)
    return next(iter(_BY_PRESENT_BIN.first_column(connection, number=number)), None)
