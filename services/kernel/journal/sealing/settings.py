"""Settings of a service whose journal is sealed: the log's name, its folders, its key and its witnesses."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from services.kernel.journal.sealing.published import PublishedLog
from services.kernel.journal.sealing.witnesses import witnesses_in
from services.kernel.settings import ServiceSettings
from services.proof.notes import COSIGNATURE


class SealedSettings(ServiceSettings):
    """What a service with a journal needs beside `ServiceSettings`."""

    log_origin: str | None = Field(default=None, pattern=r"^[^\s+/][^\s+]{0,159}$")
    """The log's name for ever, best the address it is served at without `https://`; `localhost/<service>` by
    default in development."""
    log_folder: Path | None = None
    """Where the sealer writes tiles and checkpoints and the API reads them; `transparency/<service>` in the
    data folder by default."""
    log_signer_folder: Path | None = None
    """The signer's own memory, on a volume that only the sealer mounts; `signer/<service>` in the data folder
    by default."""
    log_signing_key: Path | None = None
    """A secret file with the log's signing key; made in the signer's folder when absent in development."""
    log_seal_seconds: float = Field(default=0.4, gt=0, le=0.8)
    """The least time between two checkpoints."""
    log_again_seconds: float = Field(default=600.0, ge=1, le=3_600)
    """After how long without new records the log signs again, so that all see that it lives."""
    log_audit_seconds: float = Field(default=3_600.0, ge=1)
    """How long the sealer rests after having compared every sealed record with its tile."""
    log_witnesses: Path | None = None
    """JSON file: a list of witnesses, each with its `url` and its verifier `key`."""
    log_witness_quorum: int = Field(default=0, ge=0, le=16)
    """How many witnesses must have cosigned the checkpoint that a proof rests on."""

    def published_log(self, service: str) -> PublishedLog:
        """The log as the API and everyone else reads it."""
        folder = self.log_folder or self.var / "transparency" / service
        return PublishedLog(folder, witnessed=self.log_witness_quorum > 0)

    def signer_folder(self, service: str) -> Path:
        """Where the signer remembers."""
        return self.log_signer_folder or self.var / "signer" / service

    @model_validator(mode="after")
    def _log_is_named_and_witnessed(self) -> Self:
        if self.production and self.log_origin is None:
            raise ValueError("production needs log_origin")
        if self.log_origin == COSIGNATURE:
            raise ValueError(f"no log_origin may be {COSIGNATURE}, as cosigned messages begin with it")
        if self.log_witness_quorum and self.log_witnesses is None:
            raise ValueError("a quorum of witnesses needs log_witnesses")
        if self.log_witnesses is not None and self.log_witness_quorum > len(witnesses_in(self.log_witnesses)):
            raise ValueError("log_witnesses names fewer witnesses than the quorum")
        return self
