"""A poison event parks and stops its own stream only; nothing is dropped, nothing overtakes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from services.kernel.errors import Unavailable
from services.kernel.feed.following import Upstream
from services.kernel.feed.sinks import TableSink
from services.kernel.journal.events import Header
from services.kernel.journal.units import CursorStep
from services.kernel.vault import PersonalValue
from tests.kernel.feed.mirrors import UPSTREAM, Answering, Kind, Mirror, feed_of, mirror_of
from tests.kernel.journal.ledger import FOLLOWING, PERSONAL
from tests.kernel.ledger_service import LedgerService, ledger_service


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerService]:
    """The service followed, on a database of its own."""
    with ledger_service(f"sqlite:///{tmp_path / 'upstream.sqlite'}") as made:
        yield made


@pytest.fixture(params=["journal", "table"])
def mirror(request: pytest.FixtureRequest, database_url: str) -> Iterator[Mirror]:
    """The follower's own service: effects into its journal and into its tables, on each database."""
    kind: Kind = request.param
    with mirror_of(database_url, kind) as made:
        yield made


def opened(ledger: LedgerService, owner: str, *lines: str) -> UUID:
    stream = ledger.opened(owner)["id"]
    for version, text in enumerate(lines, start=1):
        ledger.write(stream, text, version)
    return UUID(stream)


def parked_gauge() -> float | None:
    return REGISTRY.get_sample_value("tizilim_parked_events", {"service": "mirror", "upstream": UPSTREAM})


def test_a_poison_event_stops_its_own_stream_only(ledger: LedgerService, mirror: Mirror) -> None:
    ill = opened(ledger, "ill", "a", "poison", "b", "c")
    well = opened(ledger, "well", "d", "e")
    follower = mirror.follower(feed_of(ledger))
    assert follower.turn() == 8
    assert (mirror.lines(ill), mirror.lines(well), mirror.position) == (1, 2, 8)
    assert mirror.parked() == [(3, "ValueError", 1), (4, "behind_parked", 1), (5, "behind_parked", 1)]
    assert follower.lag == 0


def test_nothing_overtakes_what_parked_in_the_transaction_before(
    ledger: LedgerService, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(mirror.sink, TableSink):
        monkeypatch.setattr(mirror.sink, "at_once", 2)
    ill, well = opened(ledger, "ill", "poison", "a"), opened(ledger, "well")
    assert mirror.follower(feed_of(ledger)).turn() == 4
    assert mirror.parked() == [(2, "ValueError", 1), (3, "behind_parked", 1)]
    assert (mirror.lines(ill), mirror.lines(well), set(mirror.handled)) == (0, 0, {"poison"})


def test_what_comes_later_parks_behind_it_even_after_a_restart(ledger: LedgerService, mirror: Mirror) -> None:
    ill = opened(ledger, "ill", "poison")
    mirror.follower(feed_of(ledger)).turn()
    ledger.write(str(ill), "later", 2)
    mirror.follower(feed_of(ledger)).turn()  # a follower that remembers nothing
    assert mirror.lines(ill) == 0
    assert mirror.parked() == [(2, "ValueError", 2), (3, "behind_parked", 1)]
    assert set(mirror.handled) == {"poison"}  # what comes behind it is not even tried


def test_parked_events_are_retried_in_order_and_leave_the_shelf(
    ledger: LedgerService, mirror: Mirror
) -> None:
    ill = opened(ledger, "ill", "poison", "b", "c")
    follower = mirror.follower(feed_of(ledger))
    follower.turn()
    mirror.handled.clear()
    mirror.cure()
    ledger.write(str(ill), "d", 4)
    follower.turn()
    assert mirror.handled == ["poison", "b", "c", "d"]
    assert (mirror.lines(ill), mirror.parked(), parked_gauge()) == (4, [], 0)


def test_a_retry_that_fails_is_counted_and_keeps_what_is_behind_it(
    ledger: LedgerService, mirror: Mirror
) -> None:
    opened(ledger, "ill", "poison", "b")
    follower = mirror.follower(feed_of(ledger))
    for _ in range(3):
        follower.turn()
    assert mirror.parked() == [(2, "ValueError", 3), (3, "behind_parked", 1)]
    assert set(mirror.handled) == {"poison"}
    assert parked_gauge() == 2


def test_a_second_poison_event_of_the_stream_stops_it_where_it_stands(
    ledger: LedgerService, mirror: Mirror
) -> None:
    ill = opened(ledger, "ill", "poison", "b", "poison-refused", "c")
    follower = mirror.follower(feed_of(ledger))
    follower.turn()
    with mirror.journal.database.write() as connection:  # the first is cured, the second is not
        rows = FOLLOWING.parked_events
        cured = connection.execute(sa.select(rows.c.record).where(rows.c.position == 2)).scalar_one()
        connection.execute(
            sa.update(rows)
            .where(rows.c.position == 2)
            .values(record=bytes(cured).replace(b"poison", b"health"))
        )
    follower.turn()
    assert mirror.lines(ill) == 2
    assert mirror.parked() == [(4, "ledger_full", 2), (5, "behind_parked", 1)]


def test_the_reason_is_the_rule_that_refused_it(ledger: LedgerService, mirror: Mirror) -> None:
    opened(ledger, "ill", "poison-refused")
    mirror.follower(feed_of(ledger)).turn()
    assert mirror.parked() == [(2, "ledger_full", 1)]


def test_a_type_this_version_does_not_know_parks_rather_than_pass_unseen(
    ledger: LedgerService, mirror: Mirror
) -> None:
    stream = opened(ledger, "owner", "a")
    record = ledger.journal.after(1, 1)[0].record.replace(b"line-written.v1", b"line-written.v9")
    event = Upstream(1, msgspec.json.decode(record, type=Header), record, {})
    assert event.stream_id == stream
    assert mirror.sink.handles(event.header.type)
    page = b'{"events":[{"position":1,"event":' + record + b'}],"head":1}'
    mirror.follower(lambda _request: httpx.Response(200, content=page)).turn()
    assert mirror.parked() == [(1, "UnknownEventType", 1)]


def test_personal_values_are_read_again_and_never_parked(ledger: LedgerService, mirror: Mirror) -> None:
    """What is not kept need not be erased; what was erased upstream meanwhile does not come back."""
    ledger.opened("taken")
    ledger.opened("first", email="a@example.kz")
    given: list[Mapping[str, PersonalValue]] = []

    def refusing(event: Upstream, step: CursorStep | str) -> None:
        given.append(event.confidential)
        raise ValueError("not now")

    mirror.sink.at_once = 1
    mirror.sink.apply = refusing  # type: ignore[method-assign]
    mirror.sink.retry = refusing  # type: ignore[method-assign,assignment]
    follower = mirror.follower(feed_of(ledger))
    follower.turn()
    assert [event.confidential for event in mirror.sink.parked(UPSTREAM)] == [{}, {}]
    follower.turn()
    assert [one.get("email") and one["email"].value for one in given] == [None, "a@example.kz"] * 2
    with ledger.journal.database.write() as connection:
        connection.execute(sa.delete(PERSONAL.table))
    follower.turn()
    assert given[-1] == {}


SPOILT = {
    "no event": lambda _record: b'{"specversion":"1.0"}',
    "no object": lambda _record: b"7",
    "no stream": lambda record: re.sub(rb'"subject":"[^"]*"', b'"subject":"x"', record),
    "no JSON": lambda record: record[:-1],
    "no UTF-8": lambda record: record.replace(b"health", b"h\xffalth"),
}


def spoiling(ledger: LedgerService, position: int, change: Callable[[bytes], bytes]) -> Answering:
    """The real feed with the bytes of one event changed, whatever page it comes in."""
    record = ledger.journal.after(position - 1, 1)[0].record

    def answer(request: httpx.Request) -> httpx.Response:
        content = feed_of(ledger)(request).content
        return httpx.Response(200, content=content.replace(record, change(record)))

    return answer


@pytest.mark.parametrize("name", SPOILT)
def test_an_event_that_cannot_be_read_is_parked_and_goes_on_once_it_is_mended(
    ledger: LedgerService, sqlite_url: str, name: str
) -> None:
    ill, well = opened(ledger, "ill", "health"), opened(ledger, "well", "a", "b")
    with mirror_of(sqlite_url, "journal") as mirror:
        mirror.cure()
        follower = mirror.follower(spoiling(ledger, 2, SPOILT[name]))
        while mirror.position < 5:
            follower.turn()
        assert mirror.parked()[0][:2] == (2, "event_unreadable")
        assert (mirror.lines(ill), mirror.lines(well), follower.parked) == (0, 2, 1)
        mirror.follower(feed_of(ledger)).turn()
        assert (mirror.lines(ill), mirror.parked()) == (1, [])


def test_later_events_of_its_stream_wait_behind_one_that_cannot_be_read(
    ledger: LedgerService, sqlite_url: str
) -> None:
    """The envelope is spoilt, but it still names the stream."""
    ill = opened(ledger, "ill", "health", "later")
    untimed = spoiling(ledger, 2, lambda record: record.replace(b'"streamversion"', b'"streamversioN"'))
    with mirror_of(sqlite_url, "journal") as mirror:
        mirror.cure()
        mirror.follower(untimed).turn()
        assert [row[:2] for row in mirror.parked()] == [(2, "event_unreadable"), (3, "behind_parked")]
        mirror.follower(feed_of(ledger)).turn()
        assert (mirror.lines(ill), mirror.handled) == (2, ["health", "later"])


def test_a_store_in_trouble_parks_nothing(ledger: LedgerService, mirror: Mirror) -> None:
    """The event is not at fault, so it is read again."""
    stream = opened(ledger, "owner", "a")
    follower = mirror.follower(feed_of(ledger))
    apply, apply_all = mirror.sink.apply, mirror.sink.apply_all

    def unavailable(_given: object, step: CursorStep) -> None:
        raise Unavailable("store_unavailable")

    mirror.sink.apply = mirror.sink.apply_all = unavailable  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable):
        follower.turn()
    assert (mirror.position, mirror.parked()) == (0, [])
    mirror.sink.apply, mirror.sink.apply_all = apply, apply_all  # type: ignore[method-assign]
    follower.turn()
    assert mirror.lines(stream) == 1


def test_two_workers_unpark_an_event_once(ledger: LedgerService, mirror: Mirror) -> None:
    ill = opened(ledger, "ill", "poison")
    mirror.follower(feed_of(ledger)).turn()
    mirror.cure()
    (event,) = mirror.sink.parked(UPSTREAM)
    mirror.sink.retry(event, UPSTREAM)
    with pytest.raises(Unavailable):  # read from the shelf before the other took it
        mirror.sink.retry(event, UPSTREAM)
    assert (mirror.lines(ill), mirror.parked()) == (1, [])
