"""The proof that a record stands in a log, as one text file (c2sp.org/tlog-proof@v1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from services.proof.checkpoints import SignedCheckpoint, Trust, decimal
from services.proof.notes import decoded, encoded
from services.proof.refusals import Malformed
from services.proof.tree import HASH_BYTES, MAX_PROOF_HASHES, check_inclusion, leaf_hash

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
MAX_PROOF_BYTES: Final = 200_000


@dataclass(frozen=True, slots=True)
class LogProof:
    """Where a record stands (`index`, from 0), the path to the root, and the signed checkpoint."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    @property
    def position(self) -> int:
        """The record's position in the journal, from 1."""
        return self.index + 1

    def __str__(self) -> str:
        lines = [FIRST_LINE, f"index {self.index}", *map(encoded, self.path), ""]
        return "".join(f"{line}\n" for line in lines) + self.checkpoint.decode()

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a proof; extra data is passed over, as it proves nothing. Raises `Malformed`."""
        if len(raw) > MAX_PROOF_BYTES:
            raise Malformed("the proof is too long")
        head, blank, checkpoint = raw.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise Malformed("the proof is not ASCII above its checkpoint") from None
        if not blank or lines.pop(0) != FIRST_LINE:
            raise Malformed(f"not a {FIRST_LINE}")
        if lines and lines[0].startswith("extra "):
            decoded(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise Malformed("the proof names no index")
        index = decimal(lines.pop(0).removeprefix("index "))
        path = tuple(map(decoded, lines))
        if len(path) > MAX_PROOF_HASHES or any(len(each) != HASH_BYTES for each in path):
            raise Malformed("the path is not up to 63 hashes of 32 bytes")
        return cls(index, path, checkpoint)

    def verify(self, record: bytes, trust: Trust) -> SignedCheckpoint:
        """Verify that the signed log holds `record` at this position.

        Raises what `Trust.open` raises, and `NotIncluded`.
        """
        opened = trust.open(self.checkpoint)
        head = opened.checkpoint
        check_inclusion(leaf_hash(record), self.index, head.size, self.path, head.root)
        return opened
