"""Read models: folds over the journal that run inside the transaction that records the facts.

A read model is one file: its table, its fold from events, its queries. `RowFold` does the mechanics that all
keyed models share: load the rows a batch touches, evolve them in memory, write them back in one statement.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import ClassVar, Protocol

import sqlalchemy as sa

from services.kernel.journal.events import Event
from services.kernel.journal.rows import BulkUpsert, ByKeys, Row
from services.kernel.journal.units import Recorded


class Projection(Protocol):
    """A read model: derived from the journal alone, so it can be emptied and folded again at any time."""

    @property
    def tables(self) -> Sequence[sa.Table]:
        """The tables this model owns."""

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Bring the model up to date with `facts`, which follow what it has seen, in journal order."""


class RowFold:
    """A projection whose rows each evolve from the facts that name their key.

    `kinds` are the events that can name one; empty, any event can.
    """

    kinds: ClassVar[frozenset[type[Event]]] = frozenset()

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        self._key = next(iter(table.primary_key.columns))
        self._upsert = BulkUpsert(table)
        self._rows = ByKeys(self._key)

    @property
    def tables(self) -> Sequence[sa.Table]:
        """The one table of this model."""
        return (self.table,)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The keys of the rows that a fact concerns; none when the model ignores it."""
        raise TypeError(f"{type(self).__name__} names no keys for {type(recorded.fact.data).__name__}")

    def begins(self, recorded: Recorded) -> bool:
        """True when the fact can only be the first for its rows, so that none need be loaded."""
        return False

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact; pure."""
        raise TypeError(f"{type(self).__name__} does not evolve by {type(recorded.fact.data).__name__}")

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Load the rows that `facts` touch, evolve them in order, write them back."""
        kinds = self.kinds
        concerned = [fact for fact in facts if type(fact.fact.data) in kinds] if kinds else facts
        touched = [(key, recorded) for recorded in concerned for key in self.keys_of(recorded)]
        if not touched:
            return
        rows: dict[Hashable, Row | None] = {}
        to_load: set[Hashable] = set()
        for key, recorded in touched:
            if key not in rows:
                rows[key] = None
                if not self.begins(recorded):
                    to_load.add(key)
        if to_load:
            rows.update(self._load(connection, to_load))
        for key, recorded in touched:
            rows[key] = self.evolve(key, rows[key], recorded)
        self._upsert(connection, [row for row in rows.values() if row is not None])

    def _load(self, connection: sa.Connection, keys: Iterable[Hashable]) -> Mapping[Hashable, Row]:
        name = self._key.name
        return {row[name]: row for row in self._rows.read(connection, list(keys))}
