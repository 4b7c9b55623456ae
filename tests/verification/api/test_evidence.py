"""Evidence over HTTP: files checked and imported, documents seen on record, refusals by row and column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.contract.apps import headers_of, served
from tests.verification.api.test_bad_input import UNKNOWN, Authority

TEMPLATES: Final = Path(__file__).parents[3] / "examples" / "templates"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES: Final = {"csv": "text/csv", "xlsx": XLSX}
CHECK: Final = "/v1/localisation-reports/validation?reporting_year=2025"
IMPORTS: Final = "/v1/trusted-software/imports"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    var = tmp_path_factory.mktemp("evidence")
    with served("verification", var) as (_app, client):
        yield Authority(client, var)


def send(here: Authority, path: str, content: bytes, media_type: str, **headers: str) -> Any:
    given = {**headers_of(here.var, "informatization_officer"), "Content-Type": media_type, **headers}
    return here.client.post(path, content=content, headers=given)


@pytest.mark.parametrize("name", ["csv", "xlsx"])
def test_a_report_is_checked_before_it_is_filed(authority: Authority, name: str) -> None:
    content = (TEMPLATES / f"localisation-report.{name}").read_bytes()
    answer = send(authority, CHECK, content, TYPES[name])
    assert answer.status_code == 200, answer.text
    checked = answer.json()
    assert (checked["sound"], checked["lines"], checked["findings"]) == (True, 2, [])
    figures = {figure["name"]: figure for figure in checked["figures"]}
    assert figures["localisation_share"] == {
        "name": "localisation_share",
        "declared": "90.00",
        "computed": "90.00",
        "agrees": True,
    }


def test_a_figure_that_disagrees_is_told_beside_the_computed_one(authority: Authority) -> None:
    content = (TEMPLATES / "localisation-report.csv").read_bytes().replace(b",90.00", b",95.00")
    checked = send(authority, CHECK, content, "text/csv").json()
    assert [finding["code"] for finding in checked["findings"]] == ["report_figures_disagree"]
    figures = {figure["name"]: figure for figure in checked["figures"]}
    assert figures["localisation_share"]["agrees"] is False
    assert figures["localisation_share"]["computed"] == "90.00"


def test_a_wrong_row_is_told_in_three_languages(authority: Authority) -> None:
    content = (TEMPLATES / "localisation-report.csv").read_bytes().replace(b"10000000.00", b'"1,0,0"')
    checked = send(authority, CHECK, content, "text/csv").json()
    (finding,) = checked["findings"]
    assert (finding["code"], finding["row"], finding["column"]) == ("cell_amount_form", 8, "amount")
    assert finding["text"]["en"].startswith("Row 8, column “amount”")
    assert finding["text"]["ru"].startswith("Строка 8, столбец «amount»")
    assert finding["text"]["kk"].startswith("8-жол, «amount» бағаны")


@pytest.mark.parametrize("name", ["csv", "xlsx"])
def test_the_template_of_listings_is_imported_and_shows_its_keeper(authority: Authority, name: str) -> None:
    content = (TEMPLATES / f"trusted-software-listings.{name}").read_bytes()
    answer = send(authority, IMPORTS, content, TYPES[name])
    if name == "xlsx":  # other bytes, the same references
        problem = authority.refused(answer, 422, "import_refused")
        assert {error["code"] for error in problem["errors"]} == {"reference_taken"}
        return
    assert (answer.status_code, answer.json()["rows"]) == (201, 2)
    assert send(authority, IMPORTS, content, TYPES[name]).status_code == 200
    found = authority.client.get("/v1/trusted-software?bin=181240006529&on=2025-11-10").json()["items"]
    assert [item["reference"] for item in found] == ["ДПО-2025-101"]
    assert found[0]["keeper"]["ru"] == "уполномоченный орган в сфере электронной промышленности"
    assert authority.client.get("/v1/trusted-software?bin=181240006529&on=2025-11-09").json()["items"] == []


def test_a_refused_import_names_every_row_in_the_callers_language(authority: Authority) -> None:
    content = (TEMPLATES / "trusted-software-listings.csv").read_bytes().replace(b"181240006529", b"12")
    before = authority.head()
    answer = send(authority, IMPORTS, content, "text/csv", **{"Accept-Language": "ru"})
    problem = authority.refused(answer, 422, "import_refused")
    assert problem["errors"][0]["pointer"] == "/rows/2/holder"
    assert problem["errors"][0]["detail"].startswith("Строка 2, столбец «holder»")
    assert authority.head() == before


def test_files_have_a_known_type_and_a_limit(authority: Authority) -> None:
    for path in (CHECK, IMPORTS):
        refused = send(authority, path, b"%PDF-", "application/pdf")
        authority.refused(refused, 415, "document_media_type_unsupported")
        large = send(authority, path, b"x" * (16 * 1024 * 1024 + 1), "text/csv")
        authority.refused(large, 413, "body_too_large")


def test_only_officers_see_documents_and_only_auditors_see_who_looked(authority: Authority) -> None:
    sha256 = "0" * 64
    for role, path, status in (
        ("producer", f"/v1/documents/{sha256}?case={UNKNOWN}", 403),
        ("auditor", f"/v1/documents/{sha256}?case={UNKNOWN}", 403),
        ("informatization_officer", f"/v1/documents/{sha256}", 422),
        ("informatization_officer", f"/v1/documents/{sha256}/looks", 403),
        ("auditor", f"/v1/documents/{sha256}/looks", 200),
        ("auditor", f"/v1/cases/{UNKNOWN}/localisation-report", 403),
    ):
        answer = authority.client.get(path, headers=headers_of(authority.var, role))
        assert answer.status_code == status, (role, path, answer.text)


def test_a_replacement_names_an_application_that_exists(authority: Authority) -> None:
    body = {"application_id": UNKNOWN, "superseded_by": "1" * 64}
    answer = authority.post(f"/v1/documents/{'0' * 64}/supersession", body, "producer")
    authority.refused(answer, 404, "application_unknown")
