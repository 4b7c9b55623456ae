"""Settings every service shares: from the environment (`TIZILIM_<SERVICE>_...`), `.env` and secret files."""

from __future__ import annotations

import os
import sys
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from services.kernel.database import sqlite_url

MIB = 1024 * 1024


class ServiceSettings(BaseSettings):
    """What any service needs to start; each service's own class sets the prefix and adds its own."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )  # an error at start names the setting, never its value, which may be a password

    environment: Literal["development", "production"] = "development"
    var: Path = Path("var")
    """Data folder: databases, development keys, documents, the simulated clock."""
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65_535)
    database_url: str | None = None
    """SQLAlchemy URL; by default a SQLite file in `var`."""
    database_url_file: Path | None = None
    """A secret file that holds the URL, so that no password stands in the environment."""
    database_schema: str | None = None
    trusted_issuers: Path | None = None
    """JSON file: issuer name to JWKS. In development the local issuer of `var` is trusted beside it."""
    client_key: Path | None = None
    """This service's private JWK, with which it signs its own tokens to neighbours."""
    audience: str | None = Field(default=None, min_length=1, max_length=255)
    """A name by which an identity provider means this service in `aud`, beside `urn:tizilim:<service>`. Each
    service has its own: with one name for several, a token given to one is good at the others."""
    idempotency_secret_file: Path | None = None
    """Key of the HMAC over request bodies; made in `var` when absent in development."""
    personal_keys_url: str | None = None
    """SQLAlchemy URL of the store of keys that open personal values: outside the database and its backups, by
    default a SQLite file in `keys` of `var`. All processes of the service share it."""
    personal_keys_url_file: Path | None = None
    """A secret file that holds that URL."""
    personal_wrapping_key_file: Path | None = None
    """The key that wraps those keys, 64 hexadecimal digits; further lines hold former ones, which only
    unwrap. Made in `keys` of `var` when absent in development."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    worker_host: str = "127.0.0.1"
    worker_port: int | None = Field(default=None, ge=0, le=65_535)
    """Where a worker process answers `/healthz`, `/readyz` and `/metrics`; without a port it does not.
    Whoever reaches it may ask: bind it to a private network alone."""
    forwarded_allow_ips: str = ""
    """Addresses or networks of the reverse proxies, separated by commas, whose `X-Forwarded-For` and
    `X-Forwarded-Proto` are believed; nobody's by default."""
    xroad_servers: tuple[IPv4Network | IPv6Network, ...] = ()
    """Addresses or networks of the X-Road security servers whose `X-Road-Client` and `X-Road-Id` are
    recorded; nobody's by default."""
    threads: int = Field(default=40, ge=2, le=400)
    rate_per_second: float = Field(default=500.0, ge=0, le=1_000_000)
    """Requests a second that one caller may make of one process for ever; 0 limits nothing."""
    rate_burst: int = Field(default=5_000, ge=1, le=1_000_000)
    """Requests that one caller may make of one process at once after a pause."""

    @property
    def production(self) -> bool:
        """True where development keys, clocks and SQLite are refused."""
        return self.environment == "production"

    def database(self, service: str) -> str:
        """The database URL: from the secret file, the setting, or a SQLite file under `var`."""
        if self.database_url_file is not None:
            return self.database_url_file.read_text().strip()
        return self.database_url or sqlite_url(self.var / f"{service}.db")

    def personal_keys(self, service: str) -> str:
        """The URL of the store of keys: from the secret file, the setting, or a SQLite file under `var`."""
        if self.personal_keys_url_file is not None:
            return self.personal_keys_url_file.read_text().strip()
        return self.personal_keys_url or sqlite_url(self.var / "keys" / f"{service}.db")

    @model_validator(mode="after")
    def _variables_are_settings(self) -> Self:
        """A misspelt `ENVIRONMENT` must not leave a production with development's keys."""
        prefix = self.model_config.get("env_prefix", "").upper()
        known = {f"{prefix}{name.upper()}" for name in type(self).model_fields}
        given = [name for name in os.environ if prefix and name.upper().startswith(prefix)]
        if unknown := sorted(name for name in given if name.upper() not in known):
            raise ValueError(f"there is no setting {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _audience_is_no_service_of_ours(self) -> Self:
        if (self.audience or "").startswith("urn:tizilim:"):
            raise ValueError("audience is another name than urn:tizilim:<service>, which holds in any case")
        return self

    @model_validator(mode="after")
    def _production_is_not_development(self) -> Self:
        if not self.production:
            return self
        missing = [
            name
            for name, value in (
                ("trusted_issuers", self.trusted_issuers),
                ("client_key", self.client_key),
                ("idempotency_secret_file", self.idempotency_secret_file),
                ("personal_wrapping_key_file", self.personal_wrapping_key_file),
                ("personal_keys_url", self.personal_keys_url or self.personal_keys_url_file),
            )
            if value is None
        ]
        if missing:
            raise ValueError(f"production needs {', '.join(missing)}")
        url = self.database_url_file.read_text() if self.database_url_file else self.database_url
        if url is None or not url.strip().startswith("postgresql"):
            raise ValueError("production needs PostgreSQL (database_url or database_url_file)")
        if self.personal_keys("") == url.strip():
            raise ValueError("the keys of personal values stand outside the database (personal_keys_url)")
        return self


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def settings_or_exit(kind: type[SettingsT]) -> SettingsT:
    """The settings of a process that starts; where some are wrong it ends with a line for each (exit code 1).

    No line holds a value, which may be a password.
    """
    try:
        return kind()
    except ValidationError as wrong:
        prefix = kind.model_config.get("env_prefix", "").upper()
        lines = []
        for error in wrong.errors(include_url=False, include_input=False, include_context=False):
            name = f"{prefix}{error['loc'][0]}: ".upper() if error["loc"] else ""
            lines.append(f"{name}{error['msg'].removeprefix('Value error, ')}")
        sys.exit("\n".join(lines))
    except (SettingsError, OSError) as wrong:
        sys.exit(str(wrong))
