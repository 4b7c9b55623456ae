"""What authorities are called, as data with dates: legislation renames them, decisions keep the old name."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from services.kernel.contract import OfficialText
from services.verification.domain.rule_sets import Line, RuleText

FILE: Final = Path(__file__).resolve().parents[1] / "authorities.json"


class NamesRefused(ValueError):
    """The file of names is unreadable, or its days are not in order."""


class Naming(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name, used from a day on until the next one's day."""

    in_force_from: date
    basis: Line
    name: RuleText


class AuthorityNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The names of this authority and of who keeps the register of trusted software, oldest first."""

    informatization_authority: tuple[Naming, ...]
    trusted_register_keeper: tuple[Naming, ...]

    def on(self, day: date) -> OfficialText | None:
        """What the informatization authority is called on a legal day; None before its first name."""
        return _on(self.informatization_authority, day)

    def keeper_on(self, day: date) -> OfficialText | None:
        """Who keeps the register of trusted software on a legal day; None before the first one known."""
        return _on(self.trusted_register_keeper, day)


def _on(namings: tuple[Naming, ...], day: date) -> OfficialText | None:
    for naming in reversed(namings):
        if naming.in_force_from <= day:
            return naming.name.official()
    return None


def read_names(content: bytes) -> AuthorityNames:
    """Read a file of names. Raises `NamesRefused`."""
    try:
        names = msgspec.json.decode(content, type=AuthorityNames)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NamesRefused(f"{FILE.name}: {error}") from error
    for namings in (names.informatization_authority, names.trusted_register_keeper):
        days = [naming.in_force_from for naming in namings]
        if not days or any(later <= earlier for earlier, later in pairwise(days)):
            raise NamesRefused(f"{FILE.name}: needs names, each from a later day than the one before")
    return names


@lru_cache(maxsize=1)
def authority_names() -> AuthorityNames:
    """The names that ship with this version. Raises `NamesRefused`."""
    return read_names(FILE.read_bytes())
