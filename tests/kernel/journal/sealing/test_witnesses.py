"""The sealer's checkpoints go to witnesses, and proofs rest on what enough of them cosigned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from services.kernel.journal.sealing.published import PublishedLog
from services.kernel.journal.sealing.witnesses import Cosigning, WitnessAddress, witnesses_in
from services.proof.checkpoints import Trust
from services.proof.inclusion import LogProof
from services.proof.notes import TIMESTAMPED, Signer
from services.proof.refusals import TooFewWitnesses
from services.proof.witnessing import Witness
from tests.kernel.journal.sealing.sealing_case import ORIGIN, SEED, SealedJournal, sealed_journal
from tests.proof.test_witnessing import NOW, served

NOWHERE = "http://127.0.0.1:9"


class Witnessed:
    """A sealed journal with three witnesses over HTTP."""

    def __init__(self, case: SealedJournal, folder: Path, stack: ExitStack) -> None:
        self.case = case
        self.log = PublishedLog(case.log.folder, witnessed=True)
        signers = [Signer(f"witness{number}.example", bytes([number]) * 32) for number in (1, 2, 3)]
        known = Signer(ORIGIN, SEED).key
        self.witnesses = [Witness(one, [known], folder / one.key.name, lambda: NOW) for one in signers]
        self.urls = [stack.enter_context(served(witness)) for witness in self.witnesses]
        self._client = stack.enter_context(httpx.Client())

    def cosigning(self, quorum: int, *, down: int = 0) -> Cosigning:
        urls = [NOWHERE] * down + self.urls[down:]
        addresses = [
            WitnessAddress(url, witness.key.of_kind(TIMESTAMPED))
            for url, witness in zip(urls, self.witnesses, strict=True)
        ]
        return Cosigning(self.log, addresses, quorum, self._client)

    def trust(self, quorum: int) -> Trust:
        return Trust(self.case.trust().log, tuple(one.key for one in self.witnesses), quorum)


@pytest.fixture
def witnessed(sqlite_url: str, tmp_path: Path) -> Iterator[Witnessed]:
    with sealed_journal(sqlite_url, tmp_path) as case, ExitStack() as stack:
        yield Witnessed(case, tmp_path, stack)


def test_a_proof_bears_the_cosignatures_of_all_witnesses(witnessed: Witnessed) -> None:
    cosigning = witnessed.cosigning(3)
    for size in (3, 300):
        witnessed.case.fill(size - witnessed.case.journal.head())
        witnessed.case.seal()
        assert witnessed.log.proof_of(size) is None, "not witnessed yet"
        assert cosigning.run() == 3
        assert cosigning.run() is None, "nothing is new"

        text = witnessed.log.proof_of(size)
        assert text is not None
        record = witnessed.case.records()[size - 1]
        opened = LogProof.parse(text.encode()).verify(record, witnessed.trust(3))
        assert len(opened.seen_at) == 3


def test_one_witness_that_is_down_leaves_a_quorum_of_two(witnessed: Witnessed) -> None:
    witnessed.case.fill(3)
    witnessed.case.seal()

    assert witnessed.cosigning(2, down=1).run() == 2
    raw = witnessed.log.read("witnessed") or b""
    assert len(witnessed.trust(2).open(raw).seen_at) == 2
    with pytest.raises(TooFewWitnesses):
        witnessed.trust(3).open(raw)


def test_without_a_quorum_nothing_is_published_and_it_is_tried_again(witnessed: Witnessed) -> None:
    witnessed.case.fill(3)
    witnessed.case.seal()
    cosigning = witnessed.cosigning(3, down=1)

    assert [cosigning.run(), cosigning.run()] == [2, 2]
    assert witnessed.log.read("witnessed") is None


def test_a_sealer_that_starts_anew_learns_what_a_witness_knows(witnessed: Witnessed) -> None:
    witnessed.case.fill(3)
    witnessed.case.seal()
    witnessed.cosigning(3).run()
    witnessed.case.fill(400)
    witnessed.case.seal()

    assert witnessed.cosigning(3).run() == 3


def test_a_log_forked_behind_the_witnesses_back_gets_no_cosignature(witnessed: Witnessed) -> None:
    witnessed.case.fill(10)
    witnessed.case.seal()
    witnessed.cosigning(3).run()
    witnessed.case.forget_after(7)
    for folder in (witnessed.case.log.folder, witnessed.case.state.folder):
        (folder / "checkpoint").unlink()
    witnessed.case.started()
    witnessed.case.fill(2)
    witnessed.case.seal()

    assert witnessed.cosigning(3).run() == 0


@pytest.mark.parametrize(
    "listed",
    [
        "{",
        "{}",
        '[{"url": "http://w"}]',
        '[{"url": "http://w", "key": "k", "more": 1}]',
        '[{"url": 1, "key": "k"}]',
    ],
)
def test_a_list_of_witnesses_that_is_none_is_named(tmp_path: Path, listed: str) -> None:
    path = tmp_path / "witnesses.json"
    path.write_text(listed)

    with pytest.raises(ValueError, match="must be a JSON list of witnesses"):
        witnesses_in(path)


def test_a_witness_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "witnesses.json"
    key = str(Signer("w.example", bytes(32)).key)
    path.write_text(json.dumps([{"url": NOWHERE, "key": key}, {"url": "http://other", "key": key}]))

    with pytest.raises(ValueError, match="twice"):
        witnesses_in(path)
