"""A witness (c2sp.org/tlog-witness): cosigns a log's checkpoint when it contains the one cosigned before.

Whoever sees a checkpoint with the cosignatures of witnesses that run elsewhere knows that no one was shown
another history. The witness remembers, for each log, the last checkpoint it cosigned, in a file that is on
the disk before the cosignature leaves.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from services.proof.checkpoints import Checkpoint, SignedCheckpoint, Trust, decimal
from services.proof.notes import Note, Signer, VerifierKey, decoded, encoded
from services.proof.refusals import Inconsistent, Malformed, NotSigned, Refused, SignatureWrong
from services.proof.tree import EMPTY_ROOT, HASH_BYTES, MAX_PROOF_HASHES, check_consistency

MAX_REQUEST_BYTES: Final = 200_000
TEXT: Final = "text/plain; charset=utf-8"
SIZE_TEXT: Final = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers over HTTP."""

    status: int
    body: str
    media_type: str = TEXT


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The body of `add-checkpoint`: the size cosigned before, the way from there, and the checkpoint."""

    earlier: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    @property
    def body(self) -> bytes:
        """The request's bytes."""
        lines = [f"old {self.earlier}", *map(encoded, self.path), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, raw: bytes) -> AddCheckpoint:
        """Read a request. Raises `Malformed`."""
        head, blank, checkpoint = raw.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise Malformed("not ASCII above the checkpoint") from None
        if not blank or not lines[0].startswith("old "):
            raise Malformed("the first line gives the old size")
        path = tuple(map(decoded, lines[1:]))
        if len(path) > MAX_PROOF_HASHES or any(len(each) != HASH_BYTES for each in path):
            raise Malformed("the proof is not up to 63 hashes of 32 bytes")
        return cls(decimal(lines[0].removeprefix("old ")), path, checkpoint)


class Witness:
    """Knows some logs by their keys, and what it cosigned of each; for several threads."""

    def __init__(
        self, signer: Signer, logs: Sequence[VerifierKey], folder: Path, now: Callable[[], float]
    ) -> None:
        self.key = signer.key
        self._signer = signer
        self._logs: Mapping[str, Trust] = {key.name: Trust(key) for key in logs}
        self._folder = folder
        self._now = now
        self._mutex = threading.Lock()

    def add_checkpoint(self, raw: bytes) -> Answer:
        """Cosign a checkpoint that continues what was cosigned before, or say why not."""
        try:
            request = AddCheckpoint.parse(raw)
            origin = Checkpoint.parse(Note.parse(request.checkpoint).text).origin
            if origin not in self._logs:
                return Answer(404, f"the log {origin} is not known here\n")
            opened = self._logs[origin].open(request.checkpoint)
        except (NotSigned, SignatureWrong) as refused:
            return Answer(403, f"{refused}\n")
        except Refused as refused:
            return Answer(400, f"{refused}\n")
        if request.earlier > opened.checkpoint.size:
            return Answer(400, "the old size is beyond the checkpoint's\n")
        with self._alone():
            return self._cosigned(request, opened)

    def checkpoint(self, origin_hash: str) -> Answer:
        """The last cosigned checkpoint of the log whose origin has this SHA-256 (hexadecimal)."""
        known = {sha256(origin.encode()).hexdigest() for origin in self._logs}
        file = self._folder / origin_hash
        if origin_hash not in known or not file.exists():
            return Answer(404, "nothing of this log was cosigned here\n")
        return Answer(200, file.read_text(encoding="utf-8"))

    def _cosigned(self, request: AddCheckpoint, opened: SignedCheckpoint) -> Answer:
        head = opened.checkpoint
        last = self._last(head.origin)
        size, root = (0, EMPTY_ROOT) if last is None else (last.size, last.root)
        if request.earlier != size:
            return Answer(409, f"{size}\n", SIZE_TEXT)
        try:
            check_consistency(size, root, head.size, head.root, request.path)
        except Inconsistent as refused:
            return Answer(422, f"{refused}\n")
        line = self._signer.cosign(opened.note.text, int(self._now()))
        own = [one for one in opened.note.signatures if one.name == head.origin]
        self._keep(head.origin, str(Note(opened.note.text, (*own, line))))
        return Answer(200, str(line))

    def _file(self, origin: str) -> Path:
        return self._folder / sha256(origin.encode()).hexdigest()

    def _last(self, origin: str) -> Checkpoint | None:
        """What was cosigned last; a memory that cannot be read stops the witness rather than forgets."""
        file = self._file(origin)
        return Checkpoint.parse(Note.parse(file.read_bytes()).text) if file.exists() else None

    def _keep(self, origin: str, note: str) -> None:
        file = self._file(origin)
        draft = file.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as opened:
            opened.write(note)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Look and keep as one step, among threads and among processes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._mutex, (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
