"""Erase what is kept here of a producer whose personal values the register erased (law 418-V art. 36)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

import sqlalchemy as sa

from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.kernel.journal.units import Recorded
from services.kernel.personal_keys import keys_of
from services.kernel.vault import Kept, fields_in
from services.verification.adapters.filings import forget_uploader
from services.verification.contract.erasures import PersonalDataErased
from services.verification.domain.erasure import Erasure
from services.verification.projections.identifiers import forget_number, number_of
from services.verification.projections.openings import openings_caused_by
from services.verification.schema import VAULT

Held = Mapping[str, tuple[Kept, ...]]
"""What is kept, by subject: the producer, and each listing whose holder it is as an individual."""


def erase_personal_data(work: Work, act: Act, producer_id: str) -> None:
    """Delete the values, record which, and doom their keys; nothing is recorded where nothing is kept.

    As an individual the producer may also hold listings: these go on without a holder. The documents it filed
    are evidence and stay, under its id instead of its number.
    """
    _erase(work, act, producer_id, work.rely_on(partial(_held, producer_id=producer_id)), kept=())


def erase_what_was_told(
    work: Work, act: Act, producer_id: str, told_in: Collection[str], *, kept: Collection[str]
) -> None:
    """The same of what some facts of the register told; of what it told since, the fields `kept`, stays.

    Erased is also what stands under keys that an earlier erasure here destroyed: this service was restored
    from before it, too.
    """

    def read(connection: sa.Connection) -> Held:
        held = _held(connection, producer_id)
        keys = {one.key_id for some in held.values() for one in some}
        destroyed = keys_of(connection).destroyed(keys)
        caused = openings_caused_by(connection, producer_id, told_in)
        return {
            subject: gone
            for subject, some in held.items()
            if (gone := tuple(one for one in some if one.key_id in destroyed or one.event_id in caused))
        }

    _erase(work, act, producer_id, work.rely_on(read), kept=kept)


def _erase(work: Work, act: Act, producer_id: str, gone: Held, *, kept: Collection[str]) -> None:
    if fields := fields_in(one for some in gone.values() for one in some):
        erasure = Erasure(new_stream_id())
        listing_ids = tuple(sorted(set(gone) - {producer_id}))
        erased = PersonalDataErased(producer_id=producer_id, fields=fields, listing_ids=listing_ids)
        erasure.carry_out(act, erased)
        work.save(erasure)

    def forget(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        number = None if "iin" in kept else number_of(connection, producer_id)
        if number is not None:
            forget_uploader(connection, number, producer_id)
            forget_number(connection, number)
        for subject, some in gone.items():
            VAULT.erase(connection, subject, keys={one.key_id for one in some})

    work.write(forget)


def _held(connection: sa.Connection, producer_id: str) -> Held:
    number = number_of(connection, producer_id)
    subjects = VAULT.subjects_with(connection, [number]) if number else set()
    found = {subject: VAULT.kept_of(connection, subject) for subject in sorted(subjects | {producer_id})}
    return {subject: some for subject, some in found.items() if some}
