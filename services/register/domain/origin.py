"""Is a product equated to goods of Kazakhstani origin on a day (art. 51-2(1), order 327 para. 3(3))?

Two conditions, each answered for itself: in force in this register, and listed as trusted software.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.kernel.calendar import end_of
from services.kernel.contract import OfficialText
from services.kernel.journal.events import microseconds
from services.register.domain.correcting import EntryStatus
from services.register.domain.timeline import Period


@dataclass(frozen=True, slots=True)
class Question:
    """A product of a producer (BIN or IIN), by its id or name, on a legal day.

    `at` is an instant of that day in microseconds since 1970 (UTC); without it the day's last one counts.
    """

    number: str
    product: str
    on: date
    at: int | None = None

    @property
    def instant(self) -> int:
        """The instant asked about: on its legal day inclusion counts and exclusion does not."""
        return microseconds(end_of(self.on)) - 1 if self.at is None else self.at


@dataclass(frozen=True, slots=True)
class Listing:
    """A product in the register of trusted software, from `listed_on` until it lapses or is delisted.

    `holder` is a BIN or IIN, the names are normalised, the days ISO dates.
    """

    listing_id: str
    reference: str
    holder: str | None
    name_kk: str
    name_ru: str
    listed_on: str
    valid_until: str | None = None
    delisted_on: str | None = None

    def found_on(self, day: str) -> str:
        """The reason code on a day (ISO date): the last day of validity counts, the day of delisting not."""
        if day < self.listed_on:
            return "not_yet_listed"
        if self.delisted_on is not None and day >= self.delisted_on:
            return "delisted"
        return "listing_lapsed" if self.valid_until is not None and day > self.valid_until else "listed"


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the two conditions: whether it holds and why, in the three languages."""

    holds: bool
    code: str
    reason: OfficialText


@dataclass(frozen=True, slots=True)
class OriginAnswer:
    """The answer with both reasons; `equated` only when both conditions hold."""

    question: Question
    register: Condition
    trusted_register: Condition
    entry_id: str | None = None
    reference: str | None = None

    @property
    def equated(self) -> bool:
        """Equated to goods of Kazakhstani origin on that day."""
        return self.register.holds and self.trusted_register.holds


def in_register(periods: Sequence[Period], instant: int) -> Condition:
    """Whether an entry is in force at an instant (microseconds since 1970, UTC)."""
    for period in periods:
        if period.valid_from <= instant and (period.valid_to is None or instant < period.valid_to):
            return condition(_CODES[period.status])
    return condition("not_yet_included")


def in_trusted_register(listings: Sequence[Listing], day: date) -> tuple[Condition, str | None]:
    """Whether one of a product's listings holds on a day, and the reference of the one that decides."""
    text = day.isoformat()
    best: tuple[str, str | None] = ("not_listed", None)
    for listing in sorted(listings, key=lambda listing: listing.listed_on):
        code = listing.found_on(text)
        if code == "listed":
            return condition(code), listing.reference
        if code != "not_yet_listed" or best[1] is None:
            best = (code, listing.reference)
    return condition(best[0]), best[1]


def condition(code: str) -> Condition:
    """The condition with a reason code of `REASONS`."""
    return Condition(code in _HOLDS, code, REASONS[code])


_CODES: Final[dict[EntryStatus, str]] = {
    "included": "in_force",
    "excluded": "excluded",
    "annulled": "inclusion_annulled",
}
_HOLDS: Final = frozenset({"in_force", "listed"})

REASONS: Final = {
    "in_force": OfficialText(
        kk="Өнім сол кезде тізілімде болды.",
        ru="Продукт в это время состоит в реестре.",
        en="The product is in the register at that time.",
    ),
    "producer_unknown": OfficialText(
        kk="Мұндай БСН немесе ЖСН тізілімге белгісіз.",
        ru="Реестру неизвестен такой БИН или ИИН.",
        en="The register does not know this BIN or IIN.",
    ),
    "product_unknown": OfficialText(
        kk="Бұл өндірушінің мұндай өнімі тізілімге ешқашан енгізілмеген.",
        ru="Такой продукт этого производителя никогда не включался в реестр.",
        en="No such product of this producer was ever in the register.",
    ),
    "not_yet_included": OfficialText(
        kk="Өнім тізілімге кейінірек енгізілген.",
        ru="Продукт включён в реестр позже.",
        en="The product was included later.",
    ),
    "excluded": OfficialText(
        kk="Өнім сол кезде тізілімнен шығарылған болатын.",
        ru="Продукт в это время исключён из реестра.",
        en="The product is excluded from the register at that time.",
    ),
    "inclusion_annulled": OfficialText(
        kk="Өнімді тізілімге енгізу басынан бастап жойылған: ол тізілімде болмаған деп есептеледі.",
        ru="Включение продукта отменено с самого начала: он не считается состоявшим в реестре.",
        en="The inclusion was annulled from the start: the product counts as never having been included.",
    ),
    "listed": OfficialText(
        kk="Өнім сол күні сенім білдірілген бағдарламалық қамтылым тізілімінде болды.",
        ru="Продукт в этот день состоит в реестре доверенного программного обеспечения.",
        en="The product is listed as trusted software on that day.",
    ),
    "not_listed": OfficialText(
        kk="Өнім сенім білдірілген бағдарламалық қамтылым тізілімінде жоқ.",
        ru="Продукта нет в реестре доверенного программного обеспечения.",
        en="The product is not in the register of trusted software.",
    ),
    "not_yet_listed": OfficialText(
        kk="Өнім сенім білдірілген бағдарламалық қамтылым тізіліміне сол күннен кейін енген.",
        ru="Продукт внесён в реестр доверенного программного обеспечения позже этого дня.",
        en="The product was listed as trusted software after that day.",
    ),
    "listing_lapsed": OfficialText(
        kk="Сенім білдірілген бағдарламалық қамтылым тізіліміндегі мерзім сол күнге дейін өткен.",
        ru="Срок нахождения в реестре доверенного программного обеспечения к этому дню истёк.",
        en="The listing as trusted software had lapsed by that day.",
    ),
    "delisted": OfficialText(
        kk="Өнім сол күні сенім білдірілген бағдарламалық қамтылым тізілімінен шығарылған болатын.",
        ru="Продукт в этот день исключён из реестра доверенного программного обеспечения.",
        en="The product is delisted from the register of trusted software on that day.",
    ),
}
