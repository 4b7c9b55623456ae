"""Filing, reapplication, withdrawal: order 327 paras. 9-10 and 32, and where the texts are silent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.events import new_stream_id
from services.register.contract.events import (
    ApplicationClosed,
    ApplicationFiled,
    ApplicationWithdrawn,
)
from services.register.contract.package import PACKAGE_GROUPS
from services.register.domain.application import Application, Standing
from tests.register.given import (
    REASONS,
    act,
    at,
    documents,
    dossier,
    filed,
    form,
    kinds,
    legal_entity,
    registered,
    settled,
    with_application,
)

RECTIFIED = OfficialText(kk="Түзетілді.", ru="Исправлено.")
REFUSED = Standing(decided="a-1", decided_as="refused")
EXCLUDED = Standing(
    decided="a-1", decided_as="included", entry_status="excluded", exclusion_ground="software_monitoring"
)
AT_OWN_REQUEST = Standing(
    decided="a-1", decided_as="included", entry_status="excluded", exclusion_ground="own_request"
)


def filing(standing: Standing | None = None, **changes: Any) -> ApplicationFiled:
    application = filed(registered(), new_stream_id(), standing=standing, **changes)
    return application.filed


def test_a_complete_form_is_filed_para_10() -> None:
    event = filing()
    assert event.consent_to_data_processing
    assert event.follows is None


def test_filing_without_consent_is_refused_para_10_1() -> None:
    with pytest.raises(Invalid, match="consent_required"):
        filing(consent_to_data_processing=False)


@pytest.mark.parametrize("year", [2026, 2027, 2100])
def test_a_reporting_year_that_is_not_over_is_refused(year: int) -> None:
    with pytest.raises(Invalid, match="reporting_year_not_over") as refused:
        filing(reporting_year=year)
    assert refused.value.pointer == "/reporting_year"


def test_the_reporting_year_is_judged_by_the_day_in_almaty() -> None:
    """20:00Z on New Year's Eve is already the next year in Almaty."""
    application = Application(new_stream_id())
    standing = Standing()
    application.file(
        act(at("2026-12-31", "20:00")),
        form(reporting_year=2026),
        standing,
        producer=legal_entity(),
        product_id="p",
        commitments={},
    )
    assert application.filed.reporting_year == 2026


@pytest.mark.parametrize("group", list(PACKAGE_GROUPS))
def test_each_group_of_the_document_package_is_needed(group: str) -> None:
    present = tuple(d for d in documents() if d.kind not in PACKAGE_GROUPS[group])
    with pytest.raises(Invalid, match="document_missing") as refused:
        filing(documents=present)
    assert refused.value.params["group"] == group


def test_an_application_while_one_is_pending_is_refused() -> None:
    with pytest.raises(Conflict, match="application_pending"):
        filing(Standing(pending="a-0"))


def test_an_application_while_included_is_refused() -> None:
    with pytest.raises(Conflict, match="already_included"):
        filing(Standing(decided="a-1", decided_as="included", entry_status="included"))


def test_a_producer_that_ceased_cannot_apply_art_51_6() -> None:
    with pytest.raises(Conflict, match="producer_ceased"):
        filing(Standing(ceased="liquidation"))


def test_a_transformed_producer_applies_under_its_present_bin() -> None:
    with pytest.raises(Conflict, match="producer_transformed"):
        filing(Standing(present_bin="971240001315"))


@pytest.mark.parametrize("standing", [REFUSED, EXCLUDED])
def test_a_reapplication_names_what_it_follows_and_what_was_rectified_para_32(standing: Standing) -> None:
    event = filing(standing, follows="a-1", rectified=RECTIFIED)
    assert event.follows == "a-1"
    assert b"rectified" not in msgspec.json.encode(event)


@pytest.mark.parametrize("standing", [REFUSED, EXCLUDED, AT_OWN_REQUEST])
def test_a_reapplication_that_names_nothing_is_refused(standing: Standing) -> None:
    with pytest.raises(Invalid, match="follows_required") as refused:
        filing(standing, rectified=RECTIFIED)
    assert refused.value.params["application_id"] == "a-1"


def test_a_reapplication_that_names_another_application_is_refused() -> None:
    with pytest.raises(Invalid, match="follows_wrong"):
        filing(REFUSED, follows="a-7", rectified=RECTIFIED)


def test_a_first_application_follows_nothing() -> None:
    with pytest.raises(Invalid, match="follows_wrong"):
        filing(follows="a-7")


@pytest.mark.parametrize("standing", [REFUSED, EXCLUDED])
def test_what_was_rectified_must_be_stated(standing: Standing) -> None:
    with pytest.raises(Invalid, match="rectified_required"):
        filing(standing, follows="a-1")


def test_after_exclusion_at_own_request_nothing_need_be_rectified() -> None:
    assert filing(AT_OWN_REQUEST, follows="a-1").follows == "a-1"


def test_a_first_application_has_nothing_to_rectify() -> None:
    with pytest.raises(Invalid, match="nothing_to_rectify"):
        filing(rectified=RECTIFIED)


def test_a_pending_application_can_be_withdrawn() -> None:
    application = with_application(dossier())
    application.withdraw(act(), {"reason": "c"})
    (fact,) = application.collect_events()
    assert isinstance(fact.data, ApplicationWithdrawn)
    assert application.status == "withdrawn"


@pytest.mark.parametrize("end", ["withdrawn", "refused", "closed", "included"])
def test_an_ended_application_takes_no_further_decision_and_says_what_it_is(end: str) -> None:
    application = with_application(dossier())
    {
        "withdrawn": lambda: application.withdraw(act(), {}),
        "refused": lambda: application.refuse(act(), "n", REASONS),
        "closed": lambda: application.close(act(), "liquidation"),
        "included": lambda: application.satisfy(act(), "n"),
    }[end]()
    settled(application)
    with pytest.raises(Conflict, match="application_not_pending") as refused:
        application.withdraw(act(), {})
    assert refused.value.params["state"] == end
    assert refused.value.params["allowed"]
    assert kinds([fact.data for fact in application.collect_events()]) == []


def test_closing_on_an_upheld_appeal_rests_on_the_appeal_not_on_liquidation() -> None:
    application = with_application(dossier())
    application.close(act(), "appeal_upheld")
    (fact,) = application.collect_events()
    assert isinstance(fact.data, ApplicationClosed)
    assert "51-2(5)" in fact.legal_basis
