"""`/v1/rule-sets`: the rules a case is judged by, with their dates of effect."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.forms import LegalDay
from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import read
from services.verification.api import representations
from services.verification.api.desk import AtDesk
from services.verification.api.representations import RuleSetShown, RuleSetsShown

reads: Final = APIRouter(tags=["rule sets"])


@reads.get(
    "/v1/rule-sets",
    operation_id="list_rule_sets",
    summary="Rule sets, or those in force on a day",
    responses={200: {"model": RuleSetsShown}},
)
def list_all(
    request: Request,
    desk: AtDesk,
    _caller: Annotated[Caller, Depends(Reading("public"))],
    on: Annotated[LegalDay | None, Query(description="A legal day in Asia/Almaty.")] = None,
) -> Response:
    """Outside every period of a kind none is in force; a neighbour's is never given instead."""
    found = [dated for dated in desk.practice.rule_book.rule_sets if on is None or dated.covers(on)]
    shown = RuleSetsShown(items=[representations.rule_set(dated) for dated in found])
    return read(request, shown, public=True)


@reads.get(
    "/v1/rule-sets/{rule_set_id}",
    operation_id="read_rule_set",
    summary="Read a rule set",
    responses={200: {"model": RuleSetShown}},
)
def read_one(
    request: Request,
    desk: AtDesk,
    rule_set_id: Annotated[str, Path(max_length=100, examples=["software-confirmation-2026"])],
    _caller: Annotated[Caller, Depends(Reading("public"))],
    version: Annotated[
        str | None, Query(pattern=r"^[1-9][0-9]{0,5}$", description="By default the latest.")
    ] = None,
) -> Response:
    """Its period, its content as published, and the digest that decisions name."""
    found = desk.practice.rule_book.find(rule_set_id, version)
    if found is None:
        raise NotFound("rule_set_unknown", id=rule_set_id)
    return read(request, representations.rule_set(found), public=True)
