"""The register's settings: environment variables `TIZILIM_REGISTER_...`, `.env` and secret files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.kernel.journal.sealing.settings import SealedSettings
from services.register.domain.procedure import Procedure, Signing, Step


class RegisterSettings(SealedSettings):
    """What the industry authority's service needs to start."""

    model_config = SettingsConfigDict(
        env_prefix="TIZILIM_REGISTER_", env_file=".env", extra="ignore", frozen=True
    )

    port: int = Field(default=8001, ge=0, le=65_535)
    verification_url: str = "http://127.0.0.1:8002"
    """Where the informatization authority's journal is followed."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^/?#\s]+(/[^?#\s]*[^/?#\s])?$")
    """The address under which everybody reaches this service, by default its port on this machine.

    It stands in extracts for ever: their QR codes open it.
    """
    seal_file: Path | None = None
    """PKCS#12 file with the key and certificate of the electronic seal; in development made once in `var`."""
    seal_password_file: Path | None = None
    """A secret file that holds the password of `seal_file`."""
    seal_former: Path | None = None
    """PEM file of the certificates that sealed before: what they sealed is still verified."""
    seal_timestamps_url: str | None = Field(default=None, pattern=r"^https?://")
    """A time-stamping authority (RFC 3161) that dates every seal; without it a seal tells its own time."""
    automatic: frozenset[Step] = frozenset()
    """Steps that wait for no officer, as JSON: `["review", "exclusion", "reinstatement", "own_request"]`."""
    signature_issuers: frozenset[str] = frozenset()
    """Issuers, as JSON, whose tokens attest that the portal verified an application's electronic signature:
    `["https://portal.example"]`. While none is named, every issuer that may grant `producer`."""
    moves_to_working_day: bool = True
    """Whether a calendar term that ends on a day off ends on the next working day."""
    own_request_days: int = Field(default=3, ge=1, le=90)
    """Working days for exclusion at own request: not statutory."""
    workers: Literal["inside", "separate"] = "inside"
    """`inside`: this process follows and watches too; `separate`: only `services.register.worker` does."""
    missed_terms_seconds: float = Field(default=30.0, gt=0)
    """How often the watcher looks for terms that ended unmet."""
    lag_bound: int = Field(default=1_000, ge=0)
    """How many upstream events may wait before the service counts as not ready."""

    def procedure(self) -> Procedure:
        """The settings that decisions depend on."""
        return Procedure(
            automatic=self.automatic,
            moves_to_working_day=self.moves_to_working_day,
            own_request_days=self.own_request_days,
            signing=Signing(required=self.production, issuers=self.signature_issuers),
        )

    @property
    def public_address(self) -> str:
        """Where everybody reaches this service, without a slash at the end."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @model_validator(mode="after")
    def _extracts_can_be_verified(self) -> Self:
        if self.production and self.public_url is None:
            raise ValueError("production needs public_url: extracts lead there for ever")
        if self.production and self.seal_file is None:
            raise ValueError("production needs seal_file, the electronic seal of extracts")
        return self

    @model_validator(mode="after")
    def _sqlite_has_one_process(self) -> Self:
        if self.workers == "separate" and self.database("register").startswith("sqlite"):
            raise ValueError("on SQLite the workers run inside the serving process")
        return self
