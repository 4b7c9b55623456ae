"""From application to notification (law-86-VII art. 51-2(2); order of 28.11.2025; order 327 paras. 8-9)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kernel.contract import OfficialText, Percentage, ProducerRef
from services.kernel.errors import Conflict
from services.kernel.feed.following import Upstream
from services.kernel.journal.units import CursorStep
from services.register.contract.events import ApplicationWithdrawn
from services.verification.adapters.document_backends import DocumentFolder
from services.verification.contract.events import NotificationIssued
from services.verification.inbox.register import UPSTREAM
from services.verification.usecases.conclude_case import OfficersConclusion, conclude_case
from tests.verification.acting import NAME, NOON, PRODUCER, REASONS, officer
from tests.verification.authority import IIN, Authority, authority, report

OTHER = OfficialText(kk="Басқа өнім", ru="Другой продукт")
INDIVIDUAL = ProducerRef(producer_id=PRODUCER.producer_id, kind="individual_entrepreneur", iin_commitment="c")


def failed(here: Authority, application_id: str) -> list[str]:
    judgement = here.case_of(f"application:{application_id}").conclusion
    assert judgement is not None
    assert judgement.judgement is not None
    return [criterion.criterion for criterion in judgement.judgement.criteria if not criterion.passed]


def test_a_clean_application_is_confirmed_automatically_in_one_unit(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        here.list_product()
        application_id = here.file()
        assert here.types() == [
            "TrustedSoftwareListed",
            "CaseOpened",
            "CaseConcluded",
            "NotificationIssued",
        ]
        (issued,) = here.notifications()
        assert (issued.result, issued.application_id) == ("confirmed", application_id)
        assert issued.localisation_share == Percentage(part="90.00", whole="100.00")
        assert issued.trusted_register_reference is not None
        conclusion = here.case_of(f"application:{application_id}").conclusion
        assert conclusion is not None
        assert conclusion.judgement is not None
        assert conclusion.judgement.rule_set == "software-confirmation-2026"
        assert len(conclusion.judgement.digest) == 64


@pytest.mark.parametrize(
    ("foreign", "result"), [("20.00", "confirmed"), ("20.01", "refused")], ids=["exactly 80 %", "79.99 %"]
)
def test_the_share_is_compared_unrounded(sqlite_url: str, tmp_path: Path, foreign: str, result: str) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        here.file(here.package(report(foreign)))
        assert [issued.result for issued in here.notifications()] == [result]


def test_without_the_automatic_step_the_case_waits_for_an_officer(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        here.list_product()
        case = here.case_of(f"application:{here.file()}")
        assert (case.status, here.notifications()) == ("open", [])
        here.journal.transact(
            lambda work: conclude_case(work, here.practice, officer(), case, OfficersConclusion("confirmed"))
        )
        assert [issued.result for issued in here.notifications()] == ["confirmed"]


def test_an_officer_departs_from_the_judgement_for_reasons_and_it_is_recorded(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        here.list_product()
        case = here.case_of(f"application:{here.file()}")
        outcome = OfficersConclusion("refused", REASONS)
        here.journal.transact(lambda work: conclude_case(work, here.practice, officer(), case, outcome))
        conclusion = here.case_of(f"application:{case.opened.application_id}").conclusion
        assert conclusion is not None
        assert conclusion.departs_from_judgement
        assert conclusion.judgement is not None
        assert conclusion.judgement.conforms


def test_two_officers_at_once_leave_one_conclusion(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        here.list_product()
        application_id = here.file()
        first = here.case_of(f"application:{application_id}")
        second = here.case_of(f"application:{application_id}")
        confirmed = OfficersConclusion("confirmed")
        here.journal.transact(lambda work: conclude_case(work, here.practice, officer(), first, confirmed))
        with pytest.raises(Conflict, match="changed_meanwhile"):
            here.journal.transact(
                lambda work: conclude_case(work, here.practice, officer("b"), second, confirmed), attempts=1
            )


def test_outside_every_period_of_its_kind_no_rule_set_judges_and_an_officer_decides(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        application_id = here.file(at=datetime(2025, 12, 31, 7, 0, tzinfo=UTC))
        assert here.case_of(f"application:{application_id}").status == "open"


def test_the_legal_day_is_almatys(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        application_id = here.file(at=datetime(2026, 3, 2, 20, 0, tzinfo=UTC))
        assert here.case_of(f"application:{application_id}").opened.legal_date == "2026-03-03"


def test_a_document_that_was_never_uploaded_is_a_finding(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        package = [d for d in here.package() if d.kind != "developers_list"]
        unknown = here.package()[-1]
        named = type(unknown)(
            kind="developers_list", media_type="text/plain", size=unknown.size, sha256="f" * 64
        )
        application_id = here.file((*package, named))
        assert failed(here, application_id) == ["list_of_developers"]


def test_a_document_altered_in_the_store_is_not_at_hand(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        package = here.package()
        path = DocumentFolder(tmp_path).path_of(package[0].sha256)
        path.write_bytes(path.read_bytes().replace(b"10.00", b"01.00"))
        application_id = here.file(package)
        assert "localisation_report" in failed(here, application_id)


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"reporting_year": 2024}, "report_year_wrong"),
        ({"totals": {"development_payments": "0", "all_expenses": "200"}}, "report_total_zero"),
        ({"totals": {"development_payments": "5", "all_expenses": "200"}}, "report_total_below_lines"),
        ({"declared": {"localisation_share": "95", "foreign_share_of_expenses": "5"}}, "figures_disagree"),
        ({"unknown": 1}, "report_unreadable"),
    ],
)
def test_whatever_is_wrong_with_a_report_is_a_named_finding(
    sqlite_url: str, tmp_path: Path, changed: dict[str, object], finding: str
) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        application_id = here.file(here.package({**report(), **changed}))
        conclusion = here.case_of(f"application:{application_id}").conclusion
        assert conclusion is not None
        assert finding in (conclusion.reasons.en or "")
        assert conclusion.result == "refused"


def test_two_products_of_one_producer_with_different_annual_totals_are_a_finding(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        here.list_product(name=OTHER)
        here.file()
        application_id = here.file(here.package(report(expenses="300.00")), name=OTHER)
        conclusion = here.case_of(f"application:{application_id}").conclusion
        assert conclusion is not None
        assert "report_totals_differ" in (conclusion.reasons.en or "")


def test_the_product_must_be_listed_under_its_holder(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product(holder="151040025562")
        assert failed(here, here.file()) == ["trusted_software_register"]


def test_names_match_whatever_their_case_and_spacing_in_kazakh_or_russian(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product(name=OfficialText(kk="Мүлде басқа", ru="  УЧЁТНАЯ   система "))
        here.file()
        assert [issued.result for issued in here.notifications()] == ["confirmed"]


def test_an_individuals_product_is_found_by_the_iin_that_only_the_vault_holds(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        here.list_product(holder=IIN)
        here.file(producer=INDIVIDUAL, iin=IIN)
        assert [issued.result for issued in here.notifications()] == ["confirmed"]
        for page in here.journal.replay():
            assert not any(IIN.encode() in recorded.record for recorded in page)


def test_an_individual_whose_iin_did_not_come_waits_for_an_officer(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product(holder=IIN)
        application_id = here.file(producer=INDIVIDUAL)
        assert here.case_of(f"application:{application_id}").status == "open"


def test_the_same_application_opens_one_case_however_often_it_is_seen(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        here.list_product()
        seen: list[Upstream] = []
        plain = here.sink.apply

        def remember(event: Upstream, step: CursorStep) -> None:
            seen.append(event)
            plain(event, step)

        here.sink.apply = remember  # type: ignore[method-assign]
        here.file()
        plain(seen[0], CursorStep(UPSTREAM, here.position, here.position + 1))
        assert here.types().count("CaseOpened") == 1
        assert len(here.notifications()) == 1


def test_a_withdrawn_application_closes_its_case(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        application_id = here.file()
        here.follow(
            ApplicationWithdrawn(
                application_id=application_id, producer_id=PRODUCER.producer_id, product_id="p"
            )
        )
        case = here.case_of(f"application:{application_id}")
        assert (case.status, case.closing_ground) == ("closed", "withdrawn")


def test_every_event_fits_its_limit_with_the_worst_report(sqlite_url: str, tmp_path: Path) -> None:
    lines = [
        {
            "contract": "C" * 400,
            "payee": "П" * 400,
            "payee_kind": "foreign_legal_entity",
            "kind": "licence",
            "amount": "-1.00",
        }
    ] * 200
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        application_id = here.file(here.package({**report(), "lines": lines}))
        assert here.case_of(f"application:{application_id}").status == "concluded"


def test_the_chain_of_a_notification_leads_back_to_the_application(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        here.file()
        issued = next(
            recorded
            for page in here.journal.replay()
            for recorded in page
            if isinstance(recorded.fact.data, NotificationIssued)
        )
        envelope = json.loads(issued.record)
        assert envelope["correlationid"] == "journey"
        assert envelope["causationid"]
        assert envelope["decidedby"] == "automatic"
        assert envelope["effectiveat"] == "2026-03-02T07:00:00Z"
        assert NOON.isoformat()[:10] == "2026-03-02"
        assert isinstance(issued.fact.data, NotificationIssued)
        assert issued.fact.data.product_name == NAME
