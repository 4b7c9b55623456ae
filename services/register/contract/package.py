"""The documents that an application brings (order of 28.11.2025)."""

from __future__ import annotations

from typing import Final, Literal

DocumentKind = Literal[
    "localisation_report",
    "contracts",
    "development_order",
    "terms_of_reference",
    "commissioning_order",
    "copyright_certificate",
    "employment_agreement",
    "rights_alienation_agreement",
    "developers_list",
]
PACKAGE_GROUPS: Final[dict[str, frozenset[DocumentKind]]] = {
    "localisation_report": frozenset({"localisation_report"}),
    "contracts": frozenset({"contracts"}),
    "development_order": frozenset({"development_order"}),
    "terms_of_reference": frozenset({"terms_of_reference"}),
    "commissioning_order": frozenset({"commissioning_order"}),
    "exclusive_rights": frozenset(
        {"copyright_certificate", "employment_agreement", "rights_alienation_agreement"}
    ),
    "developers_list": frozenset({"developers_list"}),
}
"""The document package (order of 28.11.2025): at least one document of each group."""
