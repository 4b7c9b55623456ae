"""Court rulings: when two records are of the same one."""

from __future__ import annotations

from services.kernel.contract import CourtRuling
from services.kernel.names import normalised_name


def is_same_ruling(one: CourtRuling, other: CourtRuling) -> bool:
    """True of the same number, day and court; courts number their rulings each for itself, year by year.

    A court is the same where either language names it so, however it is spelt.
    """
    if (normalised_name(one.number), one.ruled_on) != (normalised_name(other.number), other.ruled_on):
        return False
    mine, theirs = one.court, other.court
    return any(
        normalised_name(name) == normalised_name(same)
        for name, same in ((mine.kk, theirs.kk), (mine.ru, theirs.ru))
    )
