"""What the API takes and shows of simulations; what an analyst sees names no case, producer or product."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec
from pydantic import ConfigDict, Field

from services.kernel.calendar import Quarter
from services.kernel.http.forms import Form, LegalDay
from services.kernel.http.responses import Page, Representation
from services.verification.api.representations import TextShown
from services.verification.contract.events import NotificationResult
from services.verification.domain.judgement import rule_book
from services.verification.domain.rule_sets import RuleSet
from services.verification.domain.simulation import Answer, Loosening
from services.verification.projections.simulations import Simulation, SimulationStatus


@lru_cache(maxsize=1)
def _example() -> dict[str, Any]:
    """A draft for the documentation: the newest confirmation rules with one criterion."""
    dated = rule_book().find("software-confirmation-2026")
    if dated is None:
        raise LookupError("software-confirmation-2026 is not among the rule sets")
    draft: dict[str, Any] = msgspec.json.decode(dated.content)
    criteria = [one for one in draft["criteria"] if one["function"] == "localisation_share"]
    draft |= {"version": "2", "in_force_from": "2027-01-01", "criteria": criteria}
    return draft


class SimulationForm(Form):
    """A draft rule set and the period whose decided cases it is tried on."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"draft": _example(), "period_from": "2026-01-01", "period_to": "2026-03-31"}]
        },
    )

    draft: dict[str, Any] = Field(description="A rule set in the form of /openapi/rule-set.json.")
    period_from: LegalDay = Field(description="The first legal date of the cases.")
    period_to: LegalDay = Field(description="The last legal date of the cases; not in the future.")


class CriterionTallyShown(Representation):
    """In how many cases a criterion is answered otherwise than before, by its answer under the draft."""

    now_met: int
    now_not_met: int
    not_decidable: int
    no_longer_asked: int
    unchanged: int


class LooserShown(Representation):
    """A place where the draft asks less than the rule in force, or perhaps does."""

    how: Loosening
    criterion: str | None = None
    before: str
    after: str


class SimulationShown(Representation):
    """A simulation: how far it has come and what it found."""

    simulation_id: str
    status: SimulationStatus
    draft_id: str
    draft_version: str
    digest: str
    period_from: date
    period_to: date
    requested_at: datetime
    finished_at: datetime | None = None
    cases_found: int = Field(description="Decided cases of the period when it was requested.")
    cases: int = Field(description="Tried so far.")
    unchanged: int
    would_conform: int
    would_not_conform: int
    not_decidable: int = Field(description="The draft asks what was not recorded.")
    unjudged: int = Field(description="Decided by an officer while no rule set was in force; not compared.")
    criteria: dict[str, CriterionTallyShown]
    compared_with: str | None = Field(
        default=None, description="The rule set in force when the draft would begin, as id@version."
    )
    looser: list[LooserShown] = Field(
        description="Art. 51-7(4) forbids more favourable conditions than before for goods."
    )
    is_looser: bool = Field(
        description="The draft asks less somewhere, or decisions would become favourable."
    )


class ChangeShown(Representation):
    """One criterion that the draft answers otherwise."""

    criterion: str
    before: Answer
    after: Answer


class DifferenceShown(Representation):
    """One decision that would differ. Case, producer and product are shown to officers and auditors only."""

    number: int
    kind: Literal["confirmation", "monitoring"]
    quarter: str = Field(description="The quarter of the legal date.")
    result: NotificationResult = Field(description="As it was decided.")
    departs_from_judgement: bool
    judgement: Literal["conforms", "does_not_conform"] = Field(description="Under the draft.")
    overridden: list[str] = Field(
        description="Criteria that an officer answered otherwise than the rules; compared as the rules did."
    )
    changes: list[ChangeShown]
    case_id: str | None = None
    legal_date: date | None = None
    producer_id: str | None = None
    bin: str | None = None
    product_name: TextShown | None = None


class DifferencePage(Page[DifferenceShown]):
    """One page of differences, in the order in which they were found."""


def simulation(found: Simulation) -> SimulationShown:
    """As the API shows a simulation."""
    draft = msgspec.json.decode(found.draft, type=RuleSet)
    tally = found.tally
    return SimulationShown(
        simulation_id=str(found.simulation_id),
        status=found.status,
        draft_id=draft.id,
        draft_version=draft.version,
        digest=found.digest,
        period_from=date.fromisoformat(found.period.first_day),
        period_to=date.fromisoformat(found.period.last_day),
        requested_at=_instant(found.requested_at),
        finished_at=_instant(found.finished_at) if found.finished_at is not None else None,
        cases_found=found.cases_found,
        cases=tally.cases,
        unchanged=tally.unchanged,
        would_conform=tally.would_conform,
        would_not_conform=tally.would_not_conform,
        not_decidable=tally.not_decidable,
        unjudged=tally.unjudged,
        criteria={
            name: CriterionTallyShown.model_validate(msgspec.to_builtins(one))
            for name, one in tally.criteria.items()
        },
        compared_with=found.compared_with,
        looser=[LooserShown.model_validate(msgspec.to_builtins(one)) for one in found.looser],
        is_looser=bool(found.looser) or tally.would_conform > 0,
    )


def difference(row: Mapping[str, Any], *, named: bool) -> DifferenceShown:
    """As the API shows a difference; without `named` nothing of it leads to a case, producer or product."""
    legal_date = date.fromisoformat(row["legal_date"])
    shown: dict[str, Any] = {
        "number": row["number"],
        "kind": row["kind"],
        "quarter": str(Quarter.of(legal_date)),
        "result": row["result"],
        "departs_from_judgement": row["departs"],
        "judgement": "conforms" if row["conforms"] else "does_not_conform",
        "overridden": row["overridden"],
        "changes": [msgspec.to_builtins(change) for change in row["changes"]],
    }
    if named:
        name = TextShown(kk=row["product_name_kk"], ru=row["product_name_ru"])
        shown |= {"case_id": str(row["case_id"]), "legal_date": legal_date, "product_name": name}
        shown |= {"producer_id": row["producer_id"], "bin": row["bin"]}
    return DifferenceShown.model_validate(shown)


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
