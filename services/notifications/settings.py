"""Settings of the notifications service (`TIZILIM_NOTIFICATIONS_...`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.kernel.settings import ServiceSettings


class NotificationsSettings(ServiceSettings):
    """What the notifications service needs to start."""

    model_config = SettingsConfigDict(
        env_prefix="TIZILIM_NOTIFICATIONS_", env_file=".env", extra="ignore", frozen=True
    )

    port: int = Field(default=8003, ge=0, le=65_535)
    register_url: str = "http://127.0.0.1:8001"
    """Where the industry authority's feed is."""
    verification_url: str = "http://127.0.0.1:8002"
    """Where the informatization authority's feed is."""
    workers: Literal["inside", "separate"] = "inside"
    """Whether the serving process follows and delivers too, or only `services.notifications.worker` does."""
    secrets_key_file: Path | None = None
    """64 hexadecimal digits: the key that encrypts webhook secrets; made in `var` in development."""
    max_in_flight: int = Field(default=64, ge=1, le=1_000)
    """Webhooks under way at once in a process."""
    max_in_flight_per_endpoint: int = Field(default=8, ge=1, le=100)

    @model_validator(mode="after")
    def _secrets_are_kept(self) -> Self:
        if self.production and self.secrets_key_file is None:
            raise ValueError("production needs secrets_key_file")
        return self
