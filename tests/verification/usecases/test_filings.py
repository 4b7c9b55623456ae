"""Evidence counts for the producer that uploaded it, however public its digest is (art. 51-2(2))."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.kernel.contract import OfficialText
from services.kernel.errors import Invalid, NotFound
from services.kernel.journal.events import new_stream_id
from services.register.contract.erasures import PersonalDataErased
from services.register.contract.events import ProducerTransformed
from services.verification.contract.events import CriterionOutcome
from services.verification.usecases.look_at_document import Wanted, look_at_document
from services.verification.usecases.review_report import review_case_report
from services.verification.usecases.supply_documents import Named
from tests.verification.acting import BIN, PRODUCER, officer
from tests.verification.authority import IIN, Authority, authority, report
from tests.verification.officers import ask, supply
from tests.verification.usecases.test_confirmation import INDIVIDUAL
from tests.verification.usecases.test_evidence import replacing

OTHER_BIN = "151040025562"
NEW_BIN = "971240001315"
OTHER = msgspec.structs.replace(PRODUCER, producer_id=str(new_stream_id()), bin=OTHER_BIN)
GAME = OfficialText(kk="Ойын", ru="Игра")


def unmet(here: Authority, application_id: str) -> list[CriterionOutcome]:
    concluded = here.case_of(f"application:{application_id}").conclusion
    assert concluded is not None
    assert concluded.judgement is not None
    return [outcome for outcome in concluded.judgement.criteria if not outcome.passed]


def test_what_another_producer_uploaded_proves_nothing_until_it_is_uploaded_anew(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        here.list_product()
        here.list_product(holder=OTHER_BIN, name=GAME)
        package = here.package()
        here.file(package)
        copied = here.file(package, producer=OTHER, name=GAME)
        invented = tuple(
            msgspec.structs.replace(named, sha256=f"{number:064x}") for number, named in enumerate(package)
        )
        unheard_of = here.file(invented, producer=OTHER, name=GAME)
        found = unmet(here, copied)
        assert {outcome.criterion for outcome in found} >= {"localisation_report", "list_of_developers"}
        assert found == unmet(here, unheard_of), "nothing tells that somebody else holds it"
        reason = next(outcome.reason for outcome in found if outcome.criterion == "list_of_developers")
        assert "developers_list (not_filed)" in reason.ru
        assert "загрузите документ от своего имени" in reason.ru
        assert "құжатты өз атыңыздан жүктеңіз" in reason.kk
        assert "upload it in your own name" in (reason.en or "")

        for named in package:
            content = here.documents.read(named.sha256)
            assert content is not None
            here.keep(content, named.media_type, by=OTHER_BIN)
        here.file(package, producer=OTHER, name=GAME)
        results = [issued.result for issued in here.notifications()]
        assert results == ["confirmed", "refused", "refused", "confirmed"]


def test_what_was_uploaded_under_a_former_bin_counts_after_the_transformation(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Art. 51-6: a transformed producer goes on."""
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        package = here.package()
        here.file(package)
        transformed = msgspec.structs.replace(PRODUCER, bin=NEW_BIN)
        here.follow(
            ProducerTransformed(
                producer=transformed, former_bin=BIN, transformed_on="2026-03-02", reference="R-2"
            ),
            stream=PRODUCER.producer_id,
        )
        here.file(package, producer=transformed)
        assert [issued.result for issued in here.notifications()] == ["confirmed", "confirmed"]


def test_a_case_takes_in_and_shows_only_what_is_its_producers(sqlite_url: str, tmp_path: Path) -> None:
    """Supplied, put in an earlier one's place, or looked at: a foreign document is as unknown as none."""
    with authority(sqlite_url, tmp_path) as here:
        foreign = here.package(report("11.00"), by=OTHER_BIN)
        application_id = here.file(foreign[:1] + here.package()[1:])
        case = here.case_of(f"application:{application_id}")
        ask(here, case)
        for digest in (foreign[1].sha256, "0" * 64):
            with pytest.raises(Invalid, match="document_not_at_hand"):
                supply(here, case, Named("contracts", digest))
            for caller in (BIN, None):
                with pytest.raises(NotFound, match="document_unknown"):
                    replacing(here, application_id, case.documents[1].sha256, digest, caller)
        with pytest.raises(NotFound, match="document_unknown"):
            look_at_document(here.journal, here.practice, officer(), Wanted(case.id, foreign[0].sha256))
        with pytest.raises(NotFound, match="report_unknown"):
            review_case_report(here.journal, here.practice, officer(), case.id)


def test_an_individuals_filings_go_on_without_the_number_once_it_is_erased(
    database_url: str, tmp_path: Path
) -> None:
    """Law 418-V art. 36: the evidence stays with its case, the number goes."""
    with authority(database_url, tmp_path, "confirmation") as here:
        here.list_product(holder=IIN)
        package = here.package(by=IIN)
        case = here.case_of(f"application:{here.file(package, producer=INDIVIDUAL, iin=IIN)}")
        assert case.result == "confirmed"
        for _twice in range(2):
            here.follow(
                PersonalDataErased(
                    producer_id=PRODUCER.producer_id, fields=("iin",), reason="consent_withdrawn"
                )
            )
        with here.database.read() as connection:
            uploaders = connection.exec_driver_sql("SELECT DISTINCT uploader FROM document_filings").all()
        assert [tuple(row) for row in uploaders] == [(PRODUCER.producer_id,)]
        seen = look_at_document(here.journal, here.practice, officer(), Wanted(case.id, package[0].sha256))
        assert seen.sha256 == package[0].sha256
