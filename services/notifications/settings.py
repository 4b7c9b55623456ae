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
    longest_pause_days: int = Field(default=30, ge=1, le=365)
    """How long a subscription may be paused and collect deliveries; then it is disabled."""
    max_in_flight: int = Field(default=256, ge=1, le=1_000)
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

    smtp_host: str | None = None
    """The mail server that producers' messages are handed to; e-mail is off without one."""
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """`tls` from the first byte (usually port 465); `none` for a server on this machine in development."""
    smtp_sender: str | None = None
    """The address that messages come from."""
    smtp_user: str | None = None
    smtp_password_file: Path | None = None
    smtp_ca_file: Path | None = None
    """Certificates trusted for the mail server instead of the system's."""
    portal_url: str | None = None
    """Where the e-government portal takes messages for its accounts; off without one."""
    portal_token_file: Path | None = None
    """The bearer token that the portal gave us."""
    portal_secret_file: Path | None = None
    """The secret (`whsec_...`) that messages to the portal are signed with."""

    @model_validator(mode="after")
    def _channels_are_whole(self) -> Self:
        if self.smtp_host is not None and self.smtp_sender is None:
            raise ValueError("smtp_host needs smtp_sender")
        if (self.smtp_user is None) != (self.smtp_password_file is None):
            raise ValueError("smtp_user and smtp_password_file come together")
        if self.portal_url is None:
            return self
        if not self.portal_url.startswith(("https://", "http://")):
            raise ValueError("portal_url is an http or https URL")
        if self.portal_token_file is None and self.portal_secret_file is None:
            raise ValueError("portal_url needs portal_token_file or portal_secret_file")
        return self

    @model_validator(mode="after")
    def _channels_are_private(self) -> Self:
        if self.production and self.smtp_host is not None and self.smtp_security == "none":
            raise ValueError("production hands mail in over TLS")
        if self.production and (self.portal_url or "https://").startswith("http://"):
            raise ValueError("production needs an https portal_url")
        return self

    @model_validator(mode="after")
    def _secrets_are_kept(self) -> Self:
        if self.production and self.secrets_key_file is None:
            raise ValueError("production needs secrets_key_file")
        if self.production and self.webhook_origin == "localhost":
            raise ValueError("production needs webhook_origin, the name that endpoints are asked to allow")
        return self
