"""Erase once more what a restored backup holds and what was erased after it was made (law 418-V art. 36)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from uuid import UUID, uuid4

from services.kernel.clock import Clock
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance
from services.kernel.journal.journal import Journal, Work
from services.register.domain.producer import Producer
from services.register.schema import VAULT
from services.register.usecases.forgetting import forgetting
from services.register.usecases.record_missed_terms import ACTOR


def repeat_erasures(journal: Journal, clock: Clock, erased: Mapping[str, Collection[str]]) -> int:
    """Erase all that is kept of the producers among those `erased`; returns how many there were.

    The facts of their erasures came after the backup, so they are recorded again, for followers too. `erased`
    names the keys of each, none of which opens anything: who filed something since keeps it.
    """
    repeated = 0
    for subject, keys in sorted(erased.items()):
        act = Act(clock.now(), Provenance(actor=ACTOR, decided_by="automatic", correlation_id=uuid4().hex))
        decide = partial(_decide, producer_id=UUID(subject), keys=set(keys), act=act)
        repeated += bool(journal.transact(decide).result)
    return repeated


def _decide(work: Work, *, producer_id: UUID, keys: set[str], act: Act) -> bool:
    producer = work.find(Producer, producer_id)
    if producer is None or not work.rely_on(partial(VAULT.keys_of, subject_id=str(producer_id))) <= keys:
        return False
    fields = work.rely_on(partial(VAULT.fields_of, subject_id=str(producer_id)))
    if fields:
        producer.repeat_erasure(act, fields=fields)
    work.save(producer)
    work.write(forgetting(producer_id))
    return bool(fields)
