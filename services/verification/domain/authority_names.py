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
    """The names of this authority, oldest first."""

    informatization_authority: tuple[Naming, ...]

    def on(self, day: date) -> OfficialText | None:
        """What the informatization authority is called on a legal day; None before its first name."""
        for naming in reversed(self.informatization_authority):
            if naming.in_force_from <= day:
                return naming.name.official()
        return None


def read_names(content: bytes) -> AuthorityNames:
    """Read a file of names. Raises `NamesRefused`."""
    try:
        names = msgspec.json.decode(content, type=AuthorityNames)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NamesRefused(f"{FILE.name}: {error}") from error
    days = [naming.in_force_from for naming in names.informatization_authority]
    if not days or any(later <= earlier for earlier, later in pairwise(days)):
        raise NamesRefused(f"{FILE.name}: needs names, each from a later day than the one before")
    return names


@lru_cache(maxsize=1)
def authority_names() -> AuthorityNames:
    """The names that ship with this version. Raises `NamesRefused`."""
    return read_names(FILE.read_bytes())
