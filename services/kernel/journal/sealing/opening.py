"""Reading a checkpoint with the log's key, where that is known."""

from __future__ import annotations

from services.proof.checkpoints import Checkpoint, Trust
from services.proof.notes import Note, VerifierKey


def checkpoint_in(note: bytes, key: VerifierKey | None) -> Checkpoint:
    """What a note signs; with the log's `key` only if that key signed it.

    A log that began after a restore has the key of the one before, and a name that begins with the other's:
    what was signed in the former name is believed too. Raises `Malformed`, and with a key `OtherLog`,
    `NotSigned` and `SignatureWrong`.
    """
    checkpoint = Checkpoint.parse(Note.parse(note).text)
    if key is not None:
        is_former = key.name.startswith(f"{checkpoint.origin}/after/")
        named = VerifierKey(checkpoint.origin, key.kind, key.public) if is_former else key
        Trust(named).open(note)
    return checkpoint
