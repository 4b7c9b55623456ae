"""What a database of an earlier revision holds is carried over, not lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest
import sqlalchemy as sa
from alembic import command

from services.kernel.calendar import Quarter
from services.kernel.database import Database
from services.kernel.journal.events import microseconds, new_stream_id
from services.kernel.migrating import CannotMigrate, configuration, drift, upgrade
from services.verification.domain.monitoring_round import round_id
from services.verification.projections.cases import CASES
from services.verification.projections.included_entries import last_noted, passed
from services.verification.projections.rounds import find_round
from services.verification.schema import JOURNAL

Q1: Final = Quarter.parse("2026-Q1")
STARTED: Final = microseconds(datetime(2026, 4, 1, 5, 0, tzinfo=UTC))
FINISHED: Final = microseconds(datetime(2026, 4, 9, 5, 0, tzinfo=UTC))


@pytest.fixture
def tables() -> None:
    """Here the databases are empty."""


def before_rounds_at_scale(database: Database) -> None:
    """The tables of the first revision, with a closed round over two entries in them."""
    config = configuration("verification")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        rounds = sa.table("rounds", sa.column("round_id", sa.Uuid), *map(sa.column, _ROUND))
        connection.execute(sa.insert(rounds).values(round_id=round_id(Q1), **_ROUND))
        for version, instant in ((1, STARTED), (2, FINISHED)):
            connection.execute(
                sa.insert(JOURNAL.events).values(
                    position=version,
                    stream_id=round_id(Q1),
                    stream_version=version,
                    type="kz.verification.round.opened.v1",
                    recorded_at=instant,
                    record=b"{}",
                )
            )
        periods = sa.table("included_entries", *map(sa.column, _period("a")))
        for entry, result in (("a", "conforms"), ("b", "exclude")):
            connection.execute(sa.insert(periods).values(**_period(entry)))
            connection.execute(sa.insert(CASES).values(**_case(entry, result)))


_ROUND: Final = {"quarter": "2026-Q1", "status": "closed", "entries": 2, "version": 2}


def _period(entry: str) -> dict[str, Any]:
    names = ("begun_by", "entry_id", "producer_id", "matched_kk", "matched_ru")
    return {**dict.fromkeys(names, entry), "from_on": "2026-03-02", "entry": b'{"producer":{}}'}


def _case(entry: str, result: str) -> dict[str, Any]:
    texts = ("producer_id", "product_id", "product_name_kk", "product_name_ru")
    return {
        **dict.fromkeys(texts, entry),
        "case_id": new_stream_id(),
        "kind": "monitoring",
        "status": "concluded",
        "origin": f"round:2026-Q1:{entry}",
        "legal_date": "2026-03-31",
        "entry_id": entry,
        "quarter": "2026-Q1",
        "result": result,
        "term_missed": False,
        "version": 3,
    }


def test_a_round_of_before_has_its_counts_and_the_periods_their_order(database_url: str) -> None:
    database = Database(database_url)
    before_rounds_at_scale(database)
    upgrade("verification", database)
    assert drift("verification", database) == []
    with database.read() as connection:
        found = find_round(connection, "2026-Q1")
        periods = passed(connection, "2026-03-31", after=0, upto=last_noted(connection), limit=10)
    assert found is not None
    assert (found.opened, found.conforming, found.excluded, found.closed) == (2, 1, 1, 0)
    assert (found.last_day, found.started_at, found.finished_at) == ("2026-03-31", STARTED, FINISHED)
    assert [(period.noted, period.entry_id) for period in periods] == [(1, "a"), (2, "b")]
    database.close()


def test_documents_of_which_nobody_recorded_who_uploaded_them_are_refused(sqlite_url: str) -> None:
    """They would count for whoever names them, or for nobody; no release ever kept any."""
    database = Database(sqlite_url)
    config = configuration("verification")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        row = {"sha256": "0" * 64, "media_type": "text/plain", "size": 1, "kept_at": 0}
        connection.execute(sa.insert(sa.table("documents", *map(sa.column, row))).values(row))
    with pytest.raises(CannotMigrate, match="start with an empty data folder"):
        upgrade("verification", database)
    database.close()
