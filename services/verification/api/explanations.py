"""`/v1/cases/{case_id}/explanation`: why a case was decided as it was."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.negotiation import preferred_type
from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import JSON, read_bytes, rendered
from services.kernel.journal.journal import Journal
from services.kernel.journal.units import Recorded
from services.kernel.personal_keys import pseudonym
from services.verification.api.desk import AtDesk
from services.verification.api.explained import ExplanationShown, explained
from services.verification.api.explanation_page import HTML, SECURITY, page_of
from services.verification.contract.events import CaseOpened
from services.verification.projections.identifiers import identifiers_of
from services.verification.projections.used_rule_sets import content_of

reads: Final = APIRouter(tags=["cases"])
READING: Final = Reading("informatization_officer", "auditor", "producer")
_HTML_CONTENT: Final[dict[str, Any]] = {"text/html": {"schema": {"type": "string"}}}


@reads.get(
    "/v1/cases/{case_id}/explanation",
    operation_id="explain_case",
    summary="Why a case was decided as it was",
    responses={200: {"model": ExplanationShown, "content": _HTML_CONTENT}},
)
def explain_case(
    request: Request, desk: AtDesk, case_id: UUID, caller: Annotated[Caller, Depends(READING)]
) -> Response:
    """Each criterion with its figures, rule and citation, the evidence by digest, who decided and when.

    JSON holds every language; `text/html` is one page in that of `Accept-Language`. It is made from the
    journal and the rule set recorded there, so it stays the same byte for byte. A producer reads its own.
    """
    facts = _facts(desk.journal, case_id, caller)
    with desk.journal.database.read() as connection:
        shown = explained(facts, partial(content_of, connection))
    kind = preferred_type(request.headers.get("accept"), (JSON, "text/html"))
    if kind == JSON:
        answer = read_bytes(request, rendered(shown), JSON)
    else:
        answer = read_bytes(request, page_of(shown, caller.language), HTML)
        answer.headers["Content-Language"] = caller.language
        answer.headers["Content-Security-Policy"] = SECURITY
    answer.headers["Vary"] = "Accept, Accept-Language"
    return answer


def _facts(journal: Journal, case_id: UUID, caller: Caller) -> list[Recorded]:
    """The facts of a case that is the caller's to see. Raises `NotFound` (`case_unknown`)."""
    facts = journal.facts_of(case_id)
    opened = facts[0].fact.data if facts else None
    if not isinstance(opened, CaseOpened):
        raise NotFound("case_unknown", id=str(case_id))
    if caller.is_any("informatization_officer", "auditor"):
        return facts
    with journal.database.read() as connection:
        if not _is_own(connection, opened, caller.principal.producer):
            raise NotFound("case_unknown", id=str(case_id))
    return facts


def _is_own(connection: sa.Connection, opened: CaseOpened, identifier: str | None) -> bool:
    if identifier is None:
        return False
    return identifier == opened.producer.bin or pseudonym(connection, identifier) in identifiers_of(
        connection, opened.producer.producer_id
    )
