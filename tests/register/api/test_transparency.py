"""The register's log as an outsider checks it: with the published key, from the running application."""

from __future__ import annotations

import threading
import time

from services.proof.checkpoints import Trust
from services.proof.extracts import verify_extract
from services.proof.inclusion import LogProof
from services.proof.logs import verify_log
from services.proof.notes import VerifierKey
from tests.register.api.conftest import Api
from tests.register.given import BIN

LOG = "/v1/journal/log"
PATIENCE = 20


class Outside:
    """The log as anyone reads it, at one checkpoint that covers a position."""

    def __init__(self, api: Api, position: int) -> None:
        self.api = api
        self.proof = _awaited(api, position)
        self.trust = Trust(VerifierKey.parse(api.get(f"{LOG}/key").text))
        self._checkpoint = api.get(f"{LOG}/checkpoint").content

    def read(self, path: str) -> bytes | None:
        if path == "checkpoint":
            return self._checkpoint
        answer = self.api.get(f"{LOG}/{path}")
        return None if answer.status_code == 404 else answer.content


def _awaited(api: Api, position: int) -> bytes:
    """The proof of a position, as soon as it is sealed."""
    end, tick = time.monotonic() + PATIENCE, threading.Event()
    while (answer := api.get(f"/v1/journal/events/{position}/proof")).status_code == 404:
        assert time.monotonic() < end, "it was never sealed"
        tick.wait(0.02)
    return answer.content


def test_every_record_of_the_feed_is_in_the_log_byte_for_byte(both: Api) -> None:
    both.desk.include()
    outside = Outside(both, both.head())

    assert verify_log(outside, outside.trust).checkpoint.size == both.head()
    for line in both.get("/v1/journal/events", format="ndjson").content.splitlines():
        position, _, record = line.removeprefix(b'{"position":').partition(b',"event":')
        proof = LogProof.parse(both.get(f"/v1/journal/events/{int(position)}/proof").content)
        proof.verify(record[:-1], outside.trust)


def test_an_extract_is_verified_offline_with_its_proof_beside_it_or_inside(api: Api) -> None:
    api.desk.include()
    extract = api.post("/v1/extracts", {"producer": BIN})
    outside = Outside(api, extract.json()["position"])

    verified = verify_extract(extract.content, outside.trust, outside.proof)
    assert verified.issued["data"]["number"] == extract.json()["number"]
    whole = api.get(f"/v1/extracts/{extract.json()['extract_id']}", role="producer")
    assert verify_extract(whole.content, outside.trust) == verified, "with the proof inside"
    assert api.get("/readyz").json()["checks"]["sealing"] == "ok"
