"""Follow the entries of the register: which are included, from when to when, and what that changes."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from uuid import UUID

import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import NotFound
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.domain.supplying import monitored_documents
from services.verification.projections import included_entries
from services.verification.projections.cases import find_origin
from services.verification.projections.expiring_rights import keep_rights
from services.verification.projections.identifiers import identifiers_of, keep_identifier
from services.verification.projections.included_entries import (
    Filing,
    IncludedEntry,
    Inclusion,
)
from services.verification.projections.listings import delisted_by, listing_in_force
from services.verification.usecases.close_cases import close_monitoring_cases
from services.verification.usecases.monitoring import monitoring
from services.verification.usecases.open_case import open_case
from services.verification.usecases.practice import Practice
from services.verification.usecases.reopen_rounds import reopen_cases, reopen_rounds


def follow_inclusion(
    work: Work,
    practice: Practice,
    act: Act,
    *,
    entry_id: str,
    application_id: str,
    producer: ProducerRef,
    product_name: OfficialText,
    inclusion: Inclusion,
) -> None:
    """An entry was included: from now on it is monitored, by what its application was judged on.

    When the product was delisted while the notification was under review, a monitoring case opens at once.
    Raises `NotFound` (`application_unknown`) when the application's case is not here.
    """
    entry = IncludedEntry(
        entry_id=entry_id,
        producer=producer,
        product_name=product_name,
        filing=_filing(work, application_id),
    )
    today = legal_date(act.at).isoformat()

    def delisting(connection: sa.Connection) -> UUID | None:
        holders = identifiers_of(connection, producer.producer_id)
        listed = listing_in_force(connection, holders, product_name, today)
        return None if listed else delisted_by(connection, holders, product_name, today)

    delisted = work.rely_on(delisting)
    if delisted is not None:
        open_case(work, practice, act, monitoring(entry, listing_id=str(delisted), legal_date=today))
    _begin(work, act, entry, inclusion)


def _begin(work: Work, act: Act, entry: IncludedEntry, inclusion: Inclusion) -> None:
    reopen_rounds(work, act, entry_id=entry.entry_id, since=inclusion.from_on, known_by=inclusion.begun_by)
    work.write(included_entries.begin(entry, inclusion))
    work.write(keep_rights(entry))


def _annul_end(
    work: Work, practice: Practice, act: Act, entry_id: str, *, exclusion: str, known_by: str
) -> None:
    ended = work.rely_on(partial(included_entries.ended_by_exclusion, ended_by=exclusion))
    if ended is not None:
        reopen_rounds(work, act, entry_id=entry_id, since=ended.until_on, known_by=known_by)
    if ended is not None and ended.returns:
        reopen_cases(work, practice, act, entry_id=entry_id, ended=ended, known_by=known_by)
    work.write(included_entries.annul_end(exclusion))


def _filing(work: Work, application_id: str) -> Filing:
    with work.database.read() as connection:
        case_id: UUID | None = find_origin(connection, f"application:{application_id}")
    if case_id is None:
        raise NotFound("application_unknown", id=application_id)
    opened = work.load(Case, case_id).considered
    return Filing(
        application_id=application_id,
        filed_on=opened.filed_on or opened.legal_date,
        reporting_year=opened.reporting_year or 0,
        language=opened.language,
        documents=monitored_documents(opened.documents),
    )


def follow_exclusion(work: Work, act: Act, *, entry_id: str, excluded_on: str, event_id: str) -> None:
    """An entry was excluded: its monitoring ends."""
    close_monitoring_cases(work, act, entry_id, "excluded")
    work.write(included_entries.end(entry_id, ended_by=event_id, until_on=excluded_on))


def follow_reinstatement(
    work: Work,
    practice: Practice,
    act: Act,
    *,
    entry_id: str,
    inclusion: Inclusion,
    exclusion_event_id: str,
    from_start: bool,
) -> None:
    """An entry is back: anew from the day it counts from, or as if it had never been excluded.

    Raises `NotFound` (`entry_unknown`) when its inclusion is not here.
    """
    if from_start:
        known_by = inclusion.begun_by
        _annul_end(work, practice, act, entry_id, exclusion=exclusion_event_id, known_by=known_by)
        return
    entry = work.rely_on(partial(included_entries.latest, entry_id=entry_id))
    if entry is None:
        raise NotFound("entry_unknown", id=entry_id)
    _begin(work, act, entry, inclusion)


def follow_correction(
    work: Work, practice: Practice, act: Act, *, entry_id: str, corrected_event_id: str, event_id: str
) -> None:
    """An exclusion was left out from the start: its entry was included all the time until the next one.

    People decided so: what they kept in the register, no automatic step excludes (decision 16).
    """
    work.write(included_entries.keep_by_people(corrected_event_id))
    _annul_end(work, practice, act, entry_id, exclusion=corrected_event_id, known_by=event_id)


def follow_annulled_inclusion(work: Work, act: Act, *, entry_id: str, begun_by: str, event_id: str) -> None:
    """An inclusion or reinstatement was left out from the start: the period that it began never was."""
    close_monitoring_cases(work, act, entry_id, "excluded")
    work.write(included_entries.annul_begin(begun_by, ended_by=event_id))


def follow_redating(
    work: Work, act: Act, *, entry_id: str, corrected_event_id: str, counts_from: str, event_id: str
) -> None:
    """What began or ended a period counts from another day (ISO date); days gained are monitored too."""
    ended = work.rely_on(partial(included_entries.ended_by_exclusion, ended_by=corrected_event_id))
    if ended is None or ended.until_on < counts_from:
        since = counts_from if ended is None else ended.until_on
        reopen_rounds(work, act, entry_id=entry_id, since=since, known_by=event_id)
    work.write(included_entries.redate(corrected_event_id, counts_from))


def follow_restatement(work: Work, *, entry_id: str, product_name: OfficialText) -> None:
    """The entry's product is called otherwise than its inclusion said."""
    work.write(included_entries.rename_product(entry_id, product_name))


def follow_update(work: Work, *, entry_id: str, producer: ProducerRef) -> None:
    """The producer of one entry is called otherwise; what was verified stays as it is."""
    work.write(included_entries.rename_producer(producer, ("name",), entry_id=entry_id))


def follow_transformation(
    work: Work,
    producer: ProducerRef,
    changed: Collection[str],
    superseded: Collection[str],
) -> None:
    """Art. 51-6: a transformed producer keeps its entries under a new name or BIN.

    What is `superseded` another one states as it is now: of these only a former BIN is remembered.
    """
    now = [field for field in changed if field not in superseded]
    work.write(included_entries.rename_producer(producer, now))
    if "bin" in changed and producer.bin is not None:
        work.write(keep_identifier(producer.bin, producer.producer_id, former="bin" in superseded))
