"""The list of entries as the public sees it now: order 327 Appendix 1 without the personal columns."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.projection import Row, RowFold
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.register.contract.events import (
    AppealDismissed,
    AppealFiled,
    Excluded,
    ExclusionRequested,
    Included,
    MonitoringRecorded,
    Reinstated,
)
from services.register.schema import METADATA

ENTRIES: Final = sa.Table(
    "entries",
    METADATA,
    sa.Column("entry_id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("producer_id", sa.Uuid, nullable=False, index=True),
    sa.Column("name_kk", sa.Text, nullable=False),
    sa.Column("name_ru", sa.Text, nullable=False),
    sa.Column("search", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("included_on", sa.Text, nullable=False),
    sa.Column("excluded_on", sa.Text, nullable=True),
    sa.Column("exclusion_ground", sa.Text, nullable=True),
    sa.Column("inclusion", sa.LargeBinary, nullable=False),
    sa.Column("inclusion_event_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("position", BigInt, nullable=False),
    sa.Index("entries_status", "status", "number"),
)
"""`inclusion` holds the JSON of the last `Included`; `search` the normalised names for `q`."""

_KINDS: Final = (
    Included,
    MonitoringRecorded,
    ExclusionRequested,
    Excluded,
    AppealFiled,
    AppealDismissed,
    Reinstated,
)
_ENCODER: Final = msgspec.json.Encoder()


class Entries(RowFold):
    """One row an entry."""

    def __init__(self) -> None:
        super().__init__(ENTRIES)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The entry itself."""
        return (recorded.fact.originator_id,) if isinstance(recorded.fact.data, _KINDS) else ()

    def begins(self, recorded: Recorded) -> bool:
        """Each inclusion states the whole row anew."""
        return isinstance(recorded.fact.data, Included)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        if isinstance(data, Included):
            row = _included(key, data, recorded)
        elif row is None:
            raise ValueError(f"{key} was never included")
        elif isinstance(data, Excluded):
            row = {
                **row,
                "status": "excluded",
                "excluded_on": data.excluded_on,
                "exclusion_ground": data.ground,
            }
        elif isinstance(data, Reinstated):
            row = {**row, "status": "included", "excluded_on": None, "exclusion_ground": None}
        return {**row, "version": recorded.fact.originator_version, "position": recorded.position}


def _included(key: Hashable, data: Included, recorded: Recorded) -> Row:
    names = [data.product.name.kk, data.product.name.ru, data.product.name.en or ""]
    if data.producer.name is not None:
        names += [data.producer.name.kk, data.producer.name.ru]
    return {
        "entry_id": key,
        "number": data.number,
        "producer_id": UUID(data.producer.producer_id),
        "name_kk": normalised_name(data.product.name.kk),
        "name_ru": normalised_name(data.product.name.ru),
        "search": "\n".join(normalised_name(name) for name in names),
        "status": "included",
        "included_on": data.included_on,
        "excluded_on": None,
        "exclusion_ground": None,
        "inclusion": _ENCODER.encode(data),
        "inclusion_event_id": recorded.fact.id,
    }
