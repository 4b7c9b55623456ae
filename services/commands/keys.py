"""`tizilim keys rewrap`: wrap the keys of personal values under the present wrapping key."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from services.commands.registry import Installation, settings_of
from services.kernel.runtime import personal_keys


def rewrap(installation: Installation, services: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Rewrap the keys of `services`; tells of each how many were wrapped under a former key.

    Raises `KeysUnusable` when the file lacks a key that some are wrapped under.
    """
    for service in services:
        named = f"TIZILIM_{service.upper()}_VAR" in os.environ
        settings = settings_of(service) if named else settings_of(service, var=installation.var)
        keys = personal_keys(service, settings)
        keys.prepare()
        try:
            yield service, keys.rewrap()
        finally:
            keys.close()
