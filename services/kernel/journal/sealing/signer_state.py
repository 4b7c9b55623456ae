"""What the signer remembers outside the database: the last checkpoint it signed, and the logs before.

The folder stands on a volume that only the sealer mounts. A checkpoint is on the disk here before its
signature leaves the process, so whatever happens to the database, nothing contrary is ever signed.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.kernel.journal.sealing.files import read_if_there, write_durably
from services.proof.checkpoints import Checkpoint
from services.proof.notes import Note

_CHECKPOINT: Final = "checkpoint"
_PREDECESSORS: Final = "predecessors"


class SignerState:
    """The signer's folder; made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else signs meanwhile, in whichever process."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def last(self) -> bytes | None:
        """The last checkpoint signed, as a note."""
        return read_if_there(self.folder / _CHECKPOINT)

    def keep(self, note: bytes) -> None:
        """Remember a checkpoint; returns when it is on the disk."""
        write_durably(self.folder / _CHECKPOINT, note)

    def predecessor(self) -> bytes | None:
        """The last checkpoint of the log before this one, when the journal was restored since."""
        notes = sorted((self.folder / _PREDECESSORS).glob("[0-9]*"))
        return notes[-1].read_bytes() if notes else None

    def succeed(self, note: bytes) -> None:
        """Let a new log begin that names this last checkpoint of the old one. Call it while `held`."""
        folder = self.folder / _PREDECESSORS
        folder.mkdir(exist_ok=True)
        write_durably(folder / f"{len(list(folder.glob('[0-9]*'))) + 1:06}", note)
        (self.folder / _CHECKPOINT).unlink(missing_ok=True)

    def origin(self, first: str) -> str:
        """The log's origin: the first one's, or one that names the checkpoint after which it began."""
        note = self.predecessor()
        if note is None:
            return first
        old = Checkpoint.parse(Note.parse(note).text)
        return f"{first}/after/{old.size}-{old.root.hex()}"
