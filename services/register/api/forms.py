"""The bodies of the register's commands; `examples` show one that would be taken."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from services.kernel.contract import Language
from services.kernel.http import forms as shared
from services.kernel.http.forms import Form, FormWrong, NameForm, OfficialTextForm
from services.register.api import values
from services.register.contract.corrections import CorrectionKind
from services.register.contract.erasures import ErasureReason
from services.register.contract.events import Activity, Product
from services.register.domain import application
from services.register.domain.correction import Proposed
from services.register.domain.erasure import ProposedErasure
from services.register.usecases.file_application import Applicant

MAX_DOCUMENTS: Final = 100
MAX_BATCH: Final = 10_000

_NAME: Final = {"kk": "«Дала Код» ЖШС", "ru": "ТОО «Дала Код»"}
_PRODUCT_NAME: Final = {"kk": "Дала Есеп", "ru": "Дала Учёт", "en": "Dala Accounting"}
_REASONS: Final = {"kk": "Әзірлеушілер тізімі толық емес.", "ru": "Список разработчиков неполон."}
_KINDS: Final = (
    "localisation_report",
    "contracts",
    "development_order",
    "terms_of_reference",
    "commissioning_order",
    "copyright_certificate",
    "developers_list",
)


def _example(body: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [body]})


class ProducerForm(Form):
    """Who applies: a legal entity by `bin` or an individual entrepreneur by `iin`."""

    bin: values.ApplicantBin | None = None
    iin: values.ApplicantIin | None = None
    name: NameForm
    registration_number: values.RegistrationNumber | None = None

    @model_validator(mode="after")
    def _has_one_number(self) -> Self:
        if (self.bin is None) == (self.iin is None):
            raise FormWrong("one_number_needed")
        return self

    @property
    def number(self) -> str:
        """The BIN or IIN."""
        return self.bin or self.iin or ""


class ContactsForm(Form):
    """How the producer is reached; shown in the public list while the product is in the register."""

    address: Annotated[str, shared.text(500)]
    email: values.Email
    telephone: values.Telephone


class ActivityForm(Form):
    """What the producer does and where."""

    oked_primary: values.Oked
    oked_secondary: list[values.Oked] = Field(default_factory=list, max_length=20)
    kato: values.Kato

    def activity(self) -> Activity:
        """As events hold it."""
        return Activity(
            oked_primary=self.oked_primary, kato=self.kato, oked_secondary=tuple(self.oked_secondary)
        )


class ProductForm(Form):
    """The software product as order 327 Appendix 1 describes goods."""

    name: NameForm
    tn_ved: values.TnVed
    kpved: values.Kpved
    ens_tru: values.EnsTru
    agsk3: values.Agsk3 | None = None
    capacity_per_year: values.Capacity

    def product(self) -> Product:
        """As events hold it."""
        return Product(
            name=self.name.text(),
            tn_ved=self.tn_ved,
            kpved=self.kpved,
            ens_tru=self.ens_tru,
            agsk3=self.agsk3,
            capacity_per_year=self.capacity_per_year,
        )


class ApplicationForm(Form):
    """An application; a reapplication when it names what it follows (order 327 paras. 10, 32)."""

    model_config = _example(
        {
            "producer": {"bin": "180140006007", "name": _NAME, "registration_number": "GU-2018-001"},
            "contacts": {
                "address": "010000, Астана қ., Мәңгілік Ел даңғ., 55/20",
                "email": "info@dala.example",
                "telephone": "+7 7172 000000",
            },
            "activity": {"oked_primary": "62011", "oked_secondary": ["62020"], "kato": "710000000"},
            "product": {
                "name": _PRODUCT_NAME,
                "tn_ved": "8523499900",
                "kpved": "62.01.29",
                "ens_tru": "620129.000.000001",
                "capacity_per_year": "1000",
            },
            "reporting_year": 2025,
            "documents": [
                {"kind": kind, "media_type": "application/pdf", "size": 48_213, "sha256": f"{number:064x}"}
                for number, kind in enumerate(_KINDS, start=1)
            ],
            "language": "kk",
            "consent_to_data_processing": True,
        }
    )

    producer: ProducerForm
    contacts: ContactsForm
    activity: ActivityForm
    product: ProductForm
    reporting_year: Annotated[int, Field(ge=2000, le=2100, strict=True)]
    documents: list[values.DocumentForm] = Field(min_length=1, max_length=MAX_DOCUMENTS)
    language: Language
    consent_to_data_processing: Annotated[bool, Field(strict=True)]
    follows: shared.ShortText | None = Field(
        default=None, description="Of a reapplication: the id of the latest decided application."
    )
    rectified: OfficialTextForm | None = Field(
        default=None, description="Of a reapplication: what was rectified since the refusal or exclusion."
    )
    signature_sha256: values.Sha256 | None = Field(
        default=None,
        description="Digest of the electronic signature over the form, which the portal verified and keeps; "
        "production requires it.",
    )

    def applicant(self) -> Applicant:
        """Who applies and how it is reached."""
        return Applicant(
            number=self.producer.number,
            name=self.producer.name.text(),
            address=self.contacts.address,
            email=self.contacts.email,
            telephone=self.contacts.telephone,
        )

    def form(self) -> application.Form:
        """What is applied for."""
        return application.Form(
            product=self.product.product(),
            activity=self.activity.activity(),
            reporting_year=self.reporting_year,
            documents=tuple(document.ref() for document in self.documents),
            language=self.language,
            consent_to_data_processing=self.consent_to_data_processing,
            registration_number=self.producer.registration_number,
            follows=self.follows,
            rectified=self.rectified.text() if self.rectified else None,
            signature_sha256=self.signature_sha256,
        )


class ReasonForm(Form):
    """A producer's own reason, if it gives one."""

    model_config = _example({"reason": "Өнім шығарылмайды."})

    reason: shared.Paragraph | None = None


class AppealForm(Form):
    """An appeal of the notification behind the exclusion (law 86-VII art. 51-2(5))."""

    model_config = _example({"grounds": "Есепте шарт екі рет саналған.", "language": "kk"})

    grounds: shared.LongText
    language: Language
    documents: list[values.DocumentForm] = Field(default_factory=list, max_length=MAX_DOCUMENTS)


class ReturnForm(Form):
    """What is incomplete or unreliable in a notification (order 327 para. 9)."""

    model_config = _example({"remarks": _REASONS})

    remarks: OfficialTextForm


class CorrectionForm(Form):
    """What is wrong with a recorded fact of an entry, what holds instead, why, and on what legal basis."""

    model_config = _example(
        {
            "event_id": "0199f000-0000-7000-8000-000000000001",
            "kind": "redating",
            "counts_from": "2026-03-01T19:00:00Z",
            "reasons": {
                "kk": "Енгізу күні қате көрсетілген.",
                "ru": "Дата включения указана ошибочно.",
            },
            "legal_basis": "order-327 para. 9",
        }
    )

    event_id: shared.ShortText = Field(description="The event of the entry's history that is wrong.")
    kind: CorrectionKind = Field(
        description=(
            "`annulment`: it never counted. `redating`: it counts from `counts_from`. "
            "`restatement`: an inclusion states `product` or `activity` instead."
        )
    )
    reasons: OfficialTextForm
    legal_basis: shared.ShortText
    counts_from: shared.Instant | None = Field(default=None, description="Only of a redating.")
    product: ProductForm | None = Field(default=None, description="Only of a restatement.")
    activity: ActivityForm | None = Field(default=None, description="Only of a restatement.")

    @model_validator(mode="after")
    def _states_what_its_kind_needs(self) -> Self:
        restates = self.product is not None or self.activity is not None
        if restates != (self.kind == "restatement"):
            raise FormWrong("restatement_fields")
        if (self.counts_from is not None) != (self.kind == "redating"):
            raise FormWrong("redating_fields")
        return self

    def proposed(self, entry_id: UUID) -> Proposed:
        """As the domain takes it."""
        return Proposed(
            entry_id=str(entry_id),
            event_id=self.event_id,
            kind=self.kind,
            reasons=self.reasons.text(),
            legal_basis=self.legal_basis,
            counts_from=self.counts_from,
            product=self.product.product() if self.product else None,
            activity=self.activity.activity() if self.activity else None,
        )


class DeclineForm(Form):
    """Why a correction or an erasure is declined."""

    model_config = _example({"reasons": _REASONS})

    reasons: OfficialTextForm


class ErasureForm(Form):
    """Why a producer's personal values are erased, and the provision that it rests on."""

    model_config = _example({"reason": "purpose_reached", "legal_basis": "law-94-V art. 18"})

    reason: ErasureReason
    legal_basis: Annotated[
        str,
        Field(
            min_length=5,
            max_length=200,
            pattern=r"^[A-Za-zА-Яа-яЁё][^\x00-\x1f]*$",
            description="Article and paragraph; it stands in the published fact and names nobody.",
            examples=["law-94-V art. 18"],
        ),
    ]

    def proposed(self, producer_id: UUID) -> ProposedErasure:
        """As the domain takes it."""
        return ProposedErasure(producer_id=str(producer_id), reason=self.reason, legal_basis=self.legal_basis)


class LiquidationForm(Form):
    """A liquidation as registered by the state."""

    model_config = _example({"on": "2026-03-02", "reference": "ГБД-ЮЛ-2026-0042"})

    on: shared.LegalDay
    reference: shared.ShortText


class ReorganisationForm(Form):
    """A reorganisation as registered by the state; a transformation states the new BIN, name or both."""

    model_config = _example({"form": "merger", "on": "2026-03-02", "reference": "ГБД-ЮЛ-2026-0043"})

    form: Literal["merger", "accession", "division", "separation", "transformation"]
    on: shared.LegalDay
    reference: shared.ShortText
    new_bin: values.ApplicantBin | None = Field(default=None, description="Only of a transformation.")
    new_name: NameForm | None = Field(default=None, description="Only of a transformation.")

    @model_validator(mode="after")
    def _only_a_transformation_renames(self) -> Self:
        renames = self.new_bin is not None or self.new_name is not None
        if renames != (self.form == "transformation"):
            raise FormWrong("renaming_without_transformation")
        return self


class OriginQuestionForm(Form):
    """One question of a batch."""

    bin: shared.BinOrIin
    product: shared.LineText = Field(description="The product's id, or its name in Kazakh or Russian.")
    on: shared.LegalDay | None = Field(default=None, description="Today in Almaty when absent.")
    valid_at: shared.Instant | None = Field(default=None, description="An instant instead of a day.")


class OriginBatchForm(Form):
    """Up to 10,000 questions."""

    model_config = _example({"items": [{"bin": "180140006007", "product": "Дала Есеп", "on": "2026-03-02"}]})

    items: list[OriginQuestionForm] = Field(min_length=1, max_length=MAX_BATCH)
