"""Producers by their opaque id, as events name them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.journal.projection import Row, RowFold
from services.kernel.journal.units import Recorded
from services.register.contract.events import (
    ProducerLiquidated,
    ProducerRegistered,
    ProducerReorganised,
    ProducerTransformed,
)
from services.register.schema import METADATA

PRODUCERS: Final = sa.Table(
    "producers",
    METADATA,
    sa.Column("producer_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("bin", sa.Text, nullable=True),
    sa.Column("iin_commitment", sa.Text, nullable=True),
    sa.Column("name_kk", sa.Text, nullable=True),
    sa.Column("name_ru", sa.Text, nullable=True),
    sa.Column("name_en", sa.Text, nullable=True),
    sa.Column("status", sa.Text, nullable=False),
)


class Producers(RowFold):
    """One row a producer."""

    def __init__(self) -> None:
        super().__init__(PRODUCERS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The producer of its own stream."""
        kinds = (ProducerRegistered, ProducerTransformed, ProducerLiquidated, ProducerReorganised)
        return (recorded.fact.originator_id,) if isinstance(recorded.fact.data, kinds) else ()

    def begins(self, recorded: Recorded) -> bool:
        """Registration begins a row."""
        return isinstance(recorded.fact.data, ProducerRegistered)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        if isinstance(data, ProducerRegistered | ProducerTransformed):
            return _row(key, data.producer)
        if row is None:
            raise ValueError(f"{key} was never registered")
        return {**row, "status": "liquidated" if isinstance(data, ProducerLiquidated) else "reorganised"}


def _row(key: Hashable, ref: ProducerRef) -> Row:
    return {
        "producer_id": key,
        "kind": ref.kind,
        "bin": ref.bin,
        "iin_commitment": ref.iin_commitment,
        "name_kk": ref.name.kk if ref.name else None,
        "name_ru": ref.name.ru if ref.name else None,
        "name_en": ref.name.en if ref.name else None,
        "status": "active",
    }


def ref_of(row: sa.RowMapping) -> ProducerRef:
    """The producer as events name it."""
    name = None
    if row["name_kk"] is not None:
        name = OfficialText(kk=row["name_kk"], ru=row["name_ru"], en=row["name_en"])
    return ProducerRef(
        producer_id=str(UUID(str(row["producer_id"]))),
        kind=row["kind"],
        bin=row["bin"],
        iin_commitment=row["iin_commitment"],
        name=name,
    )
