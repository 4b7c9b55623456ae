"""Settings of the informatization authority's service (`TIZILIM_VERIFICATION_...`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.kernel.calendar import Term
from services.kernel.settings import ServiceSettings
from services.verification.contract.events import CaseKind
from services.verification.usecases.practice import Step


class VerificationSettings(ServiceSettings):
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

    @model_validator(mode="after")
    def _sqlite_has_one_process(self) -> Self:
        if self.workers == "separate" and self.database("verification").startswith("sqlite"):
            raise ValueError("on SQLite the workers run inside the serving process")
        return self
