"""What is answered about extracts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import BeforeValidator, ConfigDict, Field

from services.kernel.http.forms import BinOrIin, Form, FormWrong, Instant, parse_instant
from services.kernel.http.responses import Representation
from services.register.api.representations import Text

_LAST_POSITION: Final = 10**15 - 1


def _known(value: object) -> datetime | int | None:
    if not isinstance(value, int):
        return parse_instant(value)
    if isinstance(value, bool) or not 0 <= value <= _LAST_POSITION:
        raise FormWrong("instant_form")
    return value


KnownAt = Annotated[
    datetime | Annotated[int, Field(strict=True, ge=0, le=_LAST_POSITION)], BeforeValidator(_known)
]


class ExtractForm(Form):
    """Whose extract, and as of when; both times are now when absent."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"producer": "180140006007"}]}
    )

    producer: Annotated[BinOrIin, Field(description="The producer's BIN or IIN.")]
    valid_at: Instant | None = Field(default=None, description="What counted in law at this instant.")
    known_at: KnownAt | None = Field(
        default=None, description="What the register knew at this instant or journal position."
    )


class ExtractProducerShown(Representation):
    """The producer as it was named then (order 327 Appendix 2)."""

    producer_id: str
    kind: str
    bin: str | None = None
    iin: str | None = None
    name: Text
    state_registration_number: str | None = None


class ExtractProductShown(Representation):
    """One product in force; DVC and localisation level are not determined for software."""

    product_id: str
    registration_number: str = Field(description="Of the inclusion.")
    included_on: str
    name: Text
    oked: list[str] = Field(description="The primary activity, then the secondary ones.")
    tn_ved: str
    kpved: str
    ens_tru: str
    agsk3: str | None = None
    capacity_per_year: str
    localisation_share: str | None = Field(default=None, description="DLPO in per cent, rounded for showing.")
    trusted_register_reference: str | None = None


class ExtractContentShown(Representation):
    """All that the extract says."""

    id: str = Field(examples=["urn:kz:register:extract:0199f000-0000-7000-8000-000000000001"])
    form: str = Field(description="The form it was issued in.", examples=["order-327-appendix-2.1"])
    code: str = Field(description="Opens the verification; secret to those who do not hold the extract.")
    verification_url: str
    issued_on: str = Field(description="Legal day in Asia/Almaty.", examples=["2026-03-02"])
    valid_at: str
    known_at: int = Field(description="Position of the register's journal.")
    producer: ExtractProducerShown
    products: list[ExtractProductShown]


class ExtractShown(Representation):
    """An extract as a file that proves itself (docs/extracts.md)."""

    extract_id: str
    number: str
    position: int = Field(description="Where the journal holds the fact of its issue.")
    content: ExtractContentShown
    digest: str = Field(description="SHA-256 of the canonical content (RFC 8785); the record holds it.")
    record: str = Field(description="The record of `ExtractIssued`, byte for byte (UTF-8).")
    proof: str | None = Field(
        default=None,
        description="That the log holds the record (c2sp.org/tlog-proof@v1); in reads, about a second later.",
    )
