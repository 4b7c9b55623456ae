"""What only the register's requests are made of: applicants, classifier codes, contacts, documents."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from services.kernel import identifiers
from services.kernel.contract import DocumentRef
from services.kernel.http.forms import DIGITS, Form, LegalDay
from services.register.contract.package import DocumentKind

MAX_DOCUMENT_BYTES: Final = 50 * 1024 * 1024


def _kpved(text: str) -> str:
    return identifiers.parse_code("kpved", text)


def _ens_tru(text: str) -> str:
    return identifiers.parse_code("ens_tru", text)


def _agsk3(text: str) -> str:
    return identifiers.parse_code("agsk3", text)


ApplicantBin = Annotated[
    str,
    AfterValidator(identifiers.parse_applicant_bin),
    Field(pattern=DIGITS, description="The BIN of a resident legal entity.", examples=["181240006529"]),
]
ApplicantIin = Annotated[
    str,
    AfterValidator(identifiers.parse_applicant_iin),
    Field(pattern=DIGITS, description="The IIN of an individual entrepreneur.", examples=["660427402182"]),
]
TnVed = Annotated[str, Field(pattern=r"^[0-9]{10}$", examples=["8523499900"])]
Kpved = Annotated[str, AfterValidator(_kpved), Field(max_length=8, examples=["62.01.29"])]
EnsTru = Annotated[str, AfterValidator(_ens_tru), Field(max_length=17, examples=["620129.000.000001"])]
Agsk3 = Annotated[str, AfterValidator(_agsk3), Field(max_length=30, examples=["241-101-0101"])]
Oked = Annotated[str, Field(pattern=r"^[0-9]{5}$", examples=["62011"])]
Kato = Annotated[str, Field(pattern=r"^[0-9]{9}$", examples=["710000000"])]
Capacity = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,11}$", examples=["1000"])]
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
_REGISTERED: Final = r"[0-9A-Za-zА-Яа-яЁёӘәҒғҚқҢңӨөҰұҮүҺһІі№/. \-]{0,30}"
RegistrationNumber = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=61, pattern=f"^{_REGISTERED}[0-9]{_REGISTERED}$"),
    Field(
        description="Of the state registration; it stands in the extract. An individual's is personal.",
        examples=["GU-2018-001"],
    ),
]
"""A number with its letters and signs; no other words."""


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
    valid_until: LegalDay | None = Field(
        default=None, description="The last day of the right that the document shows, if it has an end."
    )

    def ref(self) -> DocumentRef:
        """As events hold it."""
        return DocumentRef(
            kind=self.kind,
            media_type=self.media_type,
            size=self.size,
            sha256=self.sha256,
            valid_until=self.valid_until.isoformat() if self.valid_until else None,
        )
