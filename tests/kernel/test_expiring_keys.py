"""A key is good for thirty days; what is older goes, in bounded batches, and its command may come anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.kernel.clock import FixedClock
from services.kernel.errors import Invalid
from services.kernel.expiring_keys import KEPT, delete_expired, expiring_keys
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal, Work
from services.kernel.journal.units import AnswerKey
from tests.kernel.journal.ledger import NOON, Ledger, act, ledger_journal


@pytest.fixture
def journal(database_url: str) -> Iterator[Journal]:
    with ledger_journal(database_url) as made:
        yield made


def key(name: str, digest: str = "d") -> AnswerKey:
    return AnswerKey("someone", "POST /v1/ledgers", name, digest, 201)


def opened_with(journal: Journal, answer: AnswerKey) -> None:
    def decide(work: Work) -> None:
        ledger = Ledger(new_stream_id())
        ledger.open(act(), f"owner of {answer.key}")
        work.save(ledger)
        work.answer_with(ledger)

    journal.transact(decide, answer=answer)


def expire(journal: Journal, at: timedelta, batch: int = 1_000) -> int:
    keys = journal.tables.idempotency_keys
    return delete_expired(journal.database, keys, FixedClock(NOON + at), batch=batch)


def test_a_key_answers_for_thirty_days_and_is_then_forgotten(journal: Journal) -> None:
    opened_with(journal, key("k"))
    assert expire(journal, KEPT) == 0
    assert journal.stored_answer(key("k")) is not None
    with pytest.raises(Invalid, match="idempotency_key_reused"):
        journal.stored_answer(key("k", "another body"))
    assert expire(journal, KEPT + timedelta(seconds=1)) == 1
    assert journal.stored_answer(key("k", "another body")) is None
    assert journal.head() == 1, "the fact stays"


def test_a_batch_takes_the_oldest_and_no_more_than_its_size(journal: Journal) -> None:
    for name in ("a", "b", "c"):
        opened_with(journal, key(name))
    later = KEPT + timedelta(days=1)
    assert expire(journal, later, batch=2) == 2
    assert [journal.stored_answer(key(name)) is None for name in ("a", "b", "c")] == [True, True, False]
    assert [expire(journal, later, batch=2) for _ in range(2)] == [1, 0]


def test_the_elected_process_does_it_in_the_background(journal: Journal) -> None:
    opened_with(journal, key("k"))
    clock = FixedClock(NOON + KEPT + timedelta(days=1))
    task = expiring_keys(journal.database, journal.tables.idempotency_keys, clock)
    assert task._run() > 0
    assert journal.stored_answer(key("k")) is None
