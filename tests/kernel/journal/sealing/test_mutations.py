"""Whatever is changed in a stored journal is found, with its first changed position.

`MUTATIONS=10000` tries as many; the usual run tries a hundred or so. What was changed is told by comparing
the rows, not by the mutation, so that a mutation that changed nothing is seen too.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from services.kernel.journal.sealing.stored import StoredLog
from services.proof.monitoring import Monitor
from services.proof.notes import Signer
from services.proof.refusals import RecordAltered, Refused, Shorter
from services.proof.tiles import Source
from tests.kernel.journal.sealing.sealing_case import ORIGIN, SEED, SealedJournal, sealed_journal
from tests.proof.signed import log_of

TRIES: Final = int(os.environ.get("MUTATIONS", "120"))
SIZE: Final = 300
SELECTED: Final = (
    "SELECT position, stream_id, stream_version, type, recorded_at, record FROM events ORDER BY position"
)

Row = tuple[Any, ...]
Rows = list[Row]


class Stored:
    """A sealed journal of 300 facts on SQLite, a monitor's memory of it, and its rows as they were."""

    def __init__(self, case: SealedJournal, memory: Path) -> None:
        self.case = case
        self.memory = memory
        case.record(SIZE)
        case.seal()
        case.unguarded("SELECT 1")
        self.rows = self.read()
        self.look(case.log, SIZE)

    def read(self) -> Rows:
        with self.case.journal.database.read() as connection:
            return [tuple(row) for row in connection.execute(sa.text(SELECTED))]

    def put(self, rows: Rows) -> None:
        with self.case.journal.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM events")
            if rows:
                connection.exec_driver_sql("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)

    def look(self, log: Source, size: int) -> None:
        """What `tizilim verify journal --memory --whole` does."""
        stored = StoredLog(self.case.journal, log, size)
        Monitor(stored, self.case.trust(), self.memory).look(whole=True)

    def refusal(self, rows: Rows, log: Source, size: int) -> Refused:
        self.put(rows)
        try:
            with pytest.raises(Refused) as refused:
                self.look(log, size)
        finally:
            self.put(self.rows)
        return refused.value


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    folder = tmp_path_factory.mktemp("mutations")
    with sealed_journal(f"sqlite:///{folder / 'journal.db'}", folder) as case:
        yield Stored(case, folder / "memory")


def first_change(before: Rows, after: Rows) -> int:
    """The first position that is not as it was."""
    for position, (old, new) in enumerate(zip(before, after, strict=False), 1):
        if old != new:
            return position
    return min(len(before), len(after)) + 1


def changed(rows: Rows, at: int, column: int, value: Any) -> Rows:
    row = rows[at]
    return [*rows[:at], (*row[:column], value, *row[column + 1 :]), *rows[at + 1 :]]


def flip_a_bit(rows: Rows, chance: random.Random) -> Rows:
    at = chance.randrange(len(rows))
    record = bytearray(rows[at][5])
    record[chance.randrange(len(record))] ^= 1 << chance.randrange(8)
    return changed(rows, at, 5, bytes(record))


def update_a_column(rows: Rows, chance: random.Random) -> Rows:
    at, column = chance.randrange(len(rows)), chance.choice([1, 2, 3, 4])
    values: dict[int, list[Any]] = {
        1: [f"{chance.getrandbits(128):032x}", "not an id"],
        2: [2, -1, 1_000_000],
        3: ["kz.ledger.ledger.line-written.v1", "", "?"],
        4: [rows[at][4] + chance.choice([-1, 1, 60_000_000]), 0],
    }
    return changed(rows, at, column, chance.choice(values[column]))


def cut_a_record(rows: Rows, chance: random.Random) -> Rows:
    at = chance.randrange(len(rows))
    return changed(rows, at, 5, rows[at][5][: chance.randrange(len(rows[at][5]))])


def swap_two(rows: Rows, chance: random.Random) -> Rows:
    """Two rows change places: with all their columns, or only their records."""
    first, second = sorted(chance.sample(range(len(rows)), 2))
    columns = chance.choice([[1, 2, 3, 4, 5], [5]])
    made = list(rows)
    for column in columns:
        made = changed(made, first, column, rows[second][column])
        made = changed(made, second, column, rows[first][column])
    return made


def copy_one_over_another(rows: Rows, chance: random.Random) -> Rows:
    source, target = chance.sample(range(len(rows)), 2)
    return changed(rows, target, 5, rows[source][5])


def delete_some(rows: Rows, chance: random.Random) -> Rows:
    at = chance.randrange(len(rows))
    return rows[:at] + rows[at + chance.choice([1, 2, 10]) :]


def delete_and_close_the_gap(rows: Rows, chance: random.Random) -> Rows:
    kept = delete_some(rows, chance)
    return [(position, *row[1:]) for position, row in enumerate(kept, 1)]


def truncate(rows: Rows, chance: random.Random) -> Rows:
    return rows[: chance.randrange(len(rows))]


Mutation = Callable[[Rows, random.Random], Rows]
MUTATIONS: Final[list[Mutation]] = [
    flip_a_bit,
    update_a_column,
    cut_a_record,
    swap_two,
    copy_one_over_another,
    delete_some,
    delete_and_close_the_gap,
    truncate,
]


def resigned(rows: Rows) -> Source:
    """A log over these rows, signed anew by whoever has the key."""
    return log_of([bytes(row[5]) for row in rows], Signer(ORIGIN, SEED))


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_every_change_of_the_stored_rows_is_found_with_its_position(stored: Stored, mutate: Mutation) -> None:
    chance = random.Random(mutate.__name__)
    for _ in range(TRIES // (len(MUTATIONS) + 2)):
        rows = mutate(stored.rows, chance)

        refused = stored.refusal(rows, stored.case.log, SIZE)

        assert refused.position == first_change(stored.rows, rows), refused


def test_a_shorter_log_signed_with_the_same_key_is_found_by_who_remembers(stored: Stored) -> None:
    chance = random.Random(1)
    for _ in range(TRIES // (len(MUTATIONS) + 2)):
        rows = truncate(stored.rows, chance)

        refused = stored.refusal(rows, resigned(rows), len(rows))

        assert isinstance(refused, Shorter)
        assert refused.position == len(rows) + 1


def test_a_rewritten_log_signed_with_the_same_key_is_found_by_who_remembers(stored: Stored) -> None:
    chance = random.Random(2)
    for _ in range(TRIES // (len(MUTATIONS) + 2)):
        rows = chance.choice([flip_a_bit, delete_and_close_the_gap])(stored.rows, chance)

        refused = stored.refusal(rows, resigned(rows), len(rows))

        assert refused.position == first_change(stored.rows, rows), refused


def test_the_journal_as_it_was_verifies_each_time(stored: Stored) -> None:
    stored.put(stored.rows)
    stored.look(stored.case.log, SIZE)
    assert stored.read() == stored.rows


def test_of_several_changes_the_first_is_named(stored: Stored) -> None:
    changes = [partial(changed, at=270, column=3, value="?"), partial(changed, at=40, column=5, value=b"x")]
    rows = stored.rows
    for change in changes:
        rows = change(rows)

    refused = stored.refusal(rows, stored.case.log, SIZE)
    assert isinstance(refused, RecordAltered)
    assert refused.position == 41
