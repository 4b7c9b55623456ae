"""What request fields are made of: bounded texts, official names, numbers with check digits, legal days."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.kernel import identifiers
from services.kernel.contract import DocumentRef, OfficialText
from services.register.contract.events import DocumentKind

_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EARLIEST: Final = date(2000, 1, 1)
LATEST: Final = date(2100, 12, 31)
NO_CONTROLS: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
MAX_DOCUMENT_BYTES: Final = 50 * 1024 * 1024


class Form(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _iso_day(value: object) -> object:
    if isinstance(value, str) and _ISO_DAY.fullmatch(value) is None:
        raise ValueError("a day is written YYYY-MM-DD")
    if not isinstance(value, str | date):
        raise ValueError("a day is written YYYY-MM-DD")  # noqa: TRY004  # pydantic turns only this into a finding
    return value


def _kpved(text: str) -> str:
    return identifiers.parse_code("kpved", text)


def _ens_tru(text: str) -> str:
    return identifiers.parse_code("ens_tru", text)


def _agsk3(text: str) -> str:
    return identifiers.parse_code("agsk3", text)


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
_DIGITS: Final = r"^[0-9]{12}$"
Bin = Annotated[
    str,
    AfterValidator(identifiers.parse_bin),
    Field(
        pattern=_DIGITS,
        description="A BIN: twelve digits, the last a check digit.",
        examples=["181240006529"],
    ),
]
ApplicantBin = Annotated[
    str,
    AfterValidator(identifiers.parse_applicant),
    Field(pattern=_DIGITS, description="The BIN of a resident legal entity.", examples=["181240006529"]),
]
Iin = Annotated[
    str,
    AfterValidator(identifiers.parse_iin),
    Field(pattern=_DIGITS, description="The IIN of an individual entrepreneur.", examples=["660427402182"]),
]
BinOrIin = Annotated[
    str,
    AfterValidator(identifiers.parse_bin_or_iin),
    Field(pattern=_DIGITS, description="A BIN or an IIN.", examples=["181240006529"]),
]
TnVed = Annotated[str, Field(pattern=r"^[0-9]{10}$", examples=["8523499900"])]
Kpved = Annotated[str, AfterValidator(_kpved), Field(max_length=8, examples=["62.01.29"])]
EnsTru = Annotated[str, AfterValidator(_ens_tru), Field(max_length=17, examples=["620129.000.000001"])]
Agsk3 = Annotated[str, AfterValidator(_agsk3), Field(max_length=30, examples=["241-101-0101"])]
Oked = Annotated[str, Field(pattern=r"^[0-9]{5}$", examples=["62011"])]
Kato = Annotated[str, Field(pattern=r"^[0-9]{9}$", examples=["710000000"])]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["9f86d081884c7d65" * 4])]
Email = Annotated[
    str,
    Field(
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}$",
        examples=["info@dala.example"],
    ),
]
Telephone = Annotated[
    str, Field(max_length=30, pattern=r"^\+?[0-9][0-9 ()\-]{4,28}$", examples=["+7 7172 000000"])
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


class DocumentForm(Form):
    """A document by digest, uploaded to the informatization authority beforehand."""

    kind: DocumentKind
    media_type: Annotated[
        str,
        Field(max_length=100, pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+\-]*$", examples=["application/pdf"]),
    ]
    size: Annotated[
        int, Field(ge=1, le=MAX_DOCUMENT_BYTES, strict=True, description="In bytes.", examples=[48_213])
    ]
    sha256: Sha256

    def ref(self) -> DocumentRef:
        """As events hold it."""
        return DocumentRef(kind=self.kind, media_type=self.media_type, size=self.size, sha256=self.sha256)
