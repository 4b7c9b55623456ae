"""The feed is the journal: contiguous, bounded, awaited without holding anything, byte for byte."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from anyio import to_thread

from services.kernel.feed import reflecting
from services.kernel.journal import signal
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal
from tests.kernel.journal.ledger import PERSONAL, ledger_journal, open_ledger
from tests.kernel.ledger_service import LedgerService, ledger_service

FEED = "/v1/journal/events"
PATIENCE = 20


def positions(answer: Any) -> list[int]:
    return [item["position"] for item in answer.json()["events"]]


def append(journal: Journal, owner: str) -> None:
    journal.transact(lambda work: open_ledger(work, new_stream_id(), owner))


def test_pages_are_contiguous_and_bounded_and_tell_the_head(service: LedgerService) -> None:
    for number in range(7):
        service.opened(f"owner-{number}")
    after, seen = 0, []
    while page := positions(answer := service.get(f"{FEED}?after={after}&limit=3", "service")):
        assert len(page) <= 3
        assert answer.json()["head"] == 7
        assert answer.headers["Journal-Position"] == str(page[-1])
        seen += page
        after = page[-1]
    assert seen == list(range(1, 8))


def test_after_the_head_there_is_nothing_and_the_head_is_told(service: LedgerService) -> None:
    service.opened()
    answer = service.get(f"{FEED}?after=1", "service")
    assert (answer.status_code, answer.json()) == (200, {"events": [], "head": 1})
    assert answer.headers["Journal-Position"] == "1"


def test_an_empty_journal_is_an_empty_page(service: LedgerService) -> None:
    assert service.get(FEED, "auditor").json() == {"events": [], "head": 0}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "after=-1",
        "after=9007199254740992",
        "wait=31",
        "wait=-1",
        "format=xml",
        "since=1",
        "after=1&after=2",
    ],
)
def test_a_wrong_parameter_is_named(edge: LedgerService, query: str) -> None:
    answer = edge.get(f"{FEED}?{query}", "service")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["parameter"] == query.split("=", maxsplit=1)[0]


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("producer", 403), ("auditor", 200)])
def test_only_callers_with_the_role_read_it(edge: LedgerService, role: str | None, status: int) -> None:
    assert edge.get(FEED, role).status_code == status


def test_the_bytes_served_are_the_bytes_recorded(service: LedgerService) -> None:
    service.opened("Дала «Есеп»")
    (row,) = service.journal.after(0, 1)
    body = service.get(FEED, "service").content
    assert body == b'{"events":[{"position":1,"event":' + row.record + b'}],"head":1}'


def test_ndjson_streams_all_that_was_there_in_the_same_bytes(service: LedgerService) -> None:
    for number in range(5):
        service.opened(f"owner-{number}")
    answer = service.get(f"{FEED}?after=1&limit=2&format=ndjson", "auditor")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    rows = service.journal.after(1, 10)
    assert answer.content == b"".join(
        b'{"position":%d,"event":%b}\n' % (row.position, row.record) for row in rows
    )
    assert service.get(f"{FEED}?after=5&format=ndjson", "auditor").content == b""


def test_only_a_service_is_given_the_personal_values(service: LedgerService) -> None:
    service.opened("first", email="a@example.kz")
    service.opened("second")
    first, second = service.get(FEED, "service").json()["events"]
    assert first["confidential"]["email"]["value"] == "a@example.kz"
    assert len(first["confidential"]["email"]["salt"]) == 64
    assert "confidential" not in second
    for query in ("", "?format=ndjson"):
        assert "a@example.kz" not in service.get(FEED + query, "auditor").text
    streamed = service.get(f"{FEED}?format=ndjson", "service").text.splitlines()
    assert msgspec.json.decode(streamed[0])["confidential"]["email"]["value"] == "a@example.kz"


def test_an_erased_value_leaves_the_feed_and_not_the_record(service: LedgerService) -> None:
    service.opened("first", email="a@example.kz")
    before = service.journal.after(0, 1)
    with service.journal.database.write() as connection:
        connection.execute(sa.delete(PERSONAL.table))
    (event,) = service.get(FEED, "service").json()["events"]
    assert "confidential" not in event
    assert service.journal.after(0, 1) == before


# Waiting. Each request under way is seen in the signal before anything is committed.


async def waiters(journal: Journal, count: int) -> None:
    """Return when `count` requests wait for the journal to grow."""
    async with asyncio.timeout(PATIENCE):
        while len(journal.signal._waiters) < count:  # noqa: ASYNC110  # no event tells that someone waits
            await asyncio.sleep(0)


def polling(service: LedgerService, scenario: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(service.app)
        headers = service.headers("service")
        async with httpx.AsyncClient(
            transport=transport, base_url="http://ledger", headers=headers
        ) as client:
            await scenario(client)

    asyncio.run(run())


def test_a_long_poll_wakes_on_a_commit_of_this_process(service: LedgerService) -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        poll = asyncio.create_task(client.get(f"{FEED}?wait=30"))
        await waiters(service.journal, 1)
        await to_thread.run_sync(append, service.journal, "owner")
        async with asyncio.timeout(PATIENCE):
            assert positions(await poll) == [1]

    polling(service, scenario)


def test_waiting_holds_neither_thread_nor_connection(service: LedgerService) -> None:
    """More wait at once than there are threads and connections."""
    many = 100

    async def scenario(client: httpx.AsyncClient) -> None:
        polls = [asyncio.create_task(client.get(f"{FEED}?wait=30")) for _ in range(many)]
        await waiters(service.journal, many)
        pool: Any = service.journal.database.engine.pool
        assert to_thread.current_default_thread_limiter().borrowed_tokens == 0
        assert pool.checkedout() == 0
        await to_thread.run_sync(append, service.journal, "owner")
        async with asyncio.timeout(PATIENCE):
            assert [positions(answer) for answer in await asyncio.gather(*polls)] == [[1]] * many

    polling(service, scenario)


def test_a_long_poll_that_nothing_ends_is_an_empty_page(
    edge: LedgerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def nothing_comes(position: int, *, seconds: float) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr(edge.journal.signal, "beyond", nothing_comes)
    assert edge.get(f"{FEED}?wait=7", "service").json() == {"events": [], "head": 0}
    assert waited == [7]


def test_a_reader_who_goes_away_is_forgotten(edge: LedgerService) -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        poll = asyncio.create_task(client.get(f"{FEED}?wait=30"))
        await waiters(edge.journal, 1)
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll
        assert edge.journal.signal._waiters == set()

    polling(edge, scenario)


def test_a_process_that_stops_lets_everyone_go_at_once(edge: LedgerService) -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        poll = asyncio.create_task(client.get(f"{FEED}?wait=30"))
        await waiters(edge.journal, 1)
        edge.journal.signal.close()
        async with asyncio.timeout(PATIENCE):
            assert (await poll).json() == {"events": [], "head": 0}
            late = await client.get(f"{FEED}?wait=30")  # asked while stopping: not kept waiting either
            assert late.json() == {"events": [], "head": 0}

    polling(edge, scenario)


@pytest.fixture
def watched(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerService]:
    """The service as it runs: it watches what other processes write."""
    monkeypatch.setattr(signal, "POLL_SECONDS", 0.2)
    with ledger_service(database_url, watched=True) as made:
        yield made


def test_a_long_poll_wakes_on_a_commit_of_another_process(watched: LedgerService, database_url: str) -> None:
    """The other writer shares nothing with this service but the database."""
    with ThreadPoolExecutor(1) as pool, ledger_journal(database_url) as other:
        poll = pool.submit(watched.get, f"{FEED}?wait=30", "service")
        append(other, "elsewhere")
        answer = poll.result(PATIENCE)
    assert positions(answer) == [1]


def test_a_watch_whose_connection_broke_is_taken_up_again(
    fresh_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "POLL_SECONDS", 0.2)
    with ledger_service(fresh_postgres, watched=True) as watched, ledger_journal(fresh_postgres) as other:
        journal = watched.journal
        append(other, "first")
        assert journal.signal.wait(0, timeout=PATIENCE) == 1
        with other.database.write() as connection:
            ended = connection.scalar(
                sa.text(
                    "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        assert ended
        append(other, "second")
        assert journal.signal.wait(1, timeout=PATIENCE) == 2


# Reads that reflect a position.


def test_a_read_waits_until_it_reflects_what_the_caller_just_recorded(
    watched: LedgerService, database_url: str
) -> None:
    ledger = watched.opened()["id"]
    waiting = threading.Event()
    beyond = watched.journal.signal.beyond

    async def telling(position: int, *, seconds: float) -> bool:
        waiting.set()
        return await beyond(position, seconds=seconds)

    watched.journal.signal.beyond = telling  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool, ledger_journal(database_url) as other:
        reading = pool.submit(watched.get, f"/v1/ledgers/{ledger}?min_position=2")
        assert waiting.wait(PATIENCE)
        append(other, "elsewhere")
        assert reading.result(PATIENCE).status_code == 200


def test_a_position_reached_needs_no_waiting(service: LedgerService) -> None:
    ledger = service.opened()["id"]
    service.journal.signal._head = 0  # a process that was just started and was told of nothing yet
    for position in (0, 1):
        assert service.get(f"/v1/ledgers/{ledger}?min_position={position}").status_code == 200


def test_a_position_not_reached_in_time_is_412(edge: LedgerService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflecting, "PATIENCE_SECONDS", 0.01)
    ledger = edge.opened()["id"]
    answer = edge.get(f"/v1/ledgers/{ledger}?min_position=2")
    assert answer.status_code == 412
    assert answer.json()["code"] == "position_not_reached"
    assert answer.json()["params"] == {"position": "2"}


def test_who_may_not_read_does_not_wait(edge: LedgerService, monkeypatch: pytest.MonkeyPatch) -> None:
    async def waited(_position: int, *, seconds: float) -> bool:
        pytest.fail(f"a stranger waits {seconds} s")

    monkeypatch.setattr(edge.journal.signal, "beyond", waited)
    ledger = edge.opened()["id"]
    answer = edge.get(f"/v1/ledgers/{ledger}?min_position=2", headers={"Authorization": "Bearer x.y.z"})
    assert answer.status_code == 401


@pytest.mark.parametrize("query", ["", "&wait=30", "&format=ndjson"])
def test_a_reader_ahead_of_the_head_is_told(service: LedgerService, query: str) -> None:
    """It read a journal since restored from an older copy: lag 0 would hide the difference for ever."""
    service.opened()
    assert service.get(f"/v1/journal/events?after=1{query.replace('30', '0')}", "auditor").status_code == 200
    answer = service.get(f"/v1/journal/events?after=2{query}", "auditor")
    assert (answer.status_code, answer.json()["code"]) == (409, "position_ahead")
    assert answer.json()["params"] == {"position": "2", "head": "1"}


@pytest.mark.parametrize("wrong", ["-1", "x", "9007199254740992"])
def test_a_wrong_position_is_422(edge: LedgerService, wrong: str) -> None:
    ledger = edge.opened()["id"]
    assert edge.get(f"/v1/ledgers/{ledger}?min_position={wrong}").status_code == 422
