"""Replay at length: whole rebuilds of both journals side by side, export and import, beside a bare scan."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg

from bench.multiplied import fill
from bench.report import Report, least
from services.commands.export import export_journal
from services.commands.importing import import_journal
from services.commands.rebuild import rebuild
from services.commands.registry import JOURNALS, Installation, database_of
from tests.postgres import PostgresServer, running_postgres

EVENTS: Final = int(os.environ.get("REPLAY_EVENTS", "100000"))
"""In both journals together."""


def measure(report: Report, rounds: int) -> None:
    """Add the rates of both databases to `report`, each with its ratio to the scan of its round."""
    with running_postgres() as server:
        for kind in ("SQLite", "PostgreSQL"):
            with tempfile.TemporaryDirectory() as folder:
                installation = Installation(Path(folder), 8000)
                _point(server if kind == "PostgreSQL" else None)
                for service in JOURNALS:
                    with closing(database_of(service, installation.var)) as database:
                        fill(service, database, EVENTS // len(JOURNALS))
                for _ in range(rounds):
                    floor = _scan(report, kind, installation)
                    _rebuild(report, kind, installation, floor)
                    _carry(report, kind, installation, floor, server)
    _point(None)


def _point(server: PostgresServer | None) -> None:
    """Let the commands find databases of a server, or files."""
    for service in JOURNALS:
        variable = f"TIZILIM_{service.upper()}_DATABASE_URL"
        os.environ.pop(variable, None)
        if server is not None:
            os.environ[variable] = server.create_database()


def _scan(report: Report, kind: str, installation: Installation) -> float:
    """Every record of both journals, read and thrown away: the floor."""
    started, count = time.perf_counter(), 0
    for service in JOURNALS:
        with closing(database_of(service, installation.var)) as database:
            url = database.url.render_as_string(hide_password=False)
        query = "SELECT position, record FROM events ORDER BY position"
        if kind == "SQLite":
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                count += sum(1 for _ in connection.execute(query))
        else:
            with (
                psycopg.connect(url.replace("+psycopg", "")) as plain,
                plain.cursor("scan") as rows,
            ):
                rows.itersize = 5_000
                count += sum(1 for _ in rows.execute(query, binary=True))
    rate = count / (time.perf_counter() - started)
    report.rate(f"bare scan of both journals, {kind}", rate)
    return rate


def _rebuild(report: Report, kind: str, installation: Installation, floor: float) -> None:
    """All read models of both services, side by side and each alone."""
    both = rebuild(installation, JOURNALS)
    rate = sum(done.events for done in both) / max(done.seconds for done in both)
    name = f"rebuild of both services side by side, {kind}"
    report.rate(name, rate, aim=least(25_000))
    report.ratio(f"{name}, beside the bare scan", rate, floor)
    for service in JOURNALS:
        (alone,) = rebuild(installation, [service])
        report.ratio(f"rebuild of {service} alone, {kind}", alone.events / alone.seconds, floor)
        report.rate(
            f"rebuild of {service}, for a second of its process's CPU, {kind}",
            alone.events / alone.cpu_seconds,
        )


def _carry(
    report: Report, kind: str, installation: Installation, floor: float, server: PostgresServer
) -> None:
    """The register's journal to a file, and from it into an empty database with its read models."""
    file = installation.var / "register.ndjson"
    started = time.perf_counter()
    records = export_journal(installation, "register", file).position
    report.ratio(f"export, {kind}", records / (time.perf_counter() - started), floor)
    kept = os.environ.get(variable := "TIZILIM_REGISTER_DATABASE_URL")
    with tempfile.TemporaryDirectory() as folder:
        if kind == "PostgreSQL":
            os.environ[variable] = server.create_database()
        started = time.perf_counter()
        import_journal(Installation(Path(folder), 8000), "register", file)
        report.ratio(f"import with read models, {kind}", records / (time.perf_counter() - started), floor)
    file.unlink()
    if kept is not None:
        server.drop_database(os.environ[variable])
        os.environ[variable] = kept
