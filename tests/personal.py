"""Databases as a service opens them: with the keys of what it keeps of persons."""

from __future__ import annotations

import tempfile
from pathlib import Path

import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.personal_keys import PersonalKeys, WrappingKeys
from services.kernel.runtime import personal_keys
from services.kernel.settings import ServiceSettings


def keyed(url: str, *, schema: str | None = None) -> Database:
    """A database with its keys: of a SQLite file where a service keeps them, else of this one alone."""
    file = sa.make_url(url).database
    if url.startswith("sqlite") and file:
        settings = ServiceSettings(var=Path(file).parent, _env_file=None)
        keys = personal_keys(Path(file).stem, settings)
    else:
        keys = _Passing(tempfile.TemporaryDirectory(prefix="keys-"))
    keys.prepare()
    return Database(url, schema=schema, personal=keys)


class _Passing(PersonalKeys):
    """Keys in a folder that goes with them."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str]) -> None:
        super().__init__(Database(f"sqlite:///{folder.name}/keys.db", pool_size=2), WrappingKeys([b"w" * 32]))
        self._folder = folder

    def close(self) -> None:
        super().close()
        self._folder.cleanup()
