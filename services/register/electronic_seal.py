"""The seal of extracts as the settings name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.kernel.clock import SystemClock
from services.register.adapters.seals import Seal, development_seal_key, former_certificates, open_seal_key
from services.register.settings import RegisterSettings

if TYPE_CHECKING:
    from pyhanko.sign.timestamps.api import TimeStamper

_TIMESTAMP_SECONDS: Final = 10


def seal_of(settings: RegisterSettings) -> Seal:
    """The seal, its key read once so that a wrong one stops the start. Raises `SealUnusable`."""
    now = SystemClock().now()
    if settings.seal_file is None:
        key = development_seal_key(settings.var, now)
    else:
        key = open_seal_key(settings.seal_file, settings.seal_password_file, now)
    return Seal(
        key,
        former=former_certificates(settings.seal_former),
        timestamps=_timestamps(settings.seal_timestamps_url),
    )


def _timestamps(url: str | None) -> TimeStamper | None:
    if url is None:
        return None
    from pyhanko.sign.timestamps.aiohttp_client import HTTPTimeStamper

    return HTTPTimeStamper(url, timeout=_TIMESTAMP_SECONDS)
