"""The informatization authority killed with -9 while a document or a file of listings comes in.

A document is kept whole or not at all; of a file every listing is recorded or none; and whoever was not
answered sends it again.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.journeys.world import World
from tests.reliability.fleet import Fleet, bin_of, fleet_of

CHANCE: Final = random.Random(20260302)  # where it dies is no secret
DOCUMENT: Final = b"%PDF-1.7\n" + CHANCE.randbytes(2_000_000)
DIGEST: Final = hashlib.sha256(DOCUMENT).hexdigest()
ROWS: Final = 400
LISTINGS: Final = "\n".join(
    [
        "reference,product_name_kk,product_name_ru,holder,listed_on,valid_until",
        *(
            f"TR-{number:05},Өнім {number},Продукт {number},{bin_of(number)},2025-11-10,"
            for number in range(ROWS)
        ),
    ]
).encode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, World, Path]]:
    """The service alone; its neighbour is not there, which it has to bear."""
    var = tmp_path_factory.mktemp("killed")
    with fleet_of(var, {}, {}, services=("verification",)) as fleet:
        world = World(fleet.installation)
        yield fleet, world, var
        world.http.close()


def sent(fleet: Fleet, request: Callable[[], httpx.Response], kill_after: Callable[[], None]) -> bool:
    """Whether a request was answered before the service was killed and started again."""
    answers: list[httpx.Response] = []

    def send() -> None:
        try:
            answers.append(request())
        except httpx.HTTPError:
            return

    thread = threading.Thread(target=send)
    thread.start()
    kill_after()
    fleet.kill("verification")
    thread.join(30)
    fleet.start("verification")
    return bool(answers) and answers[0].is_success


def count(var: Path, table: str) -> int:
    with sqlite3.connect(f"file:{var / 'verification.db'}?mode=ro", uri=True) as database:
        found: int = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # ours
    return found


def test_a_document_is_kept_whole_or_not_at_all(running: tuple[Fleet, World, Path]) -> None:
    fleet, world, var = running
    officer = world.as_role("informatization_officer")
    for stop in (0.5, 1.0):
        under_way = threading.Event()

        def body(stop: float = stop, under_way: threading.Event = under_way) -> Iterator[bytes]:
            half = int(len(DOCUMENT) * stop)
            yield DOCUMENT[: half or 1]
            under_way.set()
            if stop < 1:
                time.sleep(0.3)
                yield DOCUMENT[half or 1 :]

        def request(body: Callable[[], Iterator[bytes]] = body) -> httpx.Response:
            headers = {"Content-Type": "application/pdf"}
            return officer.request("POST", "verification", "/v1/documents", content=body(), headers=headers)

        def soon(under_way: threading.Event = under_way) -> None:
            assert under_way.wait(30)
            time.sleep(CHANCE.uniform(0, 0.03))

        answered = sent(fleet, request, soon)
        whole = [path for path in (var / "documents").rglob(f"{DIGEST}*") if path.is_file()]
        assert all(path.read_bytes() == DOCUMENT for path in whole)
        if answered or count(var, "documents"):
            assert len(whole) == 1, "what is on record is there"
    headers = {"Content-Type": "application/pdf"}
    again = officer.request("POST", "verification", "/v1/documents", content=DOCUMENT, headers=headers)
    assert (again.status_code, again.json()["sha256"]) == (201, DIGEST)
    assert count(var, "documents") == 1


def test_of_a_file_of_listings_all_are_recorded_or_none(running: tuple[Fleet, World, Path]) -> None:
    """Law 418-V art. 7-6."""
    fleet, world, var = running
    officer = world.as_role("informatization_officer")

    def request() -> httpx.Response:
        headers = {"Content-Type": "text/csv"}
        path = "/v1/trusted-software/imports"
        return officer.request("POST", "verification", path, content=LISTINGS, headers=headers, timeout=60)

    for _ in range(2):
        answered = sent(fleet, request, lambda: time.sleep(CHANCE.uniform(0.02, 0.25)))
        recorded = count(var, "events")
        assert recorded in ({ROWS} if answered else {0, ROWS})
        assert count(var, "listings") == recorded
    again = request()
    assert again.is_success, again.text
    assert count(var, "events") == count(var, "listings") == ROWS
    positions = [event["position"] for event in world.journal("verification")]
    assert positions == list(range(1, ROWS + 1))
