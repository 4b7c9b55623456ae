"""Verifiers written by others accept what the sealer publishes and refuse it altered.

`make independent` installs them (rekor-verifier from PyPI, @sigstore/verify from npm) and runs this; without
them it is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from services.proof.checkpoints import Checkpoint
from services.proof.inclusion import LogProof
from services.proof.notes import Note, Signer, encoded
from tests.kernel.journal.sealing.sealing_case import ORIGIN, SEED, SealedJournal, sealed_journal

HERE: Final = Path(__file__).parent / "independent"
INSTALLED: Final = Path(os.environ.get("INDEPENDENT_VERIFIERS") or HERE / "not-installed")
SIZES: Final = (1, 2, 3, 255, 256, 257, 700)
Case = dict[str, Any]

pytestmark = pytest.mark.skipif(not INSTALLED.is_dir(), reason="make independent installs the verifiers")


def verdicts(command: list[str | Path], cases: list[Case]) -> list[str]:
    done = subprocess.run(
        command,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NODE_PATH": str(INSTALLED / "node_modules")},
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def rekor(cases: list[Case]) -> list[str]:
    return verdicts([INSTALLED / "python/bin/python", HERE / "rekor.py"], cases)


def sigstore(cases: list[Case]) -> list[str]:
    return verdicts(["node", HERE / "sigstore.js"], cases)


class Grown:
    """Proofs and checkpoints of a journal sealed at several sizes."""

    def __init__(self, case: SealedJournal) -> None:
        self.heads: list[Checkpoint] = []
        self.proofs: list[LogProof] = []
        for size in SIZES:
            case.fill(size - case.journal.head())
            head = case.seal()
            assert head is not None
            self.heads.append(head)
            for position in {1, size // 2 + 1, size}:
                text = case.log.proof_of(position)
                assert text is not None
                self.proofs.append(LogProof.parse(text.encode()))
        self.records = case.records()
        self.consistent = [
            self._consistency(case, earlier, later)
            for at, earlier in enumerate(self.heads)
            for later in self.heads[at:]
        ]

    @staticmethod
    def _consistency(case: SealedJournal, earlier: Checkpoint, later: Checkpoint) -> Case:
        hashes = case.log.consistency(earlier.size, later.size)
        assert hashes is not None
        return {
            "earlier": earlier.size,
            "later": later.size,
            "earlier_root": encoded(earlier.root),
            "later_root": encoded(later.root),
            "hashes": [encoded(each) for each in hashes],
        }

    def case(self, proof: LogProof, record: bytes | None = None) -> Case:
        key = Signer(ORIGIN, SEED).key
        head = Checkpoint.parse(Note.parse(proof.checkpoint).text)
        return {
            "record": encoded(self.records[proof.index] if record is None else record),
            "index": str(proof.index),
            "size": head.size,
            "root": encoded(head.root),
            "hashes": [encoded(each) for each in proof.path],
            "checkpoint": proof.checkpoint.decode(),
            "key": {"name": key.name, "id": key.key_id.hex(), "public": encoded(key.public)},
        }

    def altered(self) -> list[Case]:
        """Every way in which a proof of the largest log may be wrong, the checkpoint left as it is."""
        proof = self.proofs[-1]
        bent = bytes([proof.path[0][0] ^ 1]) + proof.path[0][1:]
        return [
            self.case(proof, b"forged"),
            self.case(replace(proof, index=proof.index - 1), self.records[proof.index]),
            self.case(replace(proof, path=(bent, *proof.path[1:]))),
            self.case(replace(proof, path=proof.path[1:])),
            self.case(replace(proof, path=(*proof.path, bytes(32)))),
            self.case(replace(proof, path=proof.path[::-1])),
        ]

    def forged_checkpoints(self) -> list[Case]:
        """A proof of the largest log whose checkpoint was altered or signed by another."""
        proof = self.proofs[-1]
        text = Note.parse(proof.checkpoint).text
        other = Signer(ORIGIN, bytes(32))
        last = self.case(proof)
        return [
            {**last, "checkpoint": last["checkpoint"].replace("\n700\n", "\n701\n")},
            {**last, "checkpoint": str(Note(text, (other.sign(text),)))},
            {**last, "checkpoint": f"{text}\n"},
        ]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    folder = tmp_path_factory.mktemp("independent")
    with sealed_journal(f"sqlite:///{folder / 'journal.db'}", folder) as case:
        yield Grown(case)


@pytest.mark.parametrize("judge", [rekor, sigstore])
def test_every_proof_is_accepted_by_verifiers_of_others(grown: Grown, judge: Any) -> None:
    cases = [grown.case(proof) for proof in grown.proofs]

    assert judge(cases) == ["accepted"] * len(cases)


@pytest.mark.parametrize("judge", [rekor, sigstore])
def test_every_altered_proof_is_refused_by_them(grown: Grown, judge: Any) -> None:
    assert "accepted" not in judge(grown.altered())


def test_every_altered_checkpoint_is_refused(grown: Grown) -> None:
    assert "accepted" not in sigstore(grown.forged_checkpoints())


def test_consistency_between_any_two_checkpoints_is_accepted_and_altered_is_refused(grown: Grown) -> None:
    assert set(rekor(grown.consistent)) == {"accepted"}
    wrong = [
        {**case, key: encoded(bytes(32))}
        for case in grown.consistent
        for key in ("earlier_root", "later_root")
    ]
    assert "accepted" not in rekor(wrong)
