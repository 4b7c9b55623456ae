"""Reads of a past look into indexes: none walks through the journal or the periods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.journal.events import microseconds
from services.register.domain.origin import Question
from services.register.projections.changes import Window, changed_within
from services.register.projections.entries import EntryFilter
from services.register.projections.moments import Moment, entries_at, find_at, list_at
from services.register.projections.origin_checks import Knowledge, answers
from tests.register.desk import Desk
from tests.register.given import BIN, NOON

LONG: Final = ("events", "entry_periods", "entry_status_facts", "entry_data_facts", "product_names")


def test_no_read_of_a_past_scans_the_journal_or_the_periods(automatic: Desk) -> None:
    entry = automatic.include()
    moment = Moment(microseconds(NOON), automatic.journal.head())
    asked: list[tuple[str, Any]] = []
    with automatic.journal.database.read() as connection:

        def note(_connection: object, _cursor: object, statement: str, given: Any, *_rest: object) -> None:
            asked.append((statement, given))

        sa.event.listen(connection, "before_cursor_execute", note)
        read_pasts(connection, entry.id, moment)
        sa.event.remove(connection, "before_cursor_execute", note)
        if connection.dialect.name == "postgresql":  # of a small table it would look at everything otherwise
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        looked = [look for statement, given in asked for look in looks_into(connection, statement, given)]
    assert {table for table, _ in looked} >= {"events", "entry_periods"}
    assert [look for look in looked if not look[1]] == []


def read_pasts(connection: sa.Connection, entry_id: UUID, moment: Moment) -> None:
    find_at(connection, entry_id, Moment(moment.valid_at, 2))
    entries_at(connection, [entry_id], moment)
    for after in (None, UUID(int=0)):
        list_at(connection, EntryFilter(status="included"), moment, after=after, limit=50)
    list_at(connection, EntryFilter(), moment, after=UUID(int=0), limit=50)
    list_at(connection, EntryFilter(product="Система Есеп"), moment, after=None, limit=50)
    question = Question(BIN, "Система Есеп", legal_date(NOON), moment.valid_at)
    answers(connection, [question], Knowledge(moment.known_at, moment.valid_at))
    changed_within(connection, Window(Moment(moment.valid_at, 1), moment, "known"), None, 50)
    changed_within(connection, Window(Moment(0, moment.known_at), moment, "valid"), None, 50)


def looks_into(connection: sa.Connection, statement: str, given: Any) -> Iterator[tuple[str, bool]]:
    """Each look of a statement into a long table, and whether an index bounds it."""
    if connection.dialect.name == "sqlite":
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given):
            how, table = (*row[3].split(), "")[:2]
            if table in LONG:
                yield table, how == "SEARCH"
        return
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", given).scalar_one()
    yield from _nodes(plan["Plan"])


def _nodes(node: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    if node.get("Relation Name") in LONG:
        yield node["Relation Name"], "Index Cond" in node or node["Node Type"] == "Bitmap Heap Scan"
    for below in node.get("Plans", ()):
        yield from _nodes(below)
