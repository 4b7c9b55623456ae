"""The three services as the commands see them: name, settings, application, address.

What only some commands need is loaded when they ask for it: a token is printed without a web framework.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.kernel.clock import SystemClock
from services.kernel.identity import tokens

if TYPE_CHECKING:
    from fastapi import FastAPI

    from services.kernel.database import Database
    from services.kernel.journal.journal import Journal
    from services.kernel.journal.sealing.published import PublishedLog
    from services.kernel.journal.sealing.signer_state import SignerState
    from services.kernel.settings import ServiceSettings
    from services.proof.notes import VerifierKey

SERVICES: Final = tokens.SERVICES
JOURNALS: Final = ("register", "verification")
"""The services that record facts; notifications keeps ordinary tables."""
DEFAULT_PORT_BASE: Final = 8_000


@dataclass(frozen=True, slots=True)
class Installation:
    """One machine's Tizilim: the data folder and the ports after `port_base`."""

    var: Path
    port_base: int

    @classmethod
    def from_environment(cls) -> Installation:
        """`VAR` (default `var`) and `PORT_BASE` (default 8000). Raises `ValueError` for a bad port."""
        given = os.environ.get("PORT_BASE") or str(DEFAULT_PORT_BASE)
        if not given.isdecimal() or not 1 <= int(given) <= 65_000:
            raise ValueError(f"PORT_BASE must be a number between 1 and 65000, not {given}")
        return cls(Path(os.environ.get("VAR") or "var"), int(given))

    def port(self, service: str) -> int:
        """8001 for register, 8002 for verification, 8003 for notifications, by default."""
        return self.port_base + 1 + SERVICES.index(service)

    def url(self, service: str) -> str:
        """Where a service of this installation answers."""
        return f"http://127.0.0.1:{self.port(service)}"

    def environment(self, service: str) -> dict[str, str]:
        """The settings a service process of this installation gets; what is already set outside wins."""
        prefix = f"TIZILIM_{service.upper()}_"
        wanted = {f"{prefix}VAR": str(self.var), f"{prefix}PORT": str(self.port(service))}
        for neighbour in JOURNALS:
            if neighbour != service:
                wanted[f"{prefix}{neighbour.upper()}_URL"] = self.url(neighbour)
        return {**wanted, **{name: value for name, value in os.environ.items() if name.startswith(prefix)}}


def settings_of(service: str, **given: Any) -> ServiceSettings:
    """A service's settings from the environment, with `given` values before them."""
    from services.kernel.settings import ServiceSettings

    module = import_module(f"services.{service}.settings")
    for kind in vars(module).values():
        if not isinstance(kind, type) or kind.__module__ != module.__name__:
            continue
        if issubclass(kind, ServiceSettings):
            return kind(**given)
    raise TypeError(f"services.{service}.settings defines no settings")


def application_of(service: str, settings: ServiceSettings) -> FastAPI:
    """A service's HTTP application, not yet started."""
    from fastapi import FastAPI

    app = import_module(f"services.{service}.main").create_app(settings)
    if not isinstance(app, FastAPI):
        raise TypeError(f"services.{service}.main.create_app makes no application")
    return app


def journal_of(service: str, database: Database) -> Journal:
    """A service's journal on a migrated database of its own or any other, with the machine's clock."""
    from services.kernel.journal.journal import Journal

    opened = import_module(f"services.{service}.journal").open_journal(database, SystemClock())
    if not isinstance(opened, Journal):
        raise TypeError(f"services.{service}.journal.open_journal opens no journal")
    return opened


def database_of(service: str, var: Path) -> Database:
    """A service's database by the three settings that name it; needs nothing else to be configured."""
    from services.kernel.database import Database, sqlite_url

    prefix = f"TIZILIM_{service.upper()}_"
    file = os.environ.get(f"{prefix}DATABASE_URL_FILE")
    url = Path(file).read_text().strip() if file else os.environ.get(f"{prefix}DATABASE_URL")
    folder = Path(os.environ.get(f"{prefix}VAR") or var)
    if url is None:
        folder.mkdir(parents=True, exist_ok=True)
        url = sqlite_url(folder / f"{service}.db")
    return Database(url, schema=os.environ.get(f"{prefix}DATABASE_SCHEMA"))


def log_of(installation: Installation, service: str) -> PublishedLog:
    """The log's folder by the two settings that name it; needs nothing else to be configured."""
    from services.kernel.journal.sealing.published import PublishedLog

    prefix = f"TIZILIM_{service.upper()}_"
    var = Path(os.environ.get(f"{prefix}VAR") or installation.var)
    folder = os.environ.get(f"{prefix}LOG_FOLDER")
    return PublishedLog(Path(folder) if folder else var / "transparency" / service)


def log_key(installation: Installation, service: str, given: str | None) -> VerifierKey | None:
    """The key that a log's checkpoints are held against; None where none is known.

    It is the one given, as text or in a file, else the one published in the log's folder. Raises `ValueError`
    and `OSError`.
    """
    from services.proof.command import key_in
    from services.proof.refusals import KeyMalformed

    try:
        return log_of(installation, service).key() if given is None else key_in(given)
    except KeyMalformed as refused:
        raise ValueError(f"the log's key cannot be read: {refused}") from None


def signer_of(installation: Installation, service: str) -> SignerState:
    """What the signer of a service remembers, if it is on this machine; found as `log_of` finds the log."""
    from services.kernel.journal.sealing.signer_state import SignerState

    prefix = f"TIZILIM_{service.upper()}_"
    var = Path(os.environ.get(f"{prefix}VAR") or installation.var)
    folder = os.environ.get(f"{prefix}LOG_SIGNER_FOLDER")
    return SignerState(Path(folder) if folder else var / "signer" / service)
