"""Logs made for tests: records, tiles as files, and checkpoints signed with a key of the test's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.proof.checkpoints import Checkpoint, Trust
from services.proof.inclusion import LogProof
from services.proof.notes import Note, Signer
from services.proof.tiles import TILE_WIDTH, Tiles, bundle, tile_levels, tile_path, tile_width
from services.proof.tree import inclusion_proof, leaf_hash, root_of

ORIGIN = "register.example.kz/log"
SIGNER = Signer(ORIGIN, bytes(range(32)))
TRUST = Trust(SIGNER.key)
SIGNED_AT = 1_790_000_000


def numbered_records(count: int) -> list[bytes]:
    return [b'{"position":%d}' % position for position in range(1, count + 1)]


def signed_checkpoint(records: Sequence[bytes], signer: Signer = SIGNER) -> bytes:
    head = Checkpoint(signer.key.name, len(records), root_of([leaf_hash(record) for record in records]))
    note = Note(head.text, (signer.sign(head.text), signer.cosign(head.text, SIGNED_AT)))
    return str(note).encode()


class Files(dict[str, bytes]):
    """A log in memory."""

    def read(self, path: str) -> bytes | None:
        return self.get(path)

    def write_to(self, folder: Path) -> None:
        for path, raw in self.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(raw)


def log_of(records: Sequence[bytes], signer: Signer = SIGNER) -> Files:
    """Every file of a log over these records, made from the definitions and not by the sealer."""
    files = Files(checkpoint=signed_checkpoint(records, signer))
    row = [leaf_hash(record) for record in records]
    for level in tile_levels(len(records)):
        for index in range((len(row) + TILE_WIDTH - 1) // TILE_WIDTH):
            width = tile_width(level, index, len(records))
            hashes = row[index * TILE_WIDTH :][:width]
            files[tile_path(level, index, width)] = b"".join(hashes)
            if level == 0:
                part = records[index * TILE_WIDTH :][:width]
                files[tile_path("entries", index, width)] = bundle(part)
        row = [root_of(row[at : at + TILE_WIDTH]) for at in range(0, len(row) - TILE_WIDTH + 1, TILE_WIDTH)]
    return files


def proof_in(files: Files, position: int) -> LogProof:
    size = TRUST.open(files["checkpoint"]).checkpoint.size
    path = inclusion_proof(position - 1, size, Tiles(files, size).node)
    return LogProof(position - 1, tuple(path), files["checkpoint"])
