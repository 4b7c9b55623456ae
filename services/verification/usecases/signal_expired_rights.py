"""Watch the rights behind the entries of the register: the day after one ends, its entry is monitored."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Final

from services.kernel.calendar import legal_date
from services.kernel.errors import Conflict
from services.kernel.journal.journal import Journal, Work
from services.verification.domain.wording import SOURCE_OF_EXPIRY, expired_right
from services.verification.projections.expiring_rights import ExpiringRight, ended_before, mark_signalled
from services.verification.usecases.practice import Practice
from services.verification.usecases.receive_signal import Signal, receive_signal

BATCH: Final = 100


def signal_expired_rights(journal: Journal, practice: Practice) -> int:
    """Art. 51-2(3); order of 28.11.2025: signal each right that ended, once; returns how many.

    An entry that was excluded meanwhile is left out; should it come back, it is signalled then.
    """
    with journal.database.read() as connection:
        ended = ended_before(connection, legal_date(practice.clock.now()).isoformat(), BATCH)
    return sum(_signalled(journal, practice, right) for right in ended)


def _signalled(journal: Journal, practice: Practice, right: ExpiringRight) -> bool:
    try:
        journal.transact(partial(_signal, practice=practice, right=right))
    except Conflict as conflict:
        if conflict.code not in ("entry_not_included", "changed_meanwhile"):
            raise
        return False
    return True


def _signal(work: Work, *, practice: Practice, right: ExpiringRight) -> None:
    signal = Signal(
        kind="expired_rights",
        entry_id=right.entry_id,
        day=date.fromisoformat(right.valid_until) + timedelta(days=1),
        source=SOURCE_OF_EXPIRY,
        reasons=expired_right(right.kind, right.valid_until),
        document_sha256=right.sha256,
    )
    receive_signal(work, practice, practice.own_act(), signal)
    work.write(mark_signalled(right))
