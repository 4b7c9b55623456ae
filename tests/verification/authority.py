"""The authority in one process: its journal, its documents, and a register to follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec

from services.kernel.calendar import APPEAL, REWORK, Quarter, legal_date
from services.kernel.clock import FixedClock
from services.kernel.contract import DocumentRef, FixedTerm, OfficialText, ProducerRef
from services.kernel.feed.following import Upstream
from services.kernel.feed.sinks import JournalSink, Shelf
from services.kernel.journal.events import Event, Fact, Header, Provenance, new_event_id, new_stream_id
from services.kernel.journal.journal import Journal
from services.kernel.journal.units import CursorStep
from services.kernel.vault import PersonalValue, seal
from services.register.contract.events import (
    REGISTER_EVENTS,
    Activity,
    AppealFiled,
    ApplicationFiled,
    Excluded,
    Included,
    NotificationReturned,
    Product,
)
from services.verification.adapters.documents import DocumentStore
from services.verification.adapters.filings import Filing
from services.verification.contract.events import NotificationIssued
from services.verification.domain.case import Case
from services.verification.domain.judgement import rule_book
from services.verification.inbox.register import REGISTRY, UPSTREAM, RegisterInbox
from services.verification.journal import open_journal
from services.verification.projections.worklist import CaseFilter, list_cases
from services.verification.schema import FOLLOWING
from services.verification.usecases.list_software import NewListing, list_software
from services.verification.usecases.practice import Practice
from tests.personal import keyed
from tests.prepared import migrate
from tests.verification.acting import BIN, NAME, NOON, PRODUCER, REASONS, officer

KINDS: Final = (
    "contracts",
    "development_order",
    "terms_of_reference",
    "commissioning_order",
    "copyright_certificate",
    "developers_list",
)
IIN: Final = "660427402182"


def report(foreign: str = "10.00", *, year: int = 2025, expenses: str = "200.00") -> dict[str, Any]:
    """A localisation report whose development payments are 100 tenge in all."""
    return {
        "reporting_year": year,
        "lines": [
            {
                "contract": "C-1",
                "payee": "Foreign",
                "payee_kind": "foreign_legal_entity",
                "kind": "licence",
                "amount": foreign,
            }
        ],
        "totals": {"development_payments": "100.00", "all_expenses": expenses},
    }


class Authority:
    """The service's insides without HTTP, and the register as far as it shows in its feed."""

    def __init__(self, url: str, folder: Path, automatic: frozenset[Any], **settings: Any) -> None:
        self.clock = FixedClock(NOON)
        self.database = keyed(url)
        migrate("verification", self.database)
        self.journal: Journal = open_journal(self.database, self.clock)
        self.documents = DocumentStore(folder, self.database)
        self.documents.prepare()
        self.practice = Practice(self.clock, self.documents, rule_book(), automatic, **settings)
        shelf = Shelf(self.database, FOLLOWING, clock=self.clock)
        inbox = RegisterInbox(self.practice)
        self.sink = JournalSink(self.journal, shelf, REGISTRY, inbox.handlers())
        self.position = self.sink.position(UPSTREAM)

    # --- the register's side -------------------------------------------------------------------------

    def follow(
        self,
        event: Event,
        *,
        stream: str | None = None,
        confidential: Mapping[str, PersonalValue] | None = None,
        at: datetime | None = None,
    ) -> Upstream:
        """Let the register record an event, and follow it."""
        upstream = self.recorded(event, stream=stream, confidential=confidential, at=at)
        self.sink.apply(upstream, CursorStep(UPSTREAM, self.position, self.position + 1))
        self.position += 1
        return upstream

    def recorded(
        self,
        event: Event,
        *,
        stream: str | None = None,
        confidential: Mapping[str, PersonalValue] | None = None,
        at: datetime | None = None,
    ) -> Upstream:
        """An event as the register's feed shows it."""
        fact = Fact(
            originator_id=UUID(stream) if stream else new_stream_id(),
            originator_version=1,
            id=new_event_id(),
            data=event,
            effective_at=at or self.clock.now(),
            legal_basis=event.legal_basis,
            provenance=Provenance(actor="p", decided_by="producer", correlation_id="journey"),
        )
        record = REGISTER_EVENTS.encode(fact)
        header = msgspec.json.decode(record, type=Header)
        return Upstream(self.position + 1, header, record, confidential or {})

    def keep(self, content: bytes, media_type: str = "application/json", *, by: str = BIN) -> str:
        """A producer uploads a document; its digest."""
        draft = self.documents.draft(media_type)
        draft.write(content)
        return self.documents.keep(draft, Filing(by, "p")).sha256

    def package(self, content: Mapping[str, Any] | None = None, *, by: str = BIN) -> tuple[DocumentRef, ...]:
        """A producer uploads a whole document package and names it."""
        body = json.dumps(report() if content is None else content).encode()
        found = [
            DocumentRef(
                kind="localisation_report",
                media_type="application/json",
                size=len(body),
                sha256=self.keep(body, by=by),
            )
        ]
        for kind in KINDS:
            text = f"{kind} {uuid4()}".encode()
            found.append(
                DocumentRef(
                    kind=kind,
                    media_type="text/plain",
                    size=len(text),
                    sha256=self.keep(text, "text/plain", by=by),
                )
            )
        return tuple(found)

    def list_product(
        self, *, holder: str = BIN, name: OfficialText = NAME, listed_on: date = date(2025, 11, 10)
    ) -> str:
        """List a product in the register of trusted software."""
        new = NewListing(f"TR-{uuid4().hex[:8]}", name, holder, listed_on, None)
        listing = self.journal.transact(lambda work: list_software(work, officer(), new)).result
        assert listing is not None
        return str(listing.id)

    def file(
        self,
        documents: tuple[DocumentRef, ...] | None = None,
        *,
        producer: ProducerRef = PRODUCER,
        name: OfficialText = NAME,
        product_id: str | None = None,
        iin: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """A producer files an application; its id."""
        application_id = str(new_stream_id())
        sealed = seal({"iin": iin} if iin else {})
        if documents is None:
            documents = self.package(by=iin or producer.bin or BIN)
        self.follow(
            ApplicationFiled(
                application_id=application_id,
                producer=producer,
                product_id=product_id or str(new_stream_id()),
                product=Product(
                    name=name,
                    tn_ved="8523499900",
                    kpved="62.01.29",
                    ens_tru="620129.000.000001",
                    capacity_per_year="1000",
                ),
                activity=Activity(oked_primary="62011", kato="710000000"),
                reporting_year=2025,
                documents=documents,
                language="kk",
                consent_to_data_processing=True,
                commitments=sealed.commitments,
            ),
            stream=application_id,
            confidential=sealed.values,
            at=at,
        )
        return application_id

    def include(self, application_id: str, on: str | None = None) -> str:
        """The register includes what the application is about; the entry's id."""
        opened = self.case_of(f"application:{application_id}").opened
        entry_id = opened.product_id
        self.follow(
            Included(
                entry_id=entry_id,
                application_id=application_id,
                application_number="1",
                notification_id=str(new_stream_id()),
                producer=opened.producer,
                product=Product(
                    name=opened.product_name,
                    tn_ved="8523499900",
                    kpved="62.01.29",
                    ens_tru="-",
                    capacity_per_year="1000",
                ),
                activity=Activity(oked_primary="62011", kato="710000000"),
                included_on=on or legal_date(self.clock.now()).isoformat(),
                commitments={},
            ),
            stream=entry_id,
        )
        return entry_id

    def exclude(self, entry_id: str, notification_id: str | None = None, *, on: str | None = None) -> str:
        """The register excludes an entry, today or from another day (ISO date); the event's id."""
        upstream = self.follow(
            Excluded(
                entry_id=entry_id,
                producer=PRODUCER,
                ground="software_monitoring",
                excluded_on=on or legal_date(self.clock.now()).isoformat(),
                reasons=REASONS,
                notification_id=notification_id,
                appeal_term=APPEAL.fixed(self.clock.now()),
            ),
            stream=entry_id,
        )
        return upstream.header.id

    def return_notification(self, case: Case) -> FixedTerm:
        """The register returns a case's notification with remarks."""
        told = case.notification
        assert told is not None
        term = REWORK.fixed(self.clock.now())
        self.follow(
            NotificationReturned(
                notification_id=told.notification_id,
                revision=told.revision,
                case_id=str(case.id),
                application_id=case.opened.application_id or "",
                producer_id=PRODUCER.producer_id,
                remarks=REASONS,
                rework_term=term,
            )
        )
        return term

    def appeal(self, entry_id: str, notification_id: str, *, in_time: bool = True) -> str:
        """The producer appeals an exclusion; the appeal's id."""
        appeal_id = str(new_stream_id())
        sealed = seal({"grounds": "The report was misread."})
        self.follow(
            AppealFiled(
                entry_id=entry_id,
                appeal_id=appeal_id,
                producer=PRODUCER,
                notification_id=notification_id,
                exclusion_event_id=new_event_id(),
                language="ru",
                filed_on=legal_date(self.clock.now()).isoformat(),
                in_time=in_time,
                term=APPEAL.fixed(NOON),
                commitments=sealed.commitments,
            ),
            stream=entry_id,
            confidential=sealed.values,
        )
        return appeal_id

    # --- what came of it -----------------------------------------------------------------------------

    def cases(self, **wanted: Any) -> list[Case]:
        """The cases that match, in the order of their opening."""
        with self.database.read() as connection:
            rows = list_cases(connection, CaseFilter(**wanted), after=None, limit=500)
        return [self.journal.load(Case, UUID(str(row["case_id"]))) for row in rows]

    def case_of(self, origin: str) -> Case:
        """The case that an application or appeal opened (`application:<id>`, `appeal:<id>`)."""
        from services.verification.projections.cases import find_origin

        with self.database.read() as connection:
            case_id = find_origin(connection, origin)
        assert case_id is not None
        return self.journal.load(Case, case_id)

    def notifications(self) -> list[NotificationIssued]:
        """Every notification issued, oldest first."""
        return [
            recorded.fact.data
            for page in self.journal.replay()
            for recorded in page
            if isinstance(recorded.fact.data, NotificationIssued)
        ]

    def types(self) -> list[str]:
        """The kinds of every recorded event, in order."""
        return [type(r.fact.data).__name__ for page in self.journal.replay() for r in page]


@contextmanager
def authority(url: str, folder: Path, *automatic: str, **settings: Any) -> Iterator[Authority]:
    """An authority with these steps automatic and these settings of its practice, closed at the end."""
    here = Authority(url, folder, frozenset(automatic), **settings)
    try:
        yield here
    finally:
        here.database.close()


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


Q1: Final = Quarter.parse("2026-Q1")
