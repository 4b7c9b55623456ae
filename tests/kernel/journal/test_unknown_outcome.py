"""A COMMIT whose answer never came is settled by reading back: neither lost nor done twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from services.kernel.errors import Unavailable
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal
from services.kernel.journal.units import AnswerKey
from services.kernel.trouble import STORE_TROUBLE
from tests.kernel.feed.mirrors import Kind, feed_of, mirror_of
from tests.kernel.journal.breaking import Moment, breaking_proxy
from tests.kernel.journal.ledger import Ledger, ledger_journal, open_ledger, write_line
from tests.kernel.ledger_service import ledger_service

KEY = AnswerKey("principal", "POST /v1/ledgers", "k", "digest", 201)


@dataclass
class Store:
    """A database whose next COMMIT can be made to break."""

    url: str
    break_next_commit: Callable[[Journal, Moment], None]


def _break_sqlite(journal: Journal, moment: Moment) -> None:
    """The disk's answer is lost: what the operating system reports as an I/O error."""
    dialect: Any = journal.database.engine.dialect
    commit = dialect.do_commit

    def broken(connection: Any) -> None:
        dialect.do_commit = commit
        if moment != "before":
            commit(connection)
        raise sa.exc.OperationalError("COMMIT", {}, OSError("disk I/O error"))

    dialect.do_commit = broken


@contextmanager
def _postgresql(url: str) -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="tz-") as folder, breaking_proxy(url, Path(folder)) as made:
        through, proxy = made
        yield Store(through, lambda _journal, moment: proxy.break_next_commit(moment))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    if database_url.startswith("sqlite"):
        yield Store(database_url, _break_sqlite)
        return
    with _postgresql(database_url) as made:
        yield made


def opened(journal: Journal) -> UUID:
    stream = new_stream_id()
    journal.transact(lambda work: open_ledger(work, stream, "owner"))
    return stream


@pytest.mark.parametrize("moment", ["after", "late"])
def test_a_commit_that_happened_though_its_answer_was_lost_is_a_success(store: Store, moment: Moment) -> None:
    """Even when the server is still about to commit at the moment the outcome is looked for."""
    with ledger_journal(store.url) as journal:
        stream = opened(journal)
        store.break_next_commit(journal, moment)
        outcome = journal.transact(lambda work: write_line(work, stream, "once"), answer=KEY)
        assert outcome.committed is not None
        assert outcome.committed.position == 2
        assert journal.signal.head == 2
        again = journal.transact(lambda work: write_line(work, stream, "once"), answer=KEY)
        assert again.replayed is not None
        assert (journal.load(Ledger, stream).lines, journal.head()) == (1, 2)


def test_a_commit_that_never_arrived_is_unavailable_and_may_be_sent_again(store: Store) -> None:
    with ledger_journal(store.url) as journal:
        stream = opened(journal)
        store.break_next_commit(journal, "before")
        with pytest.raises(Unavailable, match="store_unavailable"):
            journal.transact(lambda work: write_line(work, stream, "once"), answer=KEY)
        assert (journal.head(), journal.stored_answer(KEY)) == (1, None)
        again = journal.transact(lambda work: write_line(work, stream, "once"), answer=KEY)
        assert again.committed is not None
        assert (journal.load(Ledger, stream).lines, journal.head()) == (1, 2)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["journal", "table"])
def test_a_followers_effect_is_had_once_whatever_became_of_its_commit(
    store: Store, kind: Kind, moment: Moment, tmp_path: Path
) -> None:
    upstream = f"sqlite:///{tmp_path / 'upstream.sqlite'}"
    with ledger_service(upstream) as ledger, mirror_of(store.url, kind) as mirror:
        stream = ledger.opened()["id"]
        follower = mirror.follower(feed_of(ledger))
        follower.turn()
        ledger.write(stream, "a", 1)

        def breaking(request: httpx.Request) -> httpx.Response:
            store.break_next_commit(mirror.journal, moment)
            return feed_of(ledger)(request)

        try:
            mirror.follower(breaking).turn()
        except STORE_TROUBLE:
            follower.turn()
        assert (mirror.lines(UUID(stream)), mirror.position, mirror.parked()) == (1, 2, [])


def test_a_batch_without_events_whose_answer_was_lost_is_settled_by_its_position(
    store: Store, tmp_path: Path
) -> None:
    """A step over events without effect leaves nothing to read back; its position decides."""
    upstream = f"sqlite:///{tmp_path / 'upstream.sqlite'}"
    with ledger_service(upstream) as ledger, mirror_of(store.url, "journal") as mirror:
        ledger.opened()
        mirror.sink._ignored = frozenset({"kz.ledger.ledger.opened.v1"})  # type: ignore[attr-defined]
        assert mirror.position == 0

        def breaking(request: httpx.Request) -> httpx.Response:
            store.break_next_commit(mirror.journal, "after")
            return feed_of(ledger)(request)

        with pytest.raises(STORE_TROUBLE):
            mirror.follower(breaking).turn()
        mirror.follower(feed_of(ledger)).turn()
        assert (mirror.position, mirror.journal.head()) == (1, 0)
