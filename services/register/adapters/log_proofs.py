"""Judging a proof that came with an extract, by the keys of this register's own logs."""

from __future__ import annotations

from collections.abc import Iterator

from services.kernel.journal.sealing.published import KEY_PATH, PublishedLog
from services.proof.checkpoints import Trust
from services.proof.inclusion import LogProof
from services.proof.notes import VerifierKey
from services.proof.refusals import Refused


def proof_holds(log: PublishedLog, record: bytes, position: int, proof: object) -> bool:
    """True when a c2sp.org/tlog-proof@v1 shows a record at its position in this log or one before it.

    A log has ones before it after a restore. A proof that holds more than it needs is another text.
    """
    if not isinstance(proof, str):
        return False
    try:
        parsed = LogProof.parse(proof.encode())
    except (Refused, ValueError):
        return False
    if parsed.position != position or str(parsed) != proof:
        return False
    return any(_holds(parsed, record, key) for key in _keys(log))


def _holds(proof: LogProof, record: bytes, key: str) -> bool:
    try:
        proof.verify(record, Trust(VerifierKey.parse(key)))
    except Refused:
        return False
    return True


def _keys(log: PublishedLog) -> Iterator[str]:
    present = log.read(KEY_PATH)
    if present is not None:
        yield present.decode()
    for file in sorted(log.folder.glob(f"previous/*/{KEY_PATH}")):
        yield file.read_text()
