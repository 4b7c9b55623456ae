"""Documents of a case over HTTP on both databases: who sees them, on record first, and as they stand now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.kernel.contract import DocumentRef
from services.kernel.identity.tokens import development_issuer
from services.kernel.journal.events import new_stream_id
from services.verification.adapters.document_content import CSV
from services.verification.adapters.document_looks import list_looks
from services.verification.adapters.documents import DocumentStore, KeptDocument
from tests.contract.apps import headers_of
from tests.verification.acting import BIN, opening
from tests.verification.api.test_officers_work import OTHER_BIN, TEXT, Office, office_at, refused
from tests.verification.usecases.test_evidence import report_table

CONTRACT = b"contract No. 1"
REPORT = report_table("10.00")
LATER_REPORT = (
    REPORT
    + b"payment,C-2,Alem,kazakhstani_legal_entity,development,40.00\r\n"
    + (b"payment,C-3,Dala,kazakhstani_legal_entity,development,50.00\r\n")
)


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    with office_at(database_url, tmp_path) as found:
        yield found


def uploaded(office: Office, kind: str, content: bytes, media_type: str = "text/plain") -> DocumentRef:
    headers = {**office.headers("producer"), "Content-Type": media_type}
    answer = office.client.post("/v1/documents", content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    sha256 = hashlib.sha256(content).hexdigest()
    assert answer.json()["sha256"] == sha256
    return DocumentRef(kind=kind, media_type=media_type, size=len(content), sha256=sha256)


def case_with(office: Office, *documents: DocumentRef) -> str:
    return office.open(documents=documents, filed_on="2026-03-02", reporting_year=2025)


def look(office: Office, case: str, document: DocumentRef, who: str = "daniyar") -> Any:
    wanted = {"case": case.rpartition("/")[2]}
    path = f"/v1/documents/{document.sha256}"
    return office.client.get(path, headers=office.headers(who), params=wanted)


def looks(office: Office, document: DocumentRef) -> list[Any]:
    path = f"/v1/documents/{document.sha256}/looks"
    items: list[Any] = office.client.get(path, headers=headers_of(office.var, "auditor")).json()["items"]
    return items


def supply(office: Office, case: str, document: DocumentRef, replaces: DocumentRef) -> None:
    office.done(f"{case}/document-requests", {"asked": TEXT, "kinds": [document.kind]})
    named = {"kind": document.kind, "sha256": document.sha256, "replaces": replaces.sha256}
    office.done(f"{case}/documents", {"documents": [named]}, "producer")


def test_a_document_is_streamed_whole_after_the_look_was_committed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 418-V art. 56: on record before the first byte, as another connection sees."""
    document = uploaded(office, "contracts", CONTRACT)
    case = case_with(office, document)
    seen: list[int] = []
    stream = DocumentStore.stream

    def watched(store: DocumentStore, kept: KeptDocument) -> Iterator[bytes]:
        with office.journal.database.read() as connection:
            seen.append(len(list_looks(connection, kept.sha256, after=None, limit=10)))
        return stream(store, kept)

    monkeypatch.setattr(DocumentStore, "stream", watched)
    answer = look(office, case, document)
    assert (answer.status_code, answer.content) == (200, CONTRACT)
    assert answer.headers["content-length"] == str(len(CONTRACT))
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-disposition"] == "attachment"
    assert seen == [1]
    (recorded,) = looks(office, document)
    assert (recorded["case_id"], recorded["seen_as"]) == (case.rpartition("/")[2], "document")


def test_an_upload_counts_for_its_producer_or_for_the_one_of_the_officers_case(office: Office) -> None:
    """The answer is the same whoever else uploaded it; only an officer uploads for another."""

    def upload(who: str, media_type: str, producer: str = BIN, **wanted: str) -> Any:
        headers = {**office.headers(who, producer), "Content-Type": media_type}
        return office.client.post("/v1/documents", content=CONTRACT, headers=headers, params=wanted)

    assert upload("producer", "text/csv", OTHER_BIN).json()["media_type"] == "text/csv"
    assert upload("producer", "text/plain").json()["media_type"] == "text/plain"
    later = hashlib.sha256(b"scanned").hexdigest()
    document = DocumentRef(kind="contracts", media_type="text/plain", size=7, sha256=later)
    case = case_with(office, document)
    case_id = case.rpartition("/")[2]
    path, headers = "/v1/documents", {**office.headers("daniyar"), "Content-Type": "text/plain"}
    for wanted, status in (({}, 404), ({"case": case_id}, 200)):
        answer = office.client.post(path, content=b"scanned", headers=headers, params=wanted)
        assert answer.status_code == 201
        assert look(office, case, document).status_code == status
    refused(upload("producer", "text/plain", case=case_id), 403, "role_insufficient")
    refused(upload("daniyar", "text/plain", case=str(new_stream_id())), 404, "case_unknown")
    office.done(f"{case}/assignment", {"officer": "me"}, "saule")
    refused(upload("daniyar", "text/plain", case=case_id), 403, "case_of_another")
    token = development_issuer(office.var).token(subject="p", roles=["producer"], producer=None)
    headers["Authorization"] = f"Bearer {token}"
    refused(office.client.post(path, content=CONTRACT, headers=headers), 403, "not_yours")


def test_once_a_case_is_assigned_only_its_officer_sees_its_documents(office: Office) -> None:
    """Law 418-V art. 36; before that any officer of the authority does."""
    document = uploaded(office, "localisation_report", REPORT, CSV)
    case = case_with(office, document)
    assert look(office, case, document, "saule").status_code == 200
    office.done(f"{case}/assignment", {"officer": "me"}, "daniyar")
    before = len(looks(office, document))
    refused(look(office, case, document, "saule"), 403, "case_of_another")
    report = office.client.get(f"{case}/localisation-report", headers=office.headers("saule"))
    refused(report, 403, "case_of_another")
    assert len(looks(office, document)) == before
    assert look(office, case, document, "daniyar").status_code == 200
    office.done(f"{case}/assignment", {"officer": "me", "reasons": TEXT}, "saule")
    assert look(office, case, document, "saule").status_code == 200
    refused(look(office, case, document, "daniyar"), 403, "case_of_another")


def test_a_document_supplied_later_is_seen_and_the_one_it_replaced_no_longer(office: Office) -> None:
    earlier = uploaded(office, "contracts", CONTRACT)
    later = uploaded(office, "contracts", b"contract No. 2")
    case = case_with(office, earlier)
    refused(look(office, case, later), 404, "document_unknown")
    supply(office, case, later, earlier)
    assert look(office, case, later).content == b"contract No. 2"
    refused(look(office, case, earlier), 404, "document_unknown")


def test_who_decides_an_appeal_sees_the_documents_of_the_appealed_case(office: Office) -> None:
    """Art. 51-2(5): decided by another officer, who has to see what the first one saw."""
    document = uploaded(office, "contracts", CONTRACT)
    appealed = case_with(office, document)
    office.done(f"{appealed}/assignment", {"officer": "me"}, "daniyar")
    appeal = office.open("appeal", appealed_case_id=appealed.rpartition("/")[2])
    office.done(f"{appeal}/assignment", {"officer": "me"}, "saule")
    refused(look(office, appealed, document, "saule"), 403, "case_of_another")
    assert look(office, appeal, document, "saule").content == CONTRACT
    refused(look(office, appeal, document, "daniyar"), 403, "case_of_another")


def test_a_second_officer_takes_the_case_sees_its_documents_and_approves(office: Office) -> None:
    """Four eyes: who approves may see what the first officer saw, and that is on record too."""
    document = uploaded(office, "contracts", CONTRACT)
    case = office.open("monitoring", quarter=None, documents=(document,))
    office.done(f"{case}/assignment", {"officer": "me"}, "daniyar")
    office.done(f"{case}/conclusion", {"result": "exclude"}, "daniyar")
    refused(look(office, case, document, "saule"), 403, "case_of_another")
    office.done(f"{case}/assignment", {"officer": "me", "reasons": TEXT}, "saule")
    assert look(office, case, document, "saule").content == CONTRACT
    shown = office.done(f"{case}/proposal/approval", {}, "saule")
    assert (shown["status"], shown["result"]) == ("concluded", "exclude")


def test_the_report_as_it_stands_now_is_shown_line_by_line_page_by_page(office: Office) -> None:
    earlier = uploaded(office, "localisation_report", REPORT, CSV)
    later = uploaded(office, "localisation_report", LATER_REPORT, CSV)
    case = case_with(office, earlier)
    assert office.get(f"{case}/localisation-report")["sha256"] == earlier.sha256
    supply(office, case, later, earlier)
    first = office.get(f"{case}/localisation-report", limit=2)
    assert (first["sha256"], first["line_count"], first["findings"]) == (later.sha256, 3, [])
    assert (first["expected_year"], first["reporting_year"]) == (2025, 2025)
    second = office.get(f"{case}/localisation-report", limit=2, cursor=first["next"])
    assert "next" not in second
    lines = [*first["lines"], *second["lines"]]
    assert [(one["line"], one["contract"], one["foreign"]) for one in lines] == [
        (1, "C-1", True),
        (2, "C-2", False),
        (3, "C-3", False),
    ]
    figures = {one["name"]: one for one in first["figures"]}
    assert figures["development_payments"]["computed"] == "100.00"
    assert figures["localisation_share"]["computed"] == "90.00"
    assert {one["seen_as"] for one in looks(office, later)} == {"localisation_report"}


def test_a_producer_puts_a_later_document_in_the_place_of_an_earlier_one(office: Office) -> None:
    earlier = uploaded(office, "developers_list", b"a list")
    later = uploaded(office, "developers_list", b"a later list")
    opened = opening(documents=(earlier,))
    office.open(application_id=opened.application_id, documents=(earlier,))
    body = {"application_id": opened.application_id, "superseded_by": later.sha256}
    path = f"/v1/documents/{earlier.sha256}/supersession"
    headers = office.headers("producer")
    answer = office.client.post(path, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert {name: shown[name] for name in body} == body
    assert shown["sha256"] == earlier.sha256
    assert office.client.post(path, json=body, headers=headers).json() == shown
    other = office.client.post(path, json=body, headers=office.headers("producer", OTHER_BIN))
    refused(other, 404, "application_unknown")
    latest = uploaded(office, "developers_list", b"the latest list")
    again = office.client.post(path, json={**body, "superseded_by": latest.sha256}, headers=headers)
    refused(again, 409, "document_superseded_already")
