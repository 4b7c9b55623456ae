"""Erase what is kept here of a producer whose personal values the register erased (law 418-V art. 36)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.kernel.journal.units import Recorded
from services.verification.adapters.filings import forget_uploader
from services.verification.contract.erasures import PersonalDataErased
from services.verification.domain.erasure import Erasure
from services.verification.projections.identifiers import forget_number, number_of
from services.verification.schema import VAULT


def erase_personal_data(work: Work, act: Act, producer_id: str) -> None:
    """Delete the values, record which, and doom their keys; nothing is recorded where nothing is kept.

    As an individual the producer may also hold listings: these go on without a holder. The documents it filed
    are evidence and stay, under its id instead of its number.
    """
    subjects, fields = work.rely_on(partial(_held, producer_id=producer_id))
    if fields:
        listing_ids = tuple(subject for subject in subjects if subject != producer_id)
        erasure = Erasure(new_stream_id())
        erased = PersonalDataErased(producer_id=producer_id, fields=fields, listing_ids=listing_ids)
        erasure.carry_out(act, erased)
        work.save(erasure)

    def forget(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        number = number_of(connection, producer_id)
        if number is not None:
            forget_uploader(connection, number, producer_id)
            forget_number(connection, number)
        for subject in subjects:
            VAULT.erase(connection, subject)

    work.write(forget)


def _held(connection: sa.Connection, producer_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Under whose ids something is kept of the producer, and what."""
    number = number_of(connection, producer_id)
    found = VAULT.subjects_with(connection, [number]) if number else set()
    subjects = tuple(sorted(found | {producer_id}))
    fields = {field for subject in subjects for field in VAULT.fields_of(connection, subject)}
    return subjects, tuple(sorted(fields))
