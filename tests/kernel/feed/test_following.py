"""Following a journal: each event's effect once, and nothing an upstream answers can do harm."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from services.kernel.errors import Unavailable
from services.kernel.feed import following
from services.kernel.feed.following import FeedBroken, Follower, Upstream
from services.kernel.http.health import Notice
from services.kernel.journal.events import Header
from services.kernel.journal.units import CursorStep
from services.kernel.trouble import STORE_TROUBLE
from tests.kernel.feed.mirrors import UPSTREAM, Answering, Kind, Mirror, feed_of, in_turn, mirror_of
from tests.kernel.journal.ledger import FOLLOWING
from tests.kernel.ledger_service import LedgerService, ledger_service

PATIENCE = 20


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerService]:
    """The service followed, on a database of its own."""
    with ledger_service(f"sqlite:///{tmp_path / 'upstream.sqlite'}") as made:
        yield made


@pytest.fixture(params=["journal", "table"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def mirror(database_url: str, kind: Kind) -> Iterator[Mirror]:
    """The follower's own service: effects into its journal and into its tables, on each database."""
    with mirror_of(database_url, kind) as made:
        yield made


def opened(ledger: LedgerService, *lines: str, owner: str = "owner") -> UUID:
    stream = ledger.opened(owner)["id"]
    for version, text in enumerate(lines, start=1):
        assert ledger.write(stream, text, version).status_code == 201
    return UUID(stream)


def page(ledger: LedgerService, after: int = 0) -> list[Upstream]:
    return [
        Upstream(row.position, msgspec.json.decode(row.record, type=Header), row.record, {})
        for row in ledger.journal.after(after, 100)
    ]


def gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"service": "mirror", "upstream": UPSTREAM})


# Once.


def test_what_is_recorded_there_takes_effect_here(ledger: LedgerService, mirror: Mirror) -> None:
    stream = opened(ledger, "a", "b")
    follower = mirror.follower(feed_of(ledger))
    assert follower.turn() == 3
    assert (mirror.lines(stream), mirror.position) == (2, 3)
    assert (follower.lag, follower.caught_up) == (0, True)
    assert follower.turn() == 0


def test_the_same_page_twice_has_its_effect_once(ledger: LedgerService, mirror: Mirror) -> None:
    stream = opened(ledger, "a", "b")
    first_page = feed_of(ledger)(httpx.Request("GET", "http://ledger/?after=0"))
    assert mirror.follower(lambda _request: first_page).turn() == 3
    with pytest.raises(FeedBroken):
        mirror.follower(lambda _request: first_page).turn()  # an upstream that repeats itself
    for event in page(ledger):  # a worker that read the page before the other had handled it
        with pytest.raises(Unavailable, match="position_moved"):
            mirror.sink.apply(event, CursorStep(UPSTREAM, event.position - 1, event.position))
    assert (mirror.lines(stream), mirror.position) == (2, 3)


def test_a_step_counts_only_from_the_exact_position_before(ledger: LedgerService, mirror: Mirror) -> None:
    stream = opened(ledger, "a")
    mirror.follower(feed_of(ledger)).turn()
    (event,) = page(ledger, after=1)
    for previous in (0, 1, 3):
        step = CursorStep(UPSTREAM, previous, previous + 1)
        attempts = (partial(mirror.sink.apply, event), mirror.sink.skip, partial(_parked_late, mirror, event))
        for attempt in attempts:
            with pytest.raises(Unavailable, match="position_moved"):
                attempt(step)
    assert (mirror.lines(stream), mirror.position, mirror.parked()) == (1, 2, [])


def _parked_late(mirror: Mirror, event: Upstream, step: CursorStep) -> None:
    mirror.sink.park(event, step, "late")


def test_two_followers_at_once_have_one_effect(
    ledger: LedgerService, database_url: str, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes that both believe they were elected read the same first page at the same moment."""
    monkeypatch.setattr(following, "PAGE", 5)
    streams = [opened(ledger, "a", "b", "c", owner=f"owner-{number}") for number in range(4)]
    both = threading.Barrier(2)

    def together(request: httpx.Request) -> httpx.Response:
        answer = feed_of(ledger)(request)
        both.wait(PATIENCE)
        return answer

    def follow(mirror: Mirror) -> int:
        follower = mirror.follower(in_turn([together, feed_of(ledger)]))
        lost = 0
        while not follower.caught_up:
            try:
                follower.turn()
            except STORE_TROUBLE:
                lost += 1
        return lost

    with mirror_of(database_url, kind) as one, mirror_of(database_url, kind) as other:
        assert one.position == other.position == 0
        with ThreadPoolExecutor(2) as pool:
            lost = sum(pool.map(follow, [one, other]))
        assert lost >= 1
        assert [one.lines(stream) for stream in streams] == [3] * 4
        assert (one.position, one.parked()) == (16, [])
        if kind == "journal":
            assert one.journal.head() == 16


def test_two_followers_keep_the_order_of_a_stream_that_one_of_them_parks(
    ledger: LedgerService, database_url: str, kind: Kind
) -> None:
    """The other parks the first line between this one's look at the shelf and its look at the position."""
    stream = opened(ledger, "poison", "after")
    with mirror_of(database_url, kind) as one, mirror_of(database_url, kind) as other:
        follower, rival = one.follower(feed_of(ledger)), other.follower(feed_of(ledger))
        shelf = one.sink.parked
        assert one.position == 0

        def overtaken(upstream: str) -> Any:
            seen = shelf(upstream)
            one.sink.parked = shelf  # type: ignore[method-assign]
            first = page(ledger)[:2]
            other.sink.apply(first[0], CursorStep(UPSTREAM, 0, 1))
            other.sink.park(first[1], CursorStep(UPSTREAM, 1, 2), "ValueError")
            return seen

        one.sink.parked = overtaken  # type: ignore[method-assign]
        try:
            follower.turn()
        except Unavailable:
            follower.turn()
        assert one.lines(stream) == 0
        assert [position for position, _reason, _tries in one.parked()] == [2, 3]
        other.cure()
        rival.turn()
        assert other.handled == ["poison", "after"]


def test_events_without_effect_here_only_move_the_position(ledger: LedgerService, mirror: Mirror) -> None:
    stream = opened(ledger, "a", "b")
    mirror.sink._ignored = frozenset({"kz.ledger.ledger.line-written.v1"})  # type: ignore[attr-defined]
    follower = mirror.follower(feed_of(ledger))
    assert follower.turn() == 3
    assert (mirror.lines(stream), mirror.position, mirror.handled) == (0, 3, [])


# Lag.


def test_effects_that_wait_already_commit_together_where_the_sink_can(
    ledger: LedgerService, mirror: Mirror
) -> None:
    for owner in ("first", "second", "third"):
        opened(ledger, "a", "b", owner=owner)
    steps: list[CursorStep] = []
    apply_all = mirror.sink.apply_all

    def noted(events: Sequence[Upstream], step: CursorStep) -> None:
        steps.append(step)
        apply_all(events, step)

    mirror.sink.apply_all = noted  # type: ignore[method-assign]  # the sink's own method, watched
    mirror.follower(feed_of(ledger)).turn()
    assert mirror.position == 9
    if mirror.sink.at_once > 1:
        assert steps == [CursorStep(UPSTREAM, 0, 9)]
    else:
        assert not steps, "each is a unit of work of its own"


def test_lag_is_what_the_upstream_holds_beyond(
    ledger: LedgerService, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAGE", 2)
    opened(ledger, "a", "b", "c", "d")
    follower = mirror.follower(feed_of(ledger))
    for left in (3, 1, 0):
        follower.turn()
        assert (follower.lag, follower.caught_up) == (left, left == 0)
        assert gauge("tizilim_follower_lag_events") == left


# An upstream that is down, slow or wrong.


def altered(ledger: LedgerService, change: Any) -> Answering:
    """The real page, changed."""

    def answer(request: httpx.Request) -> httpx.Response:
        document = feed_of(ledger)(request).json()
        change(document)
        return httpx.Response(200, json=document)

    return answer


def unanswered(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def too_slow(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("slow", request=request)


WRONG_PAGES = {
    "a gap": lambda page: page["events"].pop(1),
    "another start": lambda page: page["events"].pop(0),
    "a wrong order": lambda page: page["events"].reverse(),
    "an event twice": lambda page: page["events"].insert(0, page["events"][0]),
    "another journal": lambda page: [
        item["event"].update(source="urn:kz:elsewhere") for item in page["events"]
    ],
    "a head before its own events": lambda page: page.update(head=1),
    "no head": lambda page: page.pop("head"),
}
WRONG_ANSWERS = {
    "down": unanswered,
    "slow": too_slow,
    "an error": lambda _request: httpx.Response(500, text="Traceback"),
    "not letting in": lambda _request: httpx.Response(401, json={"code": "token_invalid"}),
    "elsewhere": lambda _request: httpx.Response(302, headers={"Location": "http://evil/"}),
    "garbage": lambda _request: httpx.Response(200, content=b"\xff\x00<html>"),
    "nothing": lambda _request: httpx.Response(204),
    "another document": lambda _request: httpx.Response(200, json={"items": []}),
    "a broken encoding": lambda _request: httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip")
    ),
}


@pytest.fixture(params=[*WRONG_ANSWERS, *WRONG_PAGES])
def wrong(request: pytest.FixtureRequest, ledger: LedgerService) -> Answering:
    name: str = request.param
    return WRONG_ANSWERS[name] if name in WRONG_ANSWERS else altered(ledger, WRONG_PAGES[name])


def test_a_wrong_answer_is_refused_and_changes_nothing(
    ledger: LedgerService, sqlite_url: str, wrong: Answering
) -> None:
    opened(ledger, "a", "b")
    with mirror_of(sqlite_url, "journal") as mirror:
        with pytest.raises((httpx.HTTPError, FeedBroken)):
            mirror.follower(wrong).turn()
        assert (mirror.position, mirror.parked(), mirror.journal.head()) == (0, [], 0)


def test_following_outlives_a_wrong_answer(ledger: LedgerService, sqlite_url: str, wrong: Answering) -> None:
    stream = opened(ledger, "a", "b")
    with mirror_of(sqlite_url, "journal") as mirror:
        follower = mirror.follower(in_turn([wrong, wrong, feed_of(ledger)]))
        follower.start()
        assert mirror.journal.signal.wait(2, timeout=PATIENCE) == 3
        follower.stop()
        assert mirror.lines(stream) == 2


def test_a_neighbour_that_stays_away_is_told_of_ever_more_rarely(
    mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    """One that starts a little later is no cause for a warning; a wrong answer is one at once."""
    caplog.set_level("INFO")
    follower = mirror.follower(unanswered)
    for failures in range(1, 40):
        follower._failures = failures
        follower._tell(httpx.ConnectError("refused"))
    told = [(vars(record)["failures"], record.levelname) for record in caplog.records]
    assert told == [(1, "INFO"), (2, "INFO"), (4, "INFO"), *((n, "WARNING") for n in (8, 16, 32))]
    caplog.clear()
    follower._failures = 1
    follower._tell(FeedBroken("a gap"))
    follower._failures = 3
    follower._tell(RuntimeError("nobody foresaw it"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


def test_an_upstream_that_lost_its_end_is_refused(ledger: LedgerService, mirror: Mirror) -> None:
    """It was restored from before what we have handled; to go on would miss what it records anew."""
    opened(ledger, "a", "b")
    mirror.follower(feed_of(ledger)).turn()
    for answer in (httpx.Response(200, json={"events": [], "head": 2}), httpx.Response(409, json={})):
        follower = mirror.follower(lambda _request, answer=answer: answer)  # type: ignore[misc]
        with pytest.raises(FeedBroken, match=r"head|ends before position 3"):
            follower.turn()
        assert not follower.caught_up


def test_trouble_that_nobody_foresaw_does_not_end_the_following(
    ledger: LedgerService, sqlite_url: str
) -> None:
    stream = opened(ledger, "a")

    def unforeseen(_request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    with mirror_of(sqlite_url, "journal") as mirror:
        follower = mirror.follower(in_turn([unforeseen, feed_of(ledger)]))
        follower.start()
        assert mirror.journal.signal.wait(1, timeout=PATIENCE) == 2
        follower.stop()
        assert mirror.lines(stream) == 1


def test_while_the_upstream_is_down_the_service_answers_and_is_not_caught_up(
    ledger: LedgerService, sqlite_url: str
) -> None:
    asked = threading.Semaphore(0)

    def down(request: httpx.Request) -> httpx.Response:
        asked.release()
        return unanswered(request)

    with ledger_service(sqlite_url) as own, mirror_of(sqlite_url, "journal") as mirror:
        follower = mirror.follower(down)
        follower.caught_up = True  # as it was until now
        follower.start()
        for _ in range(2):
            assert asked.acquire(timeout=PATIENCE)
        assert not follower.caught_up
        assert own.opened("while the neighbour is down")["owner"]
        follower.stop()


def test_readiness_tells_an_upstream_that_does_not_answer_and_goes_on(
    ledger: LedgerService, sqlite_url: str
) -> None:
    opened(ledger, "a")
    asked = threading.Semaphore(0)

    def down(request: httpx.Request) -> httpx.Response:
        asked.release()
        return unanswered(request)

    with mirror_of(sqlite_url, "journal") as mirror:
        follower = mirror.follower(in_turn([down, down, feed_of(ledger)]))
        assert follower.trouble(10) is None
        follower.start()
        for _ in range(2):
            assert asked.acquire(timeout=PATIENCE)
        told = follower.trouble(10)
        assert isinstance(told, Notice)
        assert re.fullmatch(r"ledger has not answered for \d+ s", told)
        assert mirror.journal.signal.wait(1, timeout=PATIENCE) == 2
        follower.stop()


def test_an_upstream_that_answers_again_is_told_at_once_though_it_has_nothing_new(
    ledger: LedgerService, sqlite_url: str
) -> None:
    waits: list[str] = []
    asked = threading.Semaphore(0)

    def noted(answering: Answering) -> Answering:
        def answer(request: httpx.Request) -> httpx.Response:
            waits.append(request.url.params["wait"])
            asked.release()
            return answering(request)

        return answer

    with mirror_of(sqlite_url, "journal") as mirror:
        up = noted(feed_of(ledger))
        follower = mirror.follower(in_turn([noted(unanswered), up, up]))
        follower.start()
        for _ in range(3):
            assert asked.acquire(timeout=PATIENCE)
        assert follower.trouble(10) is None
        follower.stop()
    assert waits[:3] == [str(following.WAIT_SECONDS), "0", str(following.WAIT_SECONDS)]


def test_readiness_tells_parked_facts_and_refuses_only_when_far_behind(
    ledger: LedgerService, mirror: Mirror
) -> None:
    opened(ledger, "ill", "poison")
    follower = mirror.follower(feed_of(ledger))
    follower.turn()
    assert follower.trouble(10) == "ledger: facts parked: 1"
    assert isinstance(follower.trouble(10), Notice)
    follower.lag = 11
    assert follower.trouble(10) == "11 facts of ledger wait"
    assert not isinstance(follower.trouble(10), Notice)


def test_an_election_that_fails_does_not_end_the_following(ledger: LedgerService, sqlite_url: str) -> None:
    stream = opened(ledger, "a")
    answers = iter([ZeroDivisionError()])

    def elected() -> bool:
        for trouble in answers:
            raise trouble
        return True

    with mirror_of(sqlite_url, "journal") as mirror:
        client = httpx.Client(transport=httpx.MockTransport(feed_of(ledger)))
        address = following.FeedAddress(UPSTREAM, "http://ledger", lambda: "token")
        follower = Follower("mirror", address, mirror.sink, client=client, elected=elected)
        follower.start()
        assert mirror.journal.signal.wait(1, timeout=PATIENCE) == 2
        follower.stop()
        assert mirror.lines(stream) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_follower_that_died_makes_its_service_unready(sqlite_url: str) -> None:
    def deadly(_request: httpx.Request) -> httpx.Response:
        raise SystemExit

    with mirror_of(sqlite_url, "journal") as mirror:
        follower = mirror.follower(deadly)
        follower.start()
        follower._thread.join(PATIENCE)
        told = follower.trouble(10)
        assert told == "nothing follows ledger any more"
        assert not isinstance(told, Notice)


def test_only_the_elected_follower_asks(sqlite_url: str) -> None:
    refused = threading.Event()

    def elected() -> bool:
        refused.set()
        return False

    with mirror_of(sqlite_url, "journal") as mirror:
        client = httpx.Client(transport=httpx.MockTransport(unanswered))
        address = following.FeedAddress(UPSTREAM, "http://ledger", lambda: "token")
        follower = Follower("mirror", address, mirror.sink, client=client, elected=elected)
        follower.start()
        assert refused.wait(PATIENCE)
        follower.stop()
        with mirror.journal.database.read() as connection:
            assert connection.execute(sa.select(FOLLOWING.cursors)).all() == []
