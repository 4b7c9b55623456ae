"""The log over HTTP: what an auditor fetches verifies, is cached while true, and bad requests are named."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from fastapi import FastAPI
from joserfc.jwk import OKPKey
from starlette.testclient import TestClient

from services.kernel.clock import FixedClock
from services.kernel.feed.log_serving import log_router
from services.kernel.http.application import ServiceHttp, create_application
from services.kernel.http.rates import Rate
from services.kernel.http.requests import Edge
from services.kernel.identity.tokens import TokenIssuer, TokenVerifier
from services.proof.inclusion import LogProof
from services.proof.logs import verify_log
from services.proof.notes import VerifierKey, decoded
from services.proof.tree import check_consistency
from tests.kernel.journal.ledger import NOON
from tests.kernel.journal.sealing.sealing_case import SealedJournal, sealed_journal

LOG = "/v1/journal/log"


class Served:
    """The log of a sealed journal over HTTP; it reads like a `services.proof.tiles.Source`."""

    def __init__(self, case: SealedJournal, client: TestClient, issuer: TokenIssuer) -> None:
        self.case = case
        self.client = client
        self._auditor = {"Authorization": f"Bearer {issuer.token(subject='a', roles=['auditor'])}"}

    def read(self, path: str) -> bytes | None:
        answer = self.client.get(f"{LOG}/{path}", headers=self._auditor)
        return None if answer.status_code == 404 else answer.content


def application(case: SealedJournal, issuer: TokenIssuer) -> FastAPI:
    verifier = TokenVerifier({issuer.issuer: issuer.public_keys()}, audiences=["urn:tizilim:ledger"])
    return create_application(
        ServiceHttp(
            name="ledger",
            title="Ledgers",
            description="A log for tests.",
            edge=Edge(verifier, FixedClock(NOON), b"k" * 32, Rate(0, 1), str),
            routers=(log_router(case.journal, case.log, "auditor"),),
            problem_files=(),
            checks={},
        )
    )


@pytest.fixture
def served(sqlite_url: str, tmp_path: Path) -> Iterator[Served]:
    issuer = TokenIssuer(
        "urn:test", OKPKey.generate_key("Ed25519", auto_kid=True), audience="urn:tizilim:ledger"
    )
    with sealed_journal(sqlite_url, tmp_path) as case:
        case.fill(300)
        case.seal()
        with TestClient(application(case, issuer), raise_server_exceptions=False) as client:
            yield Served(case, client, issuer)


def test_an_auditor_verifies_the_whole_log_from_outside(served: Served) -> None:
    key = served.client.get(f"{LOG}/key")

    assert VerifierKey.parse(key.text) == served.case.trust().log
    assert verify_log(served, served.case.trust()).checkpoint.size == 300


def test_tiles_are_kept_for_ever_and_the_checkpoint_is_asked_for_anew(served: Served) -> None:
    tile = served.client.get(f"{LOG}/tile/0/000")
    checkpoint = served.client.get(f"{LOG}/checkpoint")

    assert tile.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert tile.headers["Content-Type"] == "application/octet-stream"
    assert checkpoint.headers["Cache-Control"] == "no-cache"
    assert checkpoint.headers["Content-Type"] == "text/plain; charset=utf-8"
    again = served.client.get(f"{LOG}/checkpoint", headers={"If-None-Match": checkpoint.headers["ETag"]})
    assert again.status_code == 304


def test_entry_bundles_are_for_those_who_may_read_the_journal(served: Served) -> None:
    assert served.client.get(f"{LOG}/tile/entries/000").status_code == 401
    assert served.read("tile/entries/001.p/44") is not None


def test_a_bundle_that_is_not_what_was_sealed_is_shown_but_not_kept(served: Served) -> None:
    served.case.unguarded("UPDATE events SET record = :r WHERE position = 3", r=b"forged")
    answer = served.client.get(f"{LOG}/tile/entries/000", headers=served._auditor)

    assert answer.headers["Cache-Control"] == "no-store"
    assert b"forged" in answer.content


def test_a_partial_tile_is_served_from_the_full_one_that_took_its_place(served: Served) -> None:
    answer = served.client.get(f"{LOG}/tile/0/000.p/7")

    assert answer.content == (served.read("tile/0/000") or b"")[: 7 * 32]


@pytest.mark.parametrize("path", ["tile/0/001", "tile/0/001.p/45", "tile/2/000.p/1", "tile/0/x001/000"])
def test_a_tile_that_the_checkpoint_does_not_need_is_unknown(served: Served, path: str) -> None:
    answer = served.client.get(f"{LOG}/{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "log_file_unknown")


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/../checkpoint",
        "tile/7/000",
        "tile/x/000",
        "tile/0/001/000",
        "tile/0/000.p/07",
    ],
)
def test_a_path_that_is_no_tiles_is_refused(served: Served, path: str) -> None:
    assert served.client.get(f"{LOG}/{path}".replace("..", "%2e%2e")).status_code in {404, 422}


def test_every_record_comes_with_its_proof(served: Served) -> None:
    answer = served.client.get("/v1/journal/events/42/proof")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    LogProof.parse(answer.content).verify(served.case.records()[41], served.case.trust())


def test_what_is_not_sealed_yet_has_no_proof(served: Served) -> None:
    answer = served.client.get("/v1/journal/events/301/proof")

    assert (answer.status_code, answer.json()["code"]) == (404, "position_not_sealed")
    assert answer.json()["params"] == {"position": "301", "sealed": "300"}
    assert served.client.get("/v1/journal/events/0/proof").status_code == 422


def test_any_two_sizes_are_shown_to_be_one_history(served: Served) -> None:
    old = served.case.checkpoint()
    served.case.fill(400)
    served.case.seal()
    new = served.case.checkpoint()
    answer = served.client.get(f"{LOG}/consistency?earlier=300").json()

    assert answer["later"] == 700
    check_consistency(300, old.root, 700, new.root, [decoded(each) for each in answer["hashes"]])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("earlier=301", "position_not_sealed"),
        ("earlier=2&later=301", "position_not_sealed"),
        ("earlier=2&later=1", "sizes_reversed"),
    ],
)
def test_sizes_that_are_no_pair_are_named(served: Served, query: str, code: str) -> None:
    answer = served.client.get(f"{LOG}/consistency?{query}")

    assert answer.json()["code"] == code


def test_before_the_first_checkpoint_there_is_nothing(sqlite_url: str, tmp_path: Path) -> None:
    issuer = TokenIssuer(
        "urn:test", OKPKey.generate_key("Ed25519", auto_kid=True), audience="urn:tizilim:ledger"
    )
    with sealed_journal(sqlite_url, tmp_path) as case, TestClient(application(case, issuer)) as client:
        get = partial(client.get)
        assert get(f"{LOG}/checkpoint").json()["code"] == "log_file_unknown"
        assert get("/v1/journal/events/1/proof").json()["code"] == "position_not_sealed"
        assert get(f"{LOG}/consistency?earlier=0").json() == {"earlier": 0, "later": 0, "hashes": []}


def test_a_lost_tile_is_named_until_the_sealer_has_made_it_anew(served: Served) -> None:
    (served.case.log.folder / "tile/0/000").unlink()
    assert served.client.get(f"{LOG}/tile/0/000").status_code == 404
    auditor = served._auditor
    for path in ("events/7/proof", "log/consistency?earlier=7", "log/tile/entries/000"):
        answer = served.client.get(f"/v1/journal/{path}", headers=auditor)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable"), path
