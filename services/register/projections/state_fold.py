"""Read models whose rows hold a state that the domain evolves, as JSON beside the columns lists filter by.

While a batch is folded the state stays an object; it is decoded once when loaded and encoded once when
written, however many facts of the batch concern it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import BulkUpsert, Row
from services.kernel.journal.units import Recorded

StateT = TypeVar("StateT", bound=msgspec.Struct)
STATE: Final = "state"


class StateFold(RowFold, Generic[StateT]):
    """Rows with a column `state`; subclasses say how it evolves and what columns it gives."""

    def __init__(self, table: sa.Table, state_kind: type[StateT]) -> None:
        super().__init__(table)
        self._decoder: msgspec.json.Decoder[StateT] = msgspec.json.Decoder(state_kind)
        self._encoder = msgspec.json.Encoder()
        self._upsert = _Finishing(table, self._finished)

    def evolved(self, state: StateT | None, recorded: Recorded) -> StateT:
        """The state after the fact; pure."""
        raise TypeError(f"{type(self).__name__} does not evolve by {type(recorded.fact.data).__name__}")

    def columns(self, state: StateT) -> Row:
        """The columns that follow from a state."""
        raise TypeError(f"{type(self).__name__} has no columns for {type(state).__name__}")

    def begins(self, recorded: Recorded) -> bool:
        """The stream's first fact begins its row."""
        return recorded.fact.originator_version == 1

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact, its state still an object."""
        state = self.evolved(row[STATE] if row else None, recorded)
        return {
            self._key.name: key,
            STATE: state,
            "version": recorded.fact.originator_version,
            "position": recorded.position,
            "first_position": row["first_position"] if row else recorded.position,
        }

    def _load(self, connection: sa.Connection, keys: Iterable[Hashable]) -> Mapping[Hashable, Row]:
        rows = super()._load(connection, keys)
        return {key: {**row, STATE: self._decoder.decode(bytes(row[STATE]))} for key, row in rows.items()}

    def _finished(self, row: Row) -> Row:
        state: Any = row[STATE]
        return {**row, **self.columns(state), STATE: self._encoder.encode(state)}


class _Finishing(BulkUpsert):
    """An upsert that first completes each row."""

    def __init__(self, table: sa.Table, finish: Callable[[Row], Row]) -> None:
        super().__init__(table)
        self._finish = finish

    def __call__(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        super().__call__(connection, [self._finish(row) for row in rows])
