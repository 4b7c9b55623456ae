"""The bodies of the authority's commands."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from services.kernel.http.forms import (
    BinOrIin,
    Form,
    FormWrong,
    LegalDay,
    NameForm,
    OfficialTextForm,
    ShortText,
)
from services.verification.contract.events import AppealDecision
from services.verification.usecases.conclude_case import OfficersConclusion, OfficersDecision
from services.verification.usecases.list_software import NewListing
from services.verification.usecases.receive_signal import Signal
from services.verification.usecases.resubmit_notification import Resubmission

_TEXT: JsonDict = {"kk": "Құжаттар талапқа сай.", "ru": "Документы отвечают требованиям."}


class ConclusionForm(Form):
    """An officer's conclusion (`result`), or the decision on an appeal (`decision`)."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"result": "confirmed"}, {"decision": "upheld", "reasons": _TEXT}]},
    )

    result: Literal["confirmed", "refused", "conforms", "exclude"] | None = None
    decision: AppealDecision | None = None
    reasons: OfficialTextForm | None = Field(
        default=None, description="Required where the result departs from the judgement, and for appeals."
    )
    annuls_from_start: bool | None = Field(
        default=None, description="Of an upheld appeal: whether the exclusion was wrong from the start."
    )
    corrects: Annotated[bool, Field(description="The exclusion notified before was a mistake.")] = False

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.result is None) == (self.decision is None):
            raise FormWrong("result_or_decision_needed")
        if self.corrects and (self.result != "conforms" or self.reasons is None):
            raise FormWrong("correction_incomplete")
        return self

    def outcome(self) -> OfficersConclusion | OfficersDecision:
        """As the use case takes it."""
        reasons = self.reasons.text() if self.reasons else None
        if self.decision is not None:
            return OfficersDecision(self.decision, reasons, self.annuls_from_start)
        if self.result is None:
            raise ValueError("neither result nor decision")
        return OfficersConclusion(self.result, reasons)


class ResubmissionForm(Form):
    """The answer to the industry authority's remarks (order 327 para. 9)."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"answer_to_remarks": _TEXT}]}
    )

    answer_to_remarks: OfficialTextForm
    result: Literal["confirmed", "refused"] | None = None
    reasons: OfficialTextForm | None = None

    def resubmission(self) -> Resubmission:
        """As the use case takes it."""
        reasons = self.reasons.text() if self.reasons else None
        return Resubmission(self.answer_to_remarks.text(), self.result, reasons)


class SupersessionForm(Form):
    """Which document takes the place of another, and in which application."""

    application_id: UUID
    superseded_by: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["60303ae22b998861" * 4])]


class RoundForm(Form):
    """The quarter to monitor."""

    quarter: Annotated[str, Field(pattern=r"^20[0-9]{2}-Q[1-4]$", examples=["2026-Q1"])]


class SignalForm(Form):
    """What happened to an entry that its application's documents do not tell."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "kind": "changed_owner",
                    "entry_id": "0192f0c4-0000-7000-8000-000000000001",
                    "day": "2026-03-02",
                    "source": "ГБД-ЮЛ-2026-0042",
                    "reasons": {
                        "kk": "Айрықша құқық басқа тұлғаға берілді.",
                        "ru": "Исключительное право передано другому лицу.",
                    },
                }
            ]
        },
    )

    kind: Literal["changed_owner", "expired_rights"]
    entry_id: UUID
    day: Annotated[LegalDay, Field(description="When it happened; not in the future.")]
    source: Annotated[ShortText, Field(description="Where it is known from: a register, a document.")]
    reasons: OfficialTextForm

    def signal(self) -> Signal:
        """As the use case takes it."""
        return Signal(self.kind, str(self.entry_id), self.day, self.source, self.reasons.text())


class ListingForm(Form):
    """A product to list in the register of trusted software."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "reference": "ДПО-2025-001",
                    "product_name": {"kk": "Дала Есеп", "ru": "Дала Учёт"},
                    "holder": "180140006007",
                    "listed_on": "2025-11-10",
                }
            ]
        },
    )

    reference: ShortText
    product_name: NameForm
    holder: BinOrIin
    listed_on: LegalDay
    valid_until: LegalDay | None = None

    def listing(self) -> NewListing:
        """As the use case takes it."""
        return NewListing(
            self.reference, self.product_name.text(), self.holder, self.listed_on, self.valid_until
        )


class DelistingForm(Form):
    """Why and from when a product leaves the register of trusted software."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"delisted_on": "2026-04-02", "ground": _TEXT}]},
    )

    delisted_on: LegalDay
    ground: OfficialTextForm
