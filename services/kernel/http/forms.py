"""What request bodies of all services are made of: bounded texts, official names, BIN and IIN, legal days."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.kernel import identifiers
from services.kernel.contract import OfficialText

_INSTANT: Final = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EARLIEST: Final = date(2000, 1, 1)
LATEST: Final = date(2100, 12, 31)
NO_CONTROLS: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


class Form(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FormWrong(ValueError):
    """A value is not of its form; `code` names the rule in `field_errors.json`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _iso_day(value: object) -> object:
    if isinstance(value, str) and _ISO_DAY.fullmatch(value) is None:
        raise FormWrong("day_form")
    if not isinstance(value, str | date):
        raise FormWrong("day_form")
    return value


def parse_instant(value: object) -> datetime | None:
    """An instant as RFC 3339 writes it, with its offset. Raises `ValueError` for anything else."""
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise FormWrong("instant_form")
    return datetime.fromisoformat(value)


def text(longest: int) -> StringConstraints:
    """A text of one to `longest` characters, without control characters, white space around it dropped."""
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest, pattern=NO_CONTROLS)


ShortText = Annotated[str, text(100)]
LineText = Annotated[str, text(300)]
Paragraph = Annotated[str, text(4_000)]
LongText = Annotated[str, text(10_000)]
LegalDay = Annotated[
    date,
    BeforeValidator(_iso_day),
    Field(ge=EARLIEST, le=LATEST, description="A legal day in Asia/Almaty.", examples=["2026-03-02"]),
]
Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    Field(examples=["2026-03-02T07:00:00Z"], description="An instant (RFC 3339)."),
]
DIGITS: Final = r"^[0-9]{12}$"
Bin = Annotated[
    str,
    AfterValidator(identifiers.parse_bin),
    Field(
        pattern=DIGITS,
        description="A BIN: twelve digits, the last a check digit.",
        examples=["181240006529"],
    ),
]
BinOrIin = Annotated[
    str,
    AfterValidator(identifiers.parse_bin_or_iin),
    Field(pattern=DIGITS, description="A BIN or an IIN.", examples=["181240006529"]),
]


class NameForm(Form):
    """A name in Kazakh and Russian, in English where there is one."""

    kk: LineText
    ru: LineText
    en: LineText | None = None

    def text(self) -> OfficialText:
        """As events hold it."""
        return OfficialText(kk=self.kk, ru=self.ru, en=self.en)


class OfficialTextForm(Form):
    """A text an authority or applicant writes: in Kazakh and Russian, in English where there is one."""

    kk: Paragraph
    ru: Paragraph
    en: Paragraph | None = None

    def text(self) -> OfficialText:
        """As events hold it."""
        return OfficialText(kk=self.kk, ru=self.ru, en=self.en)
