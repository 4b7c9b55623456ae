"""How a producer is called at a legal instant: what was stated of it, and what transformations made of that.

A name counts from its own day, whenever it was told: a transformation told today of April stands before an
update of May that was told in June (law 86-VII art. 51-6, order 327 para. 26).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.journal.events import Fact
from services.register.contract.events import ProducerTransformed
from services.register.domain.own_data import Stated


@dataclass(frozen=True, slots=True)
class Transformed:
    """What transformations made of a producer; None where they gave no BIN or no name.

    `renamed` is the transformation whose name counts last.
    """

    bin: str | None = None
    name: OfficialText | None = None
    renamed: Stated | None = None

    def applied(self, ref: ProducerRef) -> ProducerRef:
        """The producer that was `ref` before all of them."""
        return msgspec.structs.replace(ref, bin=self.bin or ref.bin, name=self.name or ref.name)


def transformed(facts: Iterable[Fact], *, at: datetime | None = None) -> Transformed:
    """What the transformations among a producer's facts, in the order of recording, made of it by `at`.

    Each counts from its own day; of those of one instant the one recorded last counts. Without `at` all do.
    """
    found = Transformed()
    counting = [fact for fact in facts if at is None or fact.effective_at <= at]
    for fact in sorted(counting, key=lambda fact: fact.effective_at):
        event = fact.data
        if not isinstance(event, ProducerTransformed):
            continue
        gives_bin, gives_name = "bin" in event.changed, "name" in event.changed
        found = Transformed(
            bin=event.producer.bin if gives_bin else found.bin,
            name=event.producer.name if gives_name else found.name,
            renamed=Stated(fact.id, fact.effective_at) if gives_name else found.renamed,
        )
    return found


def named(stated: ProducerRef, since: str, updated: Stated | None, now: Transformed) -> ProducerRef:
    """How to name a producer that event `since` stated, and the update `updated`, if any, named.

    The BIN is the transformations'. The name is theirs where the last of them to give one was recorded after
    `since`, which states what was known before it, and counts after the update. Event ids are UUIDv7, so the
    greater id is the later event.
    """
    ref = msgspec.structs.replace(stated, bin=now.bin or stated.bin)
    last = now.renamed
    if last is None or last.event_id <= since:
        return ref
    if updated is not None and (updated.at, updated.event_id) > (last.at, last.event_id):
        return ref
    return msgspec.structs.replace(ref, name=now.name)
