"""A draft tried on 100,000 decided cases as the service does it: durable steps, one process."""

from __future__ import annotations

import json
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from bench.report import Report, most
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.journal.events import new_stream_id
from services.kernel.migrating import upgrade
from services.verification.domain.judgement import judge, rule_book
from services.verification.domain.simulation import judged_case
from services.verification.projections.cases import CASES
from services.verification.projections.judged_cases import JUDGED_CASES, encoded
from services.verification.usecases.simulate import carry_on_simulation, request_simulation
from tests.personal import keyed
from tests.postgres import running_postgres
from tests.verification.acting import NOON
from tests.verification.domain.test_judgement import evidence
from tests.verification.drafts import content, with_threshold

CASES_TRIED: Final = 100_000
DISTINCT: Final = 2_000
FIRST: Final = date(2026, 1, 1)
LAST: Final = date(2026, 2, 28)


def measure(report: Report, rounds: int) -> None:
    """Add seconds and rates of a stricter draft and of the rules in force on both databases."""
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        urls = {"PostgreSQL": server.create_database(), "SQLite": f"sqlite:///{Path(folder) / 'bench.db'}"}
        for kind, url in urls.items():
            database = keyed(url)
            upgrade("verification", database)
            fill(database)
            for _ in range(rounds):
                stricter = with_threshold("localisation_share", "minimum", "90")
                _report(report, f"stricter draft, {kind}", database, stricter)
                _report(report, f"rules in force, {kind}", database, content())
            database.close()


def _report(report: Report, name: str, database: Database, draft: dict[str, Any]) -> None:
    own = time.process_time()
    seconds, differing = simulated(database, draft)
    report.rate(f"{name}: {CASES_TRIED:,} cases, {differing:,} would differ", seconds, " s", most(60))
    report.rate(f"{name}: processor time", time.process_time() - own, " s")


def simulated(database: Database, draft: dict[str, Any]) -> tuple[float, int]:
    """Seconds from the request to the end, and how many decisions would differ."""
    clock = FixedClock(NOON)
    started = time.perf_counter()
    request_simulation(database, clock, rule_book(), json.dumps(draft).encode(), (FIRST, LAST))
    while carry_on_simulation(database, clock):
        pass
    seconds = time.perf_counter() - started
    query = "SELECT differences, cases_found FROM simulations ORDER BY simulation_id DESC LIMIT 1"
    with database.read() as connection:
        differences, found = connection.execute(sa.text(query)).one()
    if found != CASES_TRIED:
        raise RuntimeError(f"{found} cases instead of {CASES_TRIED}")
    return seconds, int(differences)


def fill(database: Database) -> None:
    """Decided cases as the journal's folds leave them, with two thousand distinct reports."""
    rules = rule_book().in_force("confirmation", FIRST)
    if rules is None:
        raise RuntimeError("no rules in force")
    judged = [
        judged_case(judge(evidence(str(10_000 * (number + 1))), rules, FIRST)) for number in range(DISTINCT)
    ]
    prepared = [(encoded(one), one.conforms) for one in judged]
    days = (LAST - FIRST).days + 1
    for start in range(0, CASES_TRIED, 5_000):
        cases, kept = [], []
        for number in range(start, start + 5_000):
            case_id = new_stream_id()
            content_, conforms = prepared[number % DISTINCT]
            day = FIRST + timedelta(days=number % days)
            cases.append(_case(case_id, number, day, "confirmed" if conforms else "refused"))
            kept.append({"case_id": case_id, "departs": False, "judged": content_})
        with database.write() as connection:
            connection.execute(sa.insert(CASES), cases)
            connection.execute(sa.insert(JUDGED_CASES), kept)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _case(case_id: object, number: int, day: date, result: str) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "kind": "confirmation",
        "status": "concluded",
        "origin": f"application:{number}",
        "producer_id": str(number),
        "bin": f"{number:012d}",
        "product_id": str(number),
        "product_name_kk": f"Өнім {number}",
        "product_name_ru": f"Продукт {number}",
        "legal_date": day.isoformat(),
        "result": result,
        "term_missed": False,
        "version": 3,
    }
