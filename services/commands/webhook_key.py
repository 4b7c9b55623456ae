"""`tizilim webhook-key`: show the keys that sign webhooks, or let another follow."""

from __future__ import annotations

from services.commands.registry import Installation, database_of, settings_of
from services.kernel.clock import SystemClock
from services.kernel.errors import DomainError
from services.notifications.adapters.sealing import secret_box
from services.notifications.projections.webhook_keys import keys_of
from services.notifications.settings import NotificationsSettings
from services.notifications.usecases.webhook_keys import rotate_webhook_key


def run(installation: Installation, *, rotate: bool, at_once: bool) -> int:
    """Print every key with its time, after rotating where that is asked; returns the exit code."""
    settings = settings_of("notifications", var=installation.var)
    assert isinstance(settings, NotificationsSettings)
    box = secret_box(settings.secrets_key_file, settings.var)
    database, clock = database_of("notifications", installation.var), SystemClock()
    try:
        if rotate:
            rotate_webhook_key(database, box, clock.now(), at_once=at_once)
        with database.read() as connection:
            for key in keys_of(connection):
                until = key.signs_until.isoformat() if key.signs_until else "another follows"
                print(f"{key.public.serialise()} signs from {key.signs_from.isoformat()} until {until}")
    except DomainError as refused:
        raise ValueError(f"the key is not rotated: {refused}") from refused
    finally:
        database.close()
    return 0
