"""What belongs to one producer or subscriber, by operation, and what is none's. Written by hand."""

from __future__ import annotations

from typing import Any, Final

NAMES_NOBODYS: Final = {
    "upload_document": "what is uploaded is the caller's own",
    "check_report": "the report judged is the one in the request",
    "check_origins": "whether a product is equated to goods of Kazakhstani origin is public",
}
"""Operations of producers that name no resource of a producer."""

SUPERSEDED: Final = {"application_id": "{application_id}", "superseded_by": "{other_sha256}"}
APPEAL: Final = {"grounds": "Қате", "language": "kk"}
SUPPLIED: Final = {"documents": [{"kind": "contracts", "sha256": "{sha256}"}]}

PRODUCERS: Final[dict[str, tuple[str, str, str, Any]]] = {
    "file_application": ("register", "POST", "/v1/applications", "its form"),
    "read_application": ("register", "GET", "/v1/applications/{application_id}", None),
    "withdraw_application": ("register", "POST", "/v1/applications/{application_id}/withdrawal", {}),
    "file_appeal": ("register", "POST", "/v1/entries/{entry_id}/appeals", APPEAL),
    "request_exclusion": ("register", "POST", "/v1/entries/{entry_id}/exclusion-requests", {}),
    "update_entry": ("register", "POST", "/v1/entries/{entry_id}/updates", "the example"),
    "issue_extract": ("register", "POST", "/v1/extracts", {"producer": "{bin}"}),
    "read_extract": ("register", "GET", "/v1/extracts/{extract_id}", None),
    "supersede_document": ("verification", "POST", "/v1/documents/{sha256}/supersession", SUPERSEDED),
    "list_document_requests": ("verification", "GET", "/v1/cases/{case_id}/document-requests", None),
    "supply_documents": ("verification", "POST", "/v1/cases/{case_id}/documents", SUPPLIED),
    "explain_case": ("verification", "GET", "/v1/cases/{case_id}/explanation", None),
    "get_account": ("notifications", "GET", "/v1/accounts/{bin}", None),
    "list_messages": ("notifications", "GET", "/v1/accounts/{bin}/messages", None),
    "get_message": ("notifications", "GET", "/v1/accounts/{bin}/messages/{message_id}", None),
    "open_message": ("notifications", "POST", "/v1/accounts/{bin}/messages/{message_id}/receipt", {}),
    "get_receipt": ("notifications", "GET", "/v1/accounts/{bin}/messages/{message_id}/receipt", None),
}
"""Service, method, path and body of each operation that names what is one producer's."""
