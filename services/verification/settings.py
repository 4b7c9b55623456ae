"""Settings of the informatization authority's service (`TIZILIM_VERIFICATION_...`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.kernel.calendar import Term
from services.kernel.journal.sealing.settings import SealedSettings
from services.verification.adapters.malware import parse_address
from services.verification.contract.events import CaseKind
from services.verification.usecases.practice import Step


class VerificationSettings(SealedSettings):
    """What the informatization authority's service needs to start."""

    model_config = SettingsConfigDict(
        env_prefix="TIZILIM_VERIFICATION_", env_file=".env", extra="ignore", frozen=True
    )

    port: int = Field(default=8002, ge=0, le=65_535)
    register_url: str = "http://127.0.0.1:8001"
    """Where the industry authority's journal is followed."""
    documents: Path | None = None
    """The folder of documents; `documents` in the data folder by default."""
    rule_sets: Path | None = None
    """The folder of rule files; by default those that ship with this version."""
    documents_s3_bucket: str | None = None
    """The bucket of documents in an S3-compatible store; without it they are in the folder, where a bucket
    is used only what is coming in. Credentials come from the environment or the file that
    `AWS_SHARED_CREDENTIALS_FILE` names, as the client library finds them."""
    documents_s3_endpoint: str | None = None
    """URL of the store; Amazon's own by default."""
    documents_s3_region: str | None = None
    documents_s3_prefix: str = Field(default="", max_length=200)
    """What the names of the bucket's objects begin with."""
    documents_scanner: str | None = None
    """ClamAV's daemon, `tcp://host:port` or `unix:/path`; without it nothing is scanned."""
    documents_scanner_seconds: float = Field(default=60.0, gt=0, le=600)
    """How long one document's scan may take."""
    automatic: frozenset[Step] = frozenset()
    """Steps that wait for no officer, as JSON: `["confirmation", "monitoring", "resubmission"]`."""
    confirmation_days: int | None = Field(default=None, ge=1, le=365)
    """Working days for a confirmation case: not statutory, none by default."""
    monitoring_days: int | None = Field(default=None, ge=1, le=365)
    """Working days for a monitoring case: not statutory, none by default."""
    appeal_days: int | None = Field(default=None, ge=1, le=365)
    """Working days for an appeal case: not statutory, none by default."""
    document_request_days: int = Field(default=10, ge=1, le=365)
    """Working days a producer has to supply requested documents: not statutory."""
    four_eyes: frozenset[CaseKind] = frozenset()
    """Kinds of cases whose end a second officer approves, as JSON: `["monitoring", "appeal"]`."""
    workers: Literal["inside", "separate"] = "inside"
    """Whether the serving process follows and watches too, or only `services.verification.worker` does."""
    missed_terms_seconds: float = Field(default=30.0, gt=0)
    """How often the watcher looks for terms that ended unmet."""
    rounds_open_themselves: bool = True
    """Whether a quarter's monitoring opens at the quarter's turn, or only when an officer opens it."""
    rounds_seconds: float = Field(default=0.5, gt=0)
    """How often the worker looks for rounds to open or carry on."""
    simulations_seconds: float = Field(default=0.5, gt=0)
    """How often the worker looks for simulations to carry on."""
    simulations_kept_days: int = Field(default=365, ge=1, le=36_500)
    """How long a finished simulation and its differences are kept."""
    rounds_batch: int = Field(default=500, ge=1, le=5_000)
    """How many cases of a round one unit of work opens at most; how many it does follows from its pace."""
    lag_bound: int = Field(default=1_000, ge=0)
    """How many upstream events may wait before the service counts as not ready."""

    @property
    def documents_folder(self) -> Path:
        """Where documents are kept."""
        return self.documents or self.var / "documents"

    def terms(self) -> dict[CaseKind, Term]:
        """The terms that settings fix for kinds of cases; that of rework is the law's."""
        days: dict[CaseKind, int | None] = {
            "confirmation": self.confirmation_days,
            "monitoring": self.monitoring_days,
            "appeal": self.appeal_days,
        }
        return {
            kind: Term(kind, length, "working_days", "setting", statutory=False)
            for kind, length in days.items()
            if length is not None
        }

    @field_validator("documents_scanner")
    @classmethod
    def _scanner_has_an_address(cls, given: str | None) -> str | None:
        if given is not None:
            parse_address(given)
        return given

    @model_validator(mode="after")
    def _store_is_reached_safely(self) -> Self:
        endpoint = self.documents_s3_endpoint
        if endpoint is None:
            return self
        if self.documents_s3_bucket is None:
            raise ValueError("documents_s3_endpoint needs documents_s3_bucket")
        allowed = ("https://",) if self.production else ("https://", "http://")
        if not endpoint.startswith(allowed):
            raise ValueError(f"documents_s3_endpoint begins with {' or '.join(allowed)}")
        return self

    @model_validator(mode="after")
    def _sqlite_has_one_process(self) -> Self:
        if self.workers == "separate" and self.database("verification").startswith("sqlite"):
            raise ValueError("on SQLite the workers run inside the serving process")
        return self
