"""Checkpoints (c2sp.org/tlog-checkpoint) and whom a verifier believes: the log's key and k of n witnesses.

A checkpoint of this log bears two signatures of one key: over the text, and over the text with the instant
(c2sp.org/tlog-cosignature), so that a checkpoint signed anew without new records tells that the log lives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from services.proof.notes import PLAIN, TIMESTAMPED, Note, VerifierKey, decoded, encoded
from services.proof.refusals import Malformed, OtherLog, TooFewWitnesses
from services.proof.tree import EMPTY_ROOT, HASH_BYTES

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def decimal(text: str) -> int:
    """A number in ASCII digits without leading zeroes, below 2^63. Raises `Malformed`."""
    if not _DECIMAL.fullmatch(text) or int(text) >= 2**63:
        raise Malformed("not a decimal number without leading zeroes")
    return int(text)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: which log, how many records, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note's text."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, encoded(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a note's text. Raises `Malformed`."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise Malformed("a checkpoint has an origin, a size and a root hash, a line each")
        root = decoded(lines[2])
        size = decimal(lines[1])
        if len(root) != HASH_BYTES:
            raise Malformed("the root hash is not 32 bytes")
        if size == 0 and root != EMPTY_ROOT:
            raise Malformed("an empty log has another root hash")
        return cls(lines[0], size, root, tuple(lines[3:]))


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose signatures were verified; `seen_at` in seconds since 1970 by who stated it."""

    checkpoint: Checkpoint
    note: Note
    signed_at: int | None
    """When the log itself signed, where it says so."""
    seen_at: Mapping[str, int]
    """When each known witness cosigned."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe: the log's key, and how many of which witnesses must have cosigned."""

    log: VerifierKey
    witnesses: tuple[VerifierKey, ...] = field(default=())
    quorum: int = 0

    def open(self, raw: bytes) -> SignedCheckpoint:
        """Read and verify a checkpoint.

        Raises `Malformed`, `OtherLog`, `NotSigned`, `SignatureWrong` and `TooFewWitnesses`.
        """
        note = Note.parse(raw)
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin != self.log.name:
            raise OtherLog(f"a checkpoint of {checkpoint.origin}, not of {self.log.name}")
        note.signed_by([self.log.of_kind(PLAIN)])
        own_time = self.log.of_kind(TIMESTAMPED)
        cosigners = [witness.of_kind(TIMESTAMPED) for witness in self.witnesses]
        signed = note.signed_by([self.log.of_kind(PLAIN), own_time, *cosigners])
        seen = {key.name: at for key in cosigners if (at := signed.get(key)) is not None}
        if len(seen) < self.quorum:
            raise TooFewWitnesses(
                f"cosigned by {len(seen)} of {len(cosigners)} known witnesses; {self.quorum} are asked for"
            )
        return SignedCheckpoint(checkpoint, note, signed.get(own_time), seen)
