"""What a store that cannot answer raises, by whichever of three libraries it was asked."""

from __future__ import annotations

import sqlite3
from typing import Final

import psycopg
from eventsourcing import persistence
from sqlalchemy import exc as sqlalchemy_errors

from services.kernel.errors import Unavailable

STORE_ERRORS: Final = (
    sqlalchemy_errors.OperationalError,
    sqlalchemy_errors.InterfaceError,
    sqlalchemy_errors.TimeoutError,
    persistence.OperationalError,
    persistence.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
"""The store did not answer, or no connection to it was free in time."""

STORE_TROUBLE: Final = (Unavailable, *STORE_ERRORS)
"""The same, or what a command made of it: what was asked is not at fault and may be asked again."""


def connection_lost(error: BaseException) -> bool:
    """True when the store ended a connection: the pool has given up all of that age, and a new one may do."""
    return isinstance(error, sqlalchemy_errors.DBAPIError) and error.connection_invalidated


def statement_wrong(error: BaseException) -> bool:
    """True when SQLite could not read a statement, or misses its table, which it tells by the same class."""
    told = getattr(error, "orig", None)
    return isinstance(told, sqlite3.OperationalError) and told.sqlite_errorcode == sqlite3.SQLITE_ERROR
