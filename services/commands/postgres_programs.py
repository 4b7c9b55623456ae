"""PostgreSQL's own programs for copies: `pg_dump` and `pg_restore`, told where to go without a password."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import sqlalchemy as sa

_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "username": "PGUSER",
    "password": "PGPASSWORD",
    "database": "PGDATABASE",
}


class ProgramFailed(OSError):
    """A program is not there, or ended with an error; the text says what it said."""


def dump(url: sa.URL, schema: str, snapshot: str, file: Path) -> None:
    """Copy a schema, as an exported snapshot sees it, in the custom format. Raises `ProgramFailed`."""
    _run("pg_dump", url, "--format=custom", f"--schema={_exactly(schema)}", f"--snapshot={snapshot}",
         "--no-owner", "--no-privileges", f"--file={file}")  # fmt: skip


def load(url: sa.URL, file: Path, folder: Path) -> None:
    """Bring a copy back in one transaction, into a schema that exists. Raises `ProgramFailed`."""
    listed = _run("pg_restore", url, "--list", str(file)).splitlines()
    wanted = folder / "contents"
    wanted.write_text("".join(f"{line}\n" for line in listed if " SCHEMA - " not in line))
    _run("pg_restore", url, "--dbname=", "--single-transaction", "--exit-on-error", "--no-owner",
         "--no-privileges", f"--use-list={wanted}", str(file))  # fmt: skip


def _exactly(schema: str) -> str:
    """A name, not a pattern."""
    return '"' + schema.replace('"', '""') + '"'


def _run(program: str, url: sa.URL, *arguments: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise ProgramFailed(
            f"{program} is not installed: a copy of PostgreSQL needs it, of the server's version"
        )
    given = {**url.translate_connect_args(), **{name: str(value) for name, value in url.query.items()}}
    told = {_VARIABLES[name]: str(value) for name, value in given.items() if name in _VARIABLES}
    done = subprocess.run(  # noqa: S603  # PostgreSQL's own program, its arguments ours
        [path, *arguments], env={**os.environ, **told}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ProgramFailed(f"{program} failed: {done.stderr.strip()}")
    return done.stdout
