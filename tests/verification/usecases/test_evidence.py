"""Evidence in the judgement: reports as tables, documents altered or superseded, looks, imports."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.kernel.contract import DocumentRef
from services.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from services.kernel.journal.events import new_stream_id
from services.verification.adapters.document_backends import DocumentFolder
from services.verification.adapters.document_content import CSV
from services.verification.adapters.document_looks import list_looks
from services.verification.domain.listing_tables import LISTING_TABLE
from services.verification.projections.listings import list_listings
from services.verification.usecases.import_listings import ImportRefused, import_listings
from services.verification.usecases.look_at_document import Wanted, look_at_document
from services.verification.usecases.review_report import review_case_report
from services.verification.usecases.supersede_document import Replacement, supersede_document
from tests.verification.acting import BIN, officer
from tests.verification.authority import IIN, Authority, authority, report

OTHER_BIN = "151040025562"


def report_table(foreign: str = "10.00", amount_of_totals: str = "100.00") -> bytes:
    """The report that `authority.report` makes, as CSV."""
    rows = [
        ["item", "contract", "payee", "payee_kind", "kind", "amount"],
        ["reporting_year", "", "", "", "", "2025"],
        ["development_payments", "", "", "", "", amount_of_totals],
        ["all_expenses", "", "", "", "", "200.00"],
        ["payment", "C-1", "Foreign", "foreign_legal_entity", "licence", foreign],
    ]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def with_table(here: Authority, content: bytes) -> tuple[DocumentRef, ...]:
    sha256 = here.keep(content, CSV)
    named = DocumentRef(kind="localisation_report", media_type=CSV, size=len(content), sha256=sha256)
    return (named, *here.package()[1:])


def failures(here: Authority, application_id: str) -> dict[str, str]:
    concluded = here.case_of(f"application:{application_id}").conclusion
    assert concluded is not None
    assert concluded.judgement is not None
    return {
        outcome.criterion: outcome.inputs.get("missing") or outcome.inputs.get("findings", "")
        for outcome in concluded.judgement.criteria
        if not outcome.passed
    }


@pytest.mark.parametrize(("foreign", "result"), [("20.00", "confirmed"), ("20,01", "refused")])
def test_a_report_in_a_table_is_judged_as_one_in_json(
    database_url: str, tmp_path: Path, foreign: str, result: str
) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        here.list_product()
        here.file(with_table(here, report_table(foreign)))
        assert [issued.result for issued in here.notifications()] == [result]


def test_a_table_with_a_wrong_cell_is_a_finding_that_names_it(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        found = failures(here, here.file(with_table(here, report_table("1,000,5"))))
        assert "cell_amount_form /rows/5/amount" in found["localisation_report"]


def test_a_document_altered_in_the_store_is_a_finding_that_says_so(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        package = here.package()
        developers = package[-1]
        path = DocumentFolder(tmp_path).path_of(developers.sha256)
        path.write_bytes(path.read_bytes()[::-1])
        assert failures(here, here.file(package)) == {"list_of_developers": "developers_list (altered)"}


def replacing(here: Authority, application_id: str, old: str, new: str, producer: str | None) -> None:
    replacement = Replacement(UUID(application_id), old, new, producer)
    supersede_document(here.journal, here.practice, officer(), replacement)


def test_a_superseded_document_is_a_finding_in_the_judgement(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        here.list_product()
        package = here.package()
        application_id = here.file(package)
        replacing(here, application_id, package[-1].sha256, here.keep(b"later", "text/plain"), BIN)
        with here.database.read() as connection:
            from services.verification.usecases.assess_case import assess_case, document_faults

            opened = here.case_of(f"application:{application_id}").opened
            faults = document_faults(connection, here.practice, opened, frozenset({BIN}))
            assert faults == {package[-1].sha256: "superseded"}
        judgement = assess_case(here.database, here.practice, opened).judgement
        assert judgement is not None
        assert [o.inputs["missing"] for o in judgement.criteria if not o.passed] == [
            "developers_list (superseded)"
        ]


def test_a_document_superseded_by_another_of_the_application_no_longer_counts(
    sqlite_url: str, tmp_path: Path
) -> None:
    from services.verification.usecases.assess_case import assess_case

    with authority(sqlite_url, tmp_path) as here:
        here.list_product()
        bad, good = here.package(report("30.00")), here.package()
        application_id = here.file((*good, bad[0]))
        replacing(here, application_id, bad[0].sha256, good[0].sha256, None)
        opened = here.case_of(f"application:{application_id}").opened
        judgement = assess_case(here.database, here.practice, opened).judgement
        assert judgement is not None
        assert judgement.conforms


def test_one_document_replaces_another_once_and_only_for_its_own_producer(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        package = here.package()
        application_id = here.file(package)
        old = package[-1].sha256
        new, third = here.keep(b"later", "text/plain"), here.keep(b"latest", "text/plain")
        with pytest.raises(NotFound, match="application_unknown"):
            replacing(here, application_id, old, new, OTHER_BIN)
        with pytest.raises(NotFound, match="application_unknown"):
            replacing(here, str(new_stream_id()), old, new, BIN)
        with pytest.raises(NotFound, match="document_unknown"):
            replacing(here, application_id, third, new, BIN)
        with pytest.raises(NotFound, match="document_unknown"):
            replacing(here, application_id, old, "0" * 64, BIN)
        with pytest.raises(Invalid, match="document_supersedes_itself"):
            replacing(here, application_id, old, old, BIN)
        replacing(here, application_id, old, new, BIN)
        replacing(here, application_id, old, new, BIN)
        with pytest.raises(Conflict, match="document_superseded_already"):
            replacing(here, application_id, old, third, BIN)
        with pytest.raises(Conflict, match="replacement_superseded"):
            replacing(here, application_id, package[-2].sha256, old, BIN)


def test_every_look_is_on_record_before_anything_is_shown(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        package = here.package()
        case = here.case_of(f"application:{here.file(package)}")
        sha256 = package[0].sha256
        look_at_document(here.journal, here.practice, officer(), Wanted(case.id, sha256))
        named, review = review_case_report(here.journal, here.practice, officer(), case.id)
        assert (named, review.findings) == (sha256, ())
        with here.database.read() as connection:
            looks = list_looks(connection, sha256, after=None, limit=10)
        assert [(look.case_id, look.seen_as) for look in looks] == [
            (str(case.id), "document"),
            (str(case.id), "localisation_report"),
        ]
        for statement in (
            "UPDATE document_looks SET actor = 'x'",
            "DELETE FROM document_looks",
            "UPDATE document_supersessions SET superseded_by = 'x' WHERE 1 = 1",
        ):
            with here.database.write() as connection:
                if "supersessions" in statement and not here.database.is_postgresql:
                    continue
                with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                    connection.exec_driver_sql(statement)
                connection.rollback()


def test_a_document_is_seen_only_on_a_case_that_names_it_and_only_whole(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        package = here.package()
        case = here.case_of(f"application:{here.file(package)}")
        foreign = here.keep(b"of another case", "text/plain")
        with pytest.raises(NotFound, match="document_unknown"):
            look_at_document(here.journal, here.practice, officer(), Wanted(case.id, foreign))
        with pytest.raises(NotFound, match="case_unknown"):
            look_at_document(here.journal, here.practice, officer(), Wanted(new_stream_id(), foreign))
        DocumentFolder(tmp_path).path_of(package[1].sha256).unlink()
        with pytest.raises(Unavailable, match="document_damaged"):
            look_at_document(here.journal, here.practice, officer(), Wanted(case.id, package[1].sha256))
        with here.database.read() as connection:
            assert list_looks(connection, foreign, after=None, limit=10) == []


# --- imports of listings -----------------------------------------------------------------------------


def listings_table(*rows: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([LISTING_TABLE.columns, *rows])
    return text.getvalue().encode()


def line(
    reference: str, holder: str = BIN, listed_on: str = "2025-11-10", until: str = ""
) -> tuple[str, ...]:
    return (reference, f"Өнім {reference}", f"Продукт {reference}", holder, listed_on, until)


def references(here: Authority) -> list[object]:
    with here.database.read() as connection:
        found = list_listings(connection, holder_bin=None, product=None, on=None, after=None, limit=10_000)
    return [row["reference"] for row in found]


def test_a_file_is_imported_whole_and_once(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        content = listings_table(line("A-1"), line("A-2", IIN, until="2028-01-01"))
        first, is_new = import_listings(here.journal, officer(), content, CSV)
        again, is_new_again = import_listings(here.journal, officer("b"), content, CSV)
        assert (first, is_new, is_new_again) == (again, True, False)
        assert references(here) == ["A-1", "A-2"]
        assert not any(IIN.encode() in recorded.record for page in here.journal.replay() for recorded in page)


def test_thousands_of_rows_are_one_unit(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        content = listings_table(*(line(f"N-{number}") for number in range(2_000)))
        imported, _is_new = import_listings(here.journal, officer(), content, CSV)
        assert imported.rows == len(references(here)) == here.journal.head() == 2_000


@pytest.mark.parametrize(
    ("rows", "places"),
    [
        ([line("A-1"), line("A-1")], [("reference_repeated", "3", "reference")]),
        ([line("TAKEN"), line("A-2")], [("reference_taken", "2", "reference")]),
        ([line("A-1", "181240006528")], [("cell_identifier_wrong", "2", "holder")]),
        ([line("A-1", listed_on="2026-03-03")], [("cell_day_future", "2", "listed_on")]),
        ([line("A-1", listed_on="2025-02-30")], [("cell_day_form", "2", "listed_on")]),
        ([line("A-1", listed_on="10.11.2025")], [("cell_day_form", "2", "listed_on")]),
        ([line("A-1", until="2025-11-09")], [("cell_day_before_listing", "2", "valid_until")]),
        ([line("A-1"), line("x" * 101)], [("cell_too_long", "3", "reference")]),
        ([line("A-1"), line("", "")], [("cell_empty", "3", "reference"), ("cell_empty", "3", "holder")]),
        ([], [("table_empty", None, None)]),
    ],
)
def test_one_wrong_row_and_nothing_is_listed(
    sqlite_url: str, tmp_path: Path, rows: list[tuple[str, ...]], places: list[tuple[str, ...]]
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        import_listings(here.journal, officer(), listings_table(line("TAKEN")), CSV)
        before = here.journal.head()
        with pytest.raises(ImportRefused) as refused:
            import_listings(here.journal, officer(), listings_table(*rows), CSV)
        assert [
            (found.code, found.params.get("row"), found.params.get("column"))
            for found in refused.value.findings
        ] == places
        assert here.journal.head() == before
