"""Take in what calls for the monitoring of an entry between quarters: a changed owner, expired rights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, Invalid, NotFound
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.verification.contract.events import MonitoringSignalReceived, SignalKind
from services.verification.domain.case import Case
from services.verification.projections.cases import unscheduled_under_way
from services.verification.projections.included_entries import IncludedEntry, is_included, latest
from services.verification.usecases.monitoring import monitoring
from services.verification.usecases.open_case import begin_case
from services.verification.usecases.practice import Practice


@dataclass(frozen=True, slots=True)
class Signal:
    """What happened to an entry, on which day, known from where, and why it matters."""

    kind: SignalKind
    entry_id: str
    day: date
    source: str
    reasons: OfficialText
    document_sha256: str | None = None


def receive_signal(work: Work, practice: Practice, act: Act, signal: Signal) -> Case:
    """Art. 51-2(3): add the signal to the entry's open unscheduled case, or open one for it.

    Such a case waits for an officer in any setting: no document of the application tells what the signal
    does. Nothing is excluded by it (art. 51-2(4)). Raises `Invalid` (`day_in_future`), `NotFound`
    (`entry_unknown`) and `Conflict` (`entry_not_included`).
    """
    if signal.day > legal_date(act.at):
        raise Invalid("day_in_future", pointer="/day", day=signal.day.isoformat())
    entry = _included(work, signal.entry_id)
    open_case = work.rely_on(partial(unscheduled_under_way, entry_id=signal.entry_id))
    signal_id = str(new_stream_id())
    if open_case is not None:
        case = work.load(Case, open_case)
    else:
        today = legal_date(act.at).isoformat()
        case = begin_case(practice, act, monitoring(entry, signal_id=signal_id, legal_date=today))
    _take_in(act, case, signal, signal_id)
    work.save(case)
    work.answer_with(case)
    return case


def join_case(work: Work, act: Act, signal: Signal) -> bool:
    """Art. 51-2(3): add the signal to the entry's open unscheduled case; False where there is none."""
    open_case = work.rely_on(partial(unscheduled_under_way, entry_id=signal.entry_id))
    if open_case is None:
        return False
    case = work.load(Case, open_case)
    _take_in(act, case, signal, str(new_stream_id()))
    work.save(case)
    return True


def _take_in(act: Act, case: Case, signal: Signal, signal_id: str) -> None:
    case.receive_signal(
        act,
        MonitoringSignalReceived(
            signal_id=signal_id,
            case_id=str(case.id),
            entry_id=signal.entry_id,
            kind=signal.kind,
            day=signal.day.isoformat(),
            source=signal.source,
            reasons=signal.reasons,
            document_sha256=signal.document_sha256,
        ),
    )


def _included(work: Work, entry_id: str) -> IncludedEntry:
    def look(connection: sa.Connection) -> tuple[IncludedEntry | None, bool]:
        return latest(connection, entry_id), is_included(connection, entry_id)

    entry, included = work.rely_on(look)
    if entry is None:
        raise NotFound("entry_unknown", id=entry_id)
    if not included:
        raise Conflict("entry_not_included", state="excluded", allowed="none")
    return entry
