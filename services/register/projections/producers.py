"""Producers by their opaque id and by their BIN, present or former."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.database import BigInt
from services.kernel.identifiers import is_bin
from services.kernel.journal.events import Event, Fact, from_microseconds, microseconds
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import BulkInsert, ByKeys, Prepared, Row
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.kernel.personal_keys import pseudonym
from services.register.contract.events import (
    ProducerLiquidated,
    ProducerRegistered,
    ProducerReorganised,
    ProducerTransformed,
)
from services.register.domain.naming import Transformed
from services.register.domain.own_data import Stated
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
    sa.Column("numbered_at", BigInt, nullable=True),
    sa.Column("renamed_at", BigInt, nullable=True),
    sa.Column("search", sa.Text, nullable=False),
)
"""`ceased` is the ground on which the producer ended, `transformed_by` the transformation recorded last.

`renamed_by` is the event of the transformation whose name counts last; its name counts from `renamed_at`, the
BIN from `numbered_at` (microseconds since 1970, UTC; null where no transformation gave it). `search` is every
name it ever had, one a line.
"""

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
            return _row(key, data.producer)
        if row is None:
            raise ValueError(f"{key} was never registered")
        if isinstance(data, ProducerTransformed):
            return _transformed(row, data, recorded.fact)
        ground = "liquidation" if isinstance(data, ProducerLiquidated) else "reorganisation"
        return {**row, "ceased": ground}


class ProducerBins:
    """One row a BIN: a second producer under the same BIN is a conflict."""

    tables: Sequence[sa.Table] = (PRODUCER_BINS,)

    def __init__(self) -> None:
        self._insert = BulkInsert(PRODUCER_BINS)
        self._rows = ByKeys(PRODUCER_BINS.c.bin)

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Add the BINs that registrations and transformations bring; an own former one is there already."""
        rows = [row for recorded in facts if (row := _bin_row(recorded)) is not None]
        if any(isinstance(recorded.fact.data, ProducerTransformed) for recorded in facts):
            held = self._rows.read(connection, [row["bin"] for row in rows])
            rows = [row for at, row in enumerate(rows) if row not in held and row not in rows[:at]]
        self._insert(connection, rows)


def _bin_row(recorded: Recorded) -> Row | None:
    data = recorded.fact.data
    if isinstance(data, ProducerRegistered) and data.producer.bin is not None:
        return {"bin": data.producer.bin, "producer_id": recorded.fact.originator_id}
    if isinstance(data, ProducerTransformed) and data.producer.bin not in (None, data.former_bin):
        return {"bin": data.producer.bin, "producer_id": recorded.fact.originator_id}
    return None


def _row(key: Hashable, ref: ProducerRef) -> Row:
    return {
        "producer_id": key,
        "kind": ref.kind,
        "bin": ref.bin,
        "iin_commitment": ref.iin_commitment,
        **_names(ref.name),
        "ceased": None,
        "transformed_by": None,
        "renamed_by": None,
        "numbered_at": None,
        "renamed_at": None,
        "search": _search("", ref.name),
    }


def _transformed(row: Row, data: ProducerTransformed, fact: Fact) -> Row:
    """The row after a transformation: of what it gives that which counts after all that was told before."""
    at = microseconds(fact.effective_at)
    after = {**row, "transformed_by": fact.id, "search": _search(row["search"], data.producer.name)}
    if "bin" in data.changed and (row["numbered_at"] or 0) <= at:
        after |= {"bin": data.producer.bin, "numbered_at": at}
    if "name" in data.changed and (row["renamed_at"] or 0) <= at:
        after |= {**_names(data.producer.name), "renamed_by": fact.id, "renamed_at": at}
    return after


def _names(name: OfficialText | None) -> Row:
    return {
        "name_kk": name.kk if name else None,
        "name_ru": name.ru if name else None,
        "name_en": name.en if name else None,
    }


def _search(before: str, name: OfficialText | None) -> str:
    names = [name.kk, name.ru, name.en] if name else []
    return "\n".join(sorted({*before.splitlines(), *(normalised_name(one) for one in names if one)}))


def transformed_in(row: sa.Row[tuple[object, ...]]) -> Transformed:
    """What its transformations made of a producer so far, from a row that holds its columns."""
    ref = ref_of(row)
    is_renamed = row.renamed_by is not None and row.renamed_at is not None
    return Transformed(
        bin=ref.bin,
        name=ref.name if is_renamed else None,
        renamed=Stated(row.renamed_by, from_microseconds(row.renamed_at)) if is_renamed else None,
    )


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
