"""The bodies of what officers do on a case, and of a producer's answer."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from services.kernel.contract import CourtRuling, OfficialText
from services.kernel.http.forms import Form, LegalDay, NameForm, OfficialTextForm, ShortText, text
from services.verification.contract.events import CheckVerdict
from services.verification.contract.officers_work import RulingOutcome
from services.verification.usecases.record_ruling import RecordedRuling
from services.verification.usecases.supply_documents import Named

ME: Final = "me"
LONGEST_CHECK_REASON: Final = 450
_TEXT: Final[JsonDict] = {"kk": "Шарттың көшірмесін ұсыныңыз.", "ru": "Представьте копию договора."}
_COURT: Final[JsonDict] = {
    "kk": "Астана қаласының мамандандырылған ауданаралық әкімшілік соты",
    "ru": "Специализированный межрайонный административный суд города Астаны",
}
_DIGEST: Final = "9f86d081884c7d65" * 4
Kind = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z_]{0,59}$"), Field(description="A kind of document.")
]
Digest = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(description="SHA-256 of an uploaded document.")
]

CheckReason = Annotated[str, text(LONGEST_CHECK_REASON)]


def _example(*bodies: JsonDict) -> ConfigDict:
    return ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": list(bodies)})


class AssignmentForm(Form):
    """Whose hands the case goes into."""

    model_config = _example({"officer": "me"}, {"officer": "nobody"})

    officer: Annotated[
        str,
        StringConstraints(pattern=r"^(me|nobody|[0-9a-f]{32})$"),
        Field(description="`me`, `nobody` to give it back, or an officer's id."),
    ]
    reasons: OfficialTextForm | None = Field(
        default=None, description="Required to take the case out of another officer's hands."
    )


class DocumentRequestForm(Form):
    """What the producer is asked for."""

    model_config = _example({"asked": _TEXT, "kinds": ["contracts"]})

    asked: OfficialTextForm
    kinds: Annotated[list[Kind], Field(max_length=20)] = Field(default_factory=list)


class SuppliedDocumentForm(Form):
    """A document of an answer, named by the digest that its upload answered with."""

    kind: Kind
    sha256: Digest
    replaces: Digest | None = Field(
        default=None, description="The document of the case in whose place this one stands."
    )


class SuppliedDocumentsForm(Form):
    """A producer's answer to a document request."""

    model_config = _example({"documents": [{"kind": "contracts", "sha256": _DIGEST}]})

    documents: Annotated[list[SuppliedDocumentForm], Field(min_length=1, max_length=100)]

    def named(self) -> tuple[Named, ...]:
        """As the use case takes it."""
        return tuple(Named(one.kind, one.sha256, one.replaces) for one in self.documents)


class CheckReasonsForm(Form):
    """Why a criterion is confirmed or overridden; short enough for a judgement to hold one for each."""

    kk: CheckReason
    ru: CheckReason
    en: CheckReason | None = None

    def text(self) -> OfficialText:
        """As events hold it."""
        return OfficialText(kk=self.kk, ru=self.ru, en=self.en)


class CriterionCheckForm(Form):
    """What the officer makes of one criterion."""

    model_config = _example({"criterion": "localisation_share", "verdict": "confirmed"})

    criterion: ShortText
    verdict: CheckVerdict
    reasons: CheckReasonsForm | None = Field(default=None, description="Required for an override.")


class ReturnForm(Form):
    """Why a proposal goes back."""

    model_config = _example({"remarks": _TEXT})

    remarks: OfficialTextForm


class CourtRulingForm(Form):
    """A ruling of a court on what was decided in the case (law 86-VII art. 51-5(7))."""

    model_config = _example(
        {
            "court": _COURT,
            "number": "7119-26-00-4/1",
            "ruled_on": "2026-03-02",
            "outcome": "undone",
            "annuls_from_start": True,
            "reasons": {"kk": "Шығару заңсыз деп танылды.", "ru": "Исключение признано незаконным."},
        }
    )

    court: NameForm
    number: ShortText
    ruled_on: LegalDay
    outcome: RulingOutcome
    reasons: OfficialTextForm
    annuls_from_start: bool | None = Field(
        default=None,
        description="Of a ruling that undoes an exclusion: whether it counts as never made.",
    )

    def recorded(self) -> RecordedRuling:
        """As the use case takes it."""
        ruling = CourtRuling(court=self.court.text(), number=self.number, ruled_on=self.ruled_on.isoformat())
        return RecordedRuling(ruling, self.outcome, self.reasons.text(), self.annuls_from_start)


def text_of(form: OfficialTextForm | CheckReasonsForm | None) -> OfficialText | None:
    """An optional text as the use cases take it."""
    return form.text() if form is not None else None
