"""Reads of a past look into indexes: none walks through the journal or the periods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.journal.events import microseconds
from services.register.domain.origin import Question
from services.register.projections.changes import Window, changed_within
from services.register.projections.entries import EntryFilter
from services.register.projections.moments import Moment, find_at, list_at
from services.register.projections.origin_checks import Knowledge, answers
from tests.register.desk import open_desk
from tests.register.given import AUTOMATIC, BIN, NOON


def test_no_read_of_a_past_scans_the_journal_or_the_periods(tmp_path: Path) -> None:
    with open_desk(f"sqlite:///{tmp_path / 'register.db'}", AUTOMATIC) as desk:
        entry = desk.include()
        moment = Moment(microseconds(NOON), desk.journal.head())
        asked: list[tuple[str, Any]] = []
        with desk.journal.database.read() as connection:

            def note(
                _connection: object, _cursor: object, statement: str, given: Any, *_rest: object
            ) -> None:
                asked.append((statement, given))

            sa.event.listen(connection, "before_cursor_execute", note)
            find_at(connection, entry.id, moment)
            list_at(connection, EntryFilter(status="included"), moment, after=None, limit=50)
            question = Question(BIN, "Система Есеп", legal_date(NOON), moment.valid_at)
            answers(connection, [question], Knowledge(moment.known_at, moment.valid_at))
            changed_within(connection, Window(Moment(moment.valid_at, 1), moment, "known"), None, 50)
            changed_within(connection, Window(Moment(0, moment.known_at), moment, "valid"), None, 50)
            sa.event.remove(connection, "before_cursor_execute", note)
            plans = [
                row[3]
                for statement, given in asked
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            ]
    assert len(plans) > 10
    walked = ("SCAN events", "SCAN entry_periods", "SCAN entry_status_facts")
    assert [plan for plan in plans if plan.startswith(walked)] == []
