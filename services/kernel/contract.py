"""Values that both authorities' published events are made of; they only ever gain optional fields."""

from __future__ import annotations

from typing import Literal

import msgspec

from services.kernel.identifiers import is_bin
from services.kernel.names import normalised_name

Language = Literal["kk", "ru", "en"]
ProducerKind = Literal["legal_entity", "individual_entrepreneur"]


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value inside an event; compared by content."""


class OfficialText(Value, frozen=True, kw_only=True):
    """A text of an authority or a name: always in Kazakh and Russian, in English where there is one."""

    kk: str
    ru: str
    en: str | None = None


class ProducerRef(Value, frozen=True, kw_only=True):
    """A producer as events may name it.

    A legal entity by its BIN; an individual entrepreneur only by the register's opaque id and a salted
    commitment to the IIN, whose value stands in the vault.
    """

    producer_id: str
    kind: ProducerKind
    bin: str | None = None
    iin_commitment: str | None = None
    name: OfficialText | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` for an IIN where a BIN belongs: events are public and kept for ever."""
        if self.bin is not None and not is_bin(self.bin):
            raise ValueError("the BIN of a producer is none")


class DocumentRef(Value, frozen=True, kw_only=True):
    """A document by digest; the document itself is with the informatization authority.

    `size` in bytes; `sha256` is 64 lower-case hexadecimal digits. `valid_until` is the last day on which the
    right it shows holds (ISO date, Asia/Almaty); None where it has no end.
    """

    kind: str
    media_type: str
    size: int
    sha256: str
    valid_until: str | None = None


class FixedTerm(Value, frozen=True, kw_only=True):
    """A term as it was fixed when the fact was recorded.

    `due_on` is the last day (ISO date, Asia/Almaty); `calendar` is the version of the working calendar it was
    counted by; `statutory` is false where the texts fix no term and a setting does.
    """

    name: str
    due_on: str
    calendar: str
    basis: str
    statutory: bool


class Percentage(Value, frozen=True, kw_only=True):
    """A share kept as its two inputs in tenge (decimal strings), so that it is never rounded."""

    part: str
    whole: str


class CourtRuling(Value, frozen=True, kw_only=True):
    """A ruling of a court on a decision: who ruled, its number, and the day (ISO date, Asia/Almaty)."""

    court: OfficialText
    number: str
    ruled_on: str

    def is_same_as(self, other: CourtRuling) -> bool:
        """True of the same number, day and court; courts number their rulings each for itself, year by year.

        A court is the same where either language names it so, however it is spelt.
        """
        if (normalised_name(self.number), self.ruled_on) != (normalised_name(other.number), other.ruled_on):
            return False
        courts = ((self.court.kk, other.court.kk), (self.court.ru, other.court.ru))
        return any(normalised_name(name) == normalised_name(same) for name, same in courts)
