"""The channels besides the account that the settings turn on."""

from __future__ import annotations

from pathlib import Path

from services.kernel.clock import Clock
from services.notifications.adapters.portal_http import Portal, PortalChannel
from services.notifications.adapters.smtp_mail import MailChannel, MailServer
from services.notifications.domain.channels import Channel
from services.notifications.domain.signing import SymmetricSecret
from services.notifications.settings import NotificationsSettings


def channels_of(settings: NotificationsSettings, clock: Clock) -> list[Channel]:
    """E-mail and the portal, each where it is configured. Raises `OSError` for a secret file not there."""
    found: list[Channel] = []
    if settings.smtp_host is not None and settings.smtp_sender is not None:
        server = MailServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            sender=settings.smtp_sender,
            user=settings.smtp_user,
            password=_secret(settings.smtp_password_file),
            ca_file=settings.smtp_ca_file,
        )
        found.append(MailChannel(server))
    if settings.portal_url is not None:
        secret = _secret(settings.portal_secret_file)
        portal = Portal(
            url=settings.portal_url,
            token=_secret(settings.portal_token_file),
            secret=SymmetricSecret.parse(secret) if secret is not None else None,
        )
        found.append(PortalChannel(portal, clock.now))
    return found


def _secret(path: Path | None) -> str | None:
    return path.read_text().strip() if path is not None else None
