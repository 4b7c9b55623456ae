"""Import listings into the register of trusted software: every row of the file, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import microseconds
from services.kernel.journal.journal import Journal, Work
from services.verification.adapters.listing_imports import ListingImport, find_import, keeping_import
from services.verification.adapters.spreadsheets import read_table
from services.verification.domain.listing_tables import LISTING_TABLE, ListingLine, listings_of
from services.verification.domain.localisation import Finding
from services.verification.domain.tables import Findings
from services.verification.projections.listings import listed_references
from services.verification.usecases.list_software import NewListing, enter_listing


class ImportRefused(Exception):
    """The file cannot be imported; `findings` say why, row by row."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("import_refused")
        self.findings = findings


def import_listings(
    journal: Journal, act: Act, content: bytes, media_type: str
) -> tuple[ListingImport, bool]:
    """Law 418-V art. 7-6: list every product of a file in one unit of work; True when it was imported now.

    The same content again is the same import and lists nothing twice. Raises `ImportRefused`.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    with journal.database.read() as connection:
        found = find_import(connection, sha256)
    if found is not None:
        return found, False
    lines, faults = listings_of(read_table(content, media_type, LISTING_TABLE), legal_date(act.at))
    if faults:
        raise ImportRefused(faults)
    new = ListingImport(sha256, len(lines), act.provenance.actor, microseconds(act.at))
    outcome = journal.transact(lambda work: _import(work, act, new, lines))
    return outcome.result or (new, True)


def _import(
    work: Work, act: Act, new: ListingImport, lines: Sequence[ListingLine]
) -> tuple[ListingImport, bool]:
    with work.database.read() as connection:
        found = find_import(connection, new.sha256)
        if found is not None:
            return found, False
        _refuse_taken(connection, lines)
    for index, line in enumerate(lines):
        listing = NewListing(line.reference, line.product_name, line.holder, line.listed_on, line.valid_until)
        enter_listing(work, act, listing, event_index=index)
    work.write(keeping_import(new))
    return new, True


def _refuse_taken(connection: sa.Connection, lines: Sequence[ListingLine]) -> None:
    taken = listed_references(connection, [line.reference for line in lines])
    findings = Findings()
    for line in lines:
        if line.reference in taken:
            findings.add("reference_taken", line.row, "reference", value=line.reference)
    if findings.found:
        raise ImportRefused(findings.found)
