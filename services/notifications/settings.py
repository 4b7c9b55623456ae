"""Settings of the notifications service (`TIZILIM_NOTIFICATIONS_...`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.kernel.settings import ServiceSettings

DaysBefore = Annotated[int, Field(ge=0, le=60)]


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
    webhook_origin: str = Field(default="localhost", pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$")
    """The DNS name that speaks for all senders, in handshakes of CloudEvents (`WebHook-Request-Origin`)."""
    max_subscriptions: int = Field(default=50, ge=1, le=10_000)
    """How many subscriptions one owner may hold."""
    max_in_flight: int = Field(default=64, ge=1, le=1_000)
    """Webhooks under way at once in a process."""
    max_in_flight_per_endpoint: int = Field(default=8, ge=1, le=100)

    reminder_days: tuple[DaysBefore, ...] = (7, 1)
    """How many days before a term's last day a producer is reminded of it."""
    authority_reminder_days: tuple[DaysBefore, ...] = (1,)
    """The same for an authority whose act the term is for."""
    stuck_after_minutes: int = Field(default=10, ge=1, le=1_440)
    """How long facts may stay away before the authority concerned is told."""
    watch_seconds: float = Field(default=30, gt=0, le=3_600)
    """How often reminders, waiting work and stuck facts are looked for."""

    @model_validator(mode="after")
    def _secrets_are_kept(self) -> Self:
        if self.production and self.secrets_key_file is None:
            raise ValueError("production needs secrets_key_file")
        if self.production and self.webhook_origin == "localhost":
            raise ValueError("production needs webhook_origin, the name that endpoints are asked to allow")
        return self
