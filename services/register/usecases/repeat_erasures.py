"""Erase once more what a restored backup holds and what was erased after it was made (law 418-V art. 36)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from services.kernel.clock import Clock
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance
from services.kernel.journal.journal import Journal, Work
from services.kernel.vault import fields_in
from services.register.domain.producer import Producer
from services.register.schema import VAULT
from services.register.usecases.forgetting import forgetting_under
from services.register.usecases.record_missed_terms import ACTOR

FACTS_AT_ONCE: Final = 500
"""Of so many facts one erasure names the values at most: their ids have to go into a record."""


def repeat_erasures(journal: Journal, clock: Clock, erased: Mapping[str, Collection[str]]) -> int:
    """Erase what stands under destroyed keys, given by producer; returns of how many something was there.

    The facts of their erasures came after the backup, so they are recorded again, for followers too. What a
    producer filed since stands under other keys and stays.
    """
    repeated = 0
    for subject, keys in sorted(erased.items()):
        act = Act(clock.now(), Provenance(actor=ACTOR, decided_by="automatic", correlation_id=uuid4().hex))
        decide = partial(_decide, producer_id=UUID(subject), destroyed=frozenset(keys), act=act)
        found = False
        while journal.transact(decide).result:
            found = True
        repeated += found
    return repeated


def _decide(work: Work, *, producer_id: UUID, destroyed: frozenset[str], act: Act) -> bool:
    producer = work.find(Producer, producer_id)
    if producer is None:
        return False
    held = work.rely_on(partial(VAULT.kept_of, subject_id=str(producer_id)))
    gone = [one for one in held if one.key_id in destroyed]
    if not gone:
        return False
    kept = fields_in(one for one in held if one.key_id not in destroyed)
    told_in = tuple(sorted({one.event_id for one in gone})[:FACTS_AT_ONCE]) if kept else ()
    if told_in:
        gone = [one for one in gone if one.event_id in told_in]
    producer.repeat_erasure(act, fields=fields_in(gone), kept=kept, told_in=told_in)
    work.save(producer)
    work.write(forgetting_under(producer_id, {one.key_id for one in gone}))
    return True
