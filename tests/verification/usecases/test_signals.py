"""What calls for monitoring between quarters (law-86-VII art. 51-2(3), (4); order 327 para. 29)."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from services.kernel.contract import DocumentRef
from services.kernel.errors import Conflict, DomainError, Invalid, NotFound
from services.kernel.journal.events import new_stream_id
from services.verification.contract.events import MonitoringSignalReceived
from services.verification.domain.case import Case
from services.verification.domain.listing import Listing
from services.verification.usecases.conclude_case import OfficersConclusion, conclude_case
from services.verification.usecases.delist_software import delist_software
from services.verification.usecases.receive_signal import Signal, receive_signal
from services.verification.usecases.signal_expired_rights import signal_expired_rights
from tests.verification.acting import NOON, REASONS, officer
from tests.verification.authority import Authority, authority
from tests.verification.usecases.test_rounds import carried_on, in_april


def changed_owner(entry_id: str, day: date = date(2026, 3, 2)) -> Signal:
    return Signal("changed_owner", entry_id, day, "ГБД-ЮЛ-2026-0042", REASONS)


def told(here: Authority, signal: Signal) -> Case:
    act = officer(at=here.clock.now())
    case = here.journal.transact(lambda work: receive_signal(work, here.practice, act, signal)).result
    assert case is not None
    return case


def included(here: Authority, documents: tuple[DocumentRef, ...] | None = None) -> str:
    return here.include(here.file(documents))


def monitored(here: Authority) -> list[Case]:
    return here.cases(kind="monitoring")


def test_a_signal_opens_a_case_that_belongs_to_no_round(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        entry = included(here)
        told(here, changed_owner(entry))
        (case,) = monitored(here)
        assert (case.status, case.opened.entry_id, case.opened.quarter) == ("open", entry, None)
        (signal,) = case.signals
        assert (signal.kind, signal.day, signal.source) == (
            "changed_owner",
            "2026-03-02",
            "ГБД-ЮЛ-2026-0042",
        )
        recorded = here.journal.facts_of(case.id)[-1].fact
        assert "art. 51-2(3)" in recorded.legal_basis
        assert recorded.provenance.decided_by == "officer"


def test_a_signal_joins_the_case_that_is_open(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        entry = included(here)
        first = told(here, changed_owner(entry))
        second = told(here, Signal("expired_rights", entry, date(2026, 3, 1), "Кітап", REASONS))
        assert second.id == first.id
        (case,) = monitored(here)
        assert [signal.kind for signal in case.signals] == ["changed_owner", "expired_rights"]


def test_whoever_decided_without_the_new_signal_meets_another_version(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        entry = included(here)
        seen = told(here, changed_owner(entry)).version
        assert told(here, changed_owner(entry)).version == seen + 1


def test_after_the_case_is_concluded_a_signal_opens_another(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        entry = included(here)
        case = told(here, changed_owner(entry))
        outcome = OfficersConclusion(result="conforms", reasons=REASONS)
        here.journal.transact(
            lambda work: conclude_case(work, here.practice, officer(), work.load(Case, case.id), outcome)
        )
        assert told(here, changed_owner(entry)).id != case.id


def test_a_rounds_case_takes_no_signals_it_is_judged_as_of_its_quarters_end(
    sqlite_url: str, tmp_path: Path
) -> None:
    with in_april(sqlite_url, tmp_path, 1) as (here, (entry,)):
        carried_on(here)
        told(here, changed_owner(entry))
        assert sorted(str(case.opened.quarter) for case in monitored(here)) == ["2026-Q1", "None"]


def test_a_signal_waits_for_an_officer_even_where_monitoring_is_automatic(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Art. 51-2(4): exclusion needs a notification; the documents alone would say that it conforms."""
    with authority(sqlite_url, tmp_path, "monitoring") as here:
        here.list_product()
        assert told(here, changed_owner(included(here))).status == "open"
        assert not [one for one in here.notifications() if one.kind == "monitoring"]


def test_two_signals_at_once_share_one_case(fresh_postgres: str, tmp_path: Path) -> None:
    with authority(fresh_postgres, tmp_path) as here:
        entry = included(here)
        threads = [threading.Thread(target=told, args=(here, changed_owner(entry))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (case,) = monitored(here)
        assert len(case.signals) == 2


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("unknown", "entry_unknown"),
        ("excluded", "entry_not_included"),
        ("tomorrow", "day_in_future"),
    ],
)
def test_a_signal_that_cannot_stand_is_refused_and_nothing_recorded(
    sqlite_url: str, tmp_path: Path, kind: str, code: str
) -> None:
    expected: dict[str, type[DomainError]] = {
        "unknown": NotFound,
        "excluded": Conflict,
        "tomorrow": Invalid,
    }
    with authority(sqlite_url, tmp_path) as here:
        entry = included(here)
        if kind == "excluded":
            here.exclude(entry)
        before = here.journal.head()
        signal = changed_owner(str(new_stream_id()) if kind == "unknown" else entry)
        if kind == "tomorrow":
            signal = changed_owner(entry, date(2026, 3, 3))
        with pytest.raises(expected[kind]) as refused:
            told(here, signal)
        assert refused.value.code == code
        assert here.journal.head() == before


def test_a_delisted_product_is_monitored_and_a_signal_joins_that_case(
    database_url: str, tmp_path: Path
) -> None:
    """Art. 51-2(4): delisting opens a case for the affected entry and excludes nothing."""
    with authority(database_url, tmp_path) as here:
        listing = here.list_product()
        entry = included(here)
        here.journal.transact(
            lambda work: delist_software(
                work,
                here.practice,
                officer(),
                work.load(Listing, UUID(listing)),
                delisted_on=date(2026, 3, 2),
                ground=REASONS,
            )
        )
        (case,) = monitored(here)
        assert (case.opened.entry_id, case.opened.listing_id, case.status) == (entry, listing, "open")
        assert told(here, changed_owner(entry)).id == case.id
        assert "NotificationIssued" not in here.types()


def delisted(here: Authority, listing: str) -> None:
    here.journal.transact(
        lambda work: delist_software(
            work,
            here.practice,
            officer(),
            work.load(Listing, UUID(listing)),
            delisted_on=date(2026, 3, 2),
            ground=REASONS,
        )
    )


def test_a_delisting_joins_the_case_that_a_signal_opened(database_url: str, tmp_path: Path) -> None:
    """One open unscheduled case an entry is enough; the officer meets both reasons in it."""
    with authority(database_url, tmp_path) as here:
        listing = here.list_product()
        entry = included(here)
        told(here, changed_owner(entry))
        delisted(here, listing)
        (case,) = monitored(here)
        assert [signal.kind for signal in case.signals] == ["changed_owner", "delisted"]
        assert case.signals[1].day == "2026-03-02"


def test_a_delisting_leaves_a_rounds_case_alone_and_opens_its_own(sqlite_url: str, tmp_path: Path) -> None:
    with in_april(sqlite_url, tmp_path, 1) as (here, (_entry,)):
        carried_on(here)
        (of_round,) = monitored(here)
        listing = here.list_product(name=of_round.opened.product_name)
        delisted(here, listing)
        assert sorted(str(case.opened.quarter) for case in monitored(here)) == ["2026-Q1", "None"]


# --- rights that end ---------------------------------------------------------------------------------


def lapsing(here: Authority, until: str = "2026-03-31") -> tuple[DocumentRef, ...]:
    """A whole package whose copyright certificate holds until a day."""
    return tuple(
        msgspec.structs.replace(document, valid_until=until)
        if document.kind == "copyright_certificate"
        else document
        for document in here.package()
    )


def watched(here: Authority, at: datetime) -> int:
    here.clock.set(at)
    return signal_expired_rights(here.journal, here.practice)


LAST_DAY = datetime(2026, 3, 31, 18, 59, 59, tzinfo=UTC)
DAY_AFTER = datetime(2026, 3, 31, 19, 0, tzinfo=UTC)


def test_the_day_after_a_right_ends_its_entry_is_monitored_once(database_url: str, tmp_path: Path) -> None:
    """Order of 28.11.2025: exclusive rights in Kazakhstan. Days are Almaty's."""
    with authority(database_url, tmp_path) as here:
        entry = included(here, lapsing(here))
        assert watched(here, LAST_DAY) == 0
        assert watched(here, DAY_AFTER) == 1
        assert watched(here, DAY_AFTER) == 0
        (case,) = monitored(here)
        (signal,) = case.signals
        assert isinstance(signal, MonitoringSignalReceived)
        assert (signal.kind, signal.day, signal.entry_id) == ("expired_rights", "2026-04-01", entry)
        assert signal.document_sha256 is not None
        assert "2026-03-31" in signal.reasons.kk
        assert "авторское свидетельство" in signal.reasons.ru


def test_a_right_without_an_end_or_of_an_excluded_entry_is_not_signalled(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        included(here)
        here.exclude(included(here, lapsing(here)))
        assert watched(here, DAY_AFTER) == 0
        assert monitored(here) == []


def test_a_new_inclusion_watches_the_rights_of_its_own_application(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        application = here.file(lapsing(here))
        entry = here.include(application)
        here.exclude(entry)
        again = here.file(lapsing(here, "2027-03-31"), product_id=entry)
        assert here.include(again) == entry
        assert watched(here, DAY_AFTER) == 0
        assert watched(here, datetime(2027, 4, 1, 5, 0, tzinfo=UTC)) == 1


def test_rights_that_ended_show_nothing_on_a_later_day(sqlite_url: str, tmp_path: Path) -> None:
    """Order of 28.11.2025: a document of the rights must hold on the day the case is judged for."""
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        for until, result in (("2026-03-02", "confirmed"), ("2026-03-01", "refused")):
            case = here.case_of(f"application:{here.file(lapsing(here, until), at=NOON)}")
            assert case.result == result
