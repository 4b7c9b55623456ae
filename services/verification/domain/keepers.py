"""Who keeps the register of trusted software, as data with dates: reorganisations rename the keeper."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from services.kernel.contract import OfficialText

FILE: Final = Path(__file__).resolve().parents[1] / "trusted_register_keepers.json"


class KeepersRefused(ValueError):
    """The file of keepers is unreadable, or its days are not in order."""


class Keeper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A keeper of the register, from a day on until the next one's day."""

    in_force_from: date
    basis: str
    name: OfficialText


def read_keepers(content: bytes) -> tuple[Keeper, ...]:
    """Read a file of keepers, oldest first. Raises `KeepersRefused`."""
    try:
        keepers = msgspec.json.decode(content, type=tuple[Keeper, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KeepersRefused(f"{FILE.name}: {error}") from error
    days = [keeper.in_force_from for keeper in keepers]
    if not days or any(later <= earlier for earlier, later in pairwise(days)):
        raise KeepersRefused(f"{FILE.name}: needs keepers, each from a later day than the one before")
    return keepers


@lru_cache(maxsize=1)
def known_keepers() -> tuple[Keeper, ...]:
    """The keepers that ship with this version. Raises `KeepersRefused`."""
    return read_keepers(FILE.read_bytes())


def keeper_on(day: date) -> OfficialText | None:
    """Who kept the register on a legal day; None before the first keeper known."""
    for keeper in reversed(known_keepers()):
        if keeper.in_force_from <= day:
            return keeper.name
    return None
