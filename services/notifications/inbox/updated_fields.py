"""What a producer brought up to date, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.kernel.contract import OfficialText
from services.register.contract.updates import UpdatedField

_WORDS: Final[dict[UpdatedField, tuple[str, str, str]]] = {
    "name": ("өндірушінің атауы", "наименование производителя", "the producer's name"),
    "registration_number": (
        "мемлекеттік тіркеу нөмірі",
        "номер государственной регистрации",
        "the state registration number",
    ),
    "address": ("өндірістің мекенжайы", "адрес производства", "the production address"),
    "email": ("электрондық мекенжай", "электронный адрес", "the e-mail address"),
    "telephone": ("телефон", "телефон", "the telephone"),
    "oked_primary": ("негізгі қызмет түрі", "основной вид деятельности", "the primary activity"),
    "oked_secondary": (
        "қосалқы қызмет түрлері",
        "вторичные виды деятельности",
        "the secondary activities",
    ),
    "kato": ("өңір", "регион", "the region"),
    "capacity_per_year": (
        "жылдық өндірістік қуат",
        "производственная мощность в год",
        "the production capacity per year",
    ),
}


def updated_fields(fields: Sequence[UpdatedField]) -> OfficialText:
    """The fields in each language, as a list inside a sentence."""
    kk, ru, en = (", ".join(words) for words in zip(*(_WORDS[field] for field in fields), strict=True))
    return OfficialText(kk=kk, ru=ru, en=en)
