"""What is published of a service's log: the files that the sealer writes and everyone reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.kernel.errors import Unavailable
from services.kernel.journal.sealing.files import read_if_there, write_all_durably, write_durably
from services.kernel.telemetry import logger
from services.proof.checkpoints import Checkpoint
from services.proof.inclusion import LogProof
from services.proof.logs import CHECKPOINT_PATH
from services.proof.notes import Note, VerifierKey
from services.proof.refusals import Malformed, TileMissing
from services.proof.tiles import Tiles
from services.proof.tree import consistency_proof, inclusion_proof

KEY_PATH: Final = "key"
WITNESSED_PATH: Final = "witnessed"
PREDECESSOR_PATH: Final = "predecessor"


class PublishedLog:
    """The log's folder: `checkpoint`, `key`, `tile/...`; any process of the service may read it.

    With `witnessed` proofs rest on the last checkpoint that enough witnesses cosigned, not on the newest.
    """

    def __init__(self, folder: Path, *, witnessed: bool = False) -> None:
        self.folder = folder
        self._proves_against = WITNESSED_PATH if witnessed else CHECKPOINT_PATH

    def read(self, path: str) -> bytes | None:
        """A file of the log, or None (see `services.proof.tiles.Source`)."""
        return read_if_there(self.folder / path)

    def head(self) -> Checkpoint | None:
        """The newest checkpoint; None before the first."""
        raw = self.read(CHECKPOINT_PATH)
        return None if raw is None else Checkpoint.parse(Note.parse(raw).text)

    def key(self) -> VerifierKey | None:
        """The published verifier key; None before the first checkpoint. Raises `KeyMalformed`."""
        raw = self.read(KEY_PATH)
        return None if raw is None else VerifierKey.parse(raw.decode("utf-8", "replace"))

    def proved(self) -> int:
        """How many records have a proof: those under the checkpoint that proofs rest on."""
        raw = self.read(self._proves_against)
        return 0 if raw is None else Checkpoint.parse(Note.parse(raw).text).size

    def proof_of(self, position: int) -> str | None:
        """The c2sp.org/tlog-proof@v1 of the record at a position; None while it is not sealed yet.

        Raises `ValueError` for a position below 1, and `Unavailable` while a tile is lost or damaged.
        """
        if position < 1:
            raise ValueError(f"there is no position {position}")
        raw = self.read(self._proves_against)
        if raw is None:
            return None
        size = Checkpoint.parse(Note.parse(raw).text).size
        if position > size:
            return None
        with _readable():
            path = inclusion_proof(position - 1, size, Tiles(self, size).node)
        return str(LogProof(position - 1, tuple(path), raw))

    def consistency(self, earlier: int, later: int) -> list[bytes] | None:
        """What leads from the root over `earlier` records to that over `later`; None beyond the newest size.

        Raises `ValueError` when `later` is before `earlier`, and `Unavailable` while a tile is lost or
        damaged.
        """
        head = self.head()
        if head is None or later > head.size:
            return None
        with _readable():
            return consistency_proof(earlier, later, Tiles(self, later).node)

    def leaves(self, tile: int, size: int) -> list[bytes]:
        """The hashes of the records in a tile of the log of that size.

        Raises `Unavailable` while the tile is lost or damaged.
        """
        with _readable():
            return Tiles(self, size).hashes(0, tile)

    def publish(self, path: str, raw: bytes) -> None:
        """Replace a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_durably(self.folder / path, raw)

    def put_tiles(self, tiles: dict[str, bytes]) -> None:
        """Write tiles; they are on the disk when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_all_durably(self.folder, tiles)

    def drop_partial(self, full: str) -> None:
        """Remove the partial tiles that a full one replaced."""
        folder = self.folder / f"{full}.p"
        for path in _files_in(folder):
            path.unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()

    def put_aside(self) -> None:
        """Move all files of an ended log to `previous/<number>`, so that its successor begins with none."""
        previous = self.folder / "previous"
        previous.mkdir(parents=True, exist_ok=True)
        aside = previous / f"{len(list(previous.iterdir())) + 1:06}"
        aside.mkdir()
        for path in list(self.folder.iterdir()):
            if path != previous:
                path.rename(aside / path.name)


@contextmanager
def _readable() -> Iterator[None]:
    """A tile that is not there, or not whole, is made anew by the sealer: until then nobody can read it."""
    try:
        yield
    except (TileMissing, Malformed) as damaged:
        logger.error("the log's files are damaged", extra={"why": str(damaged)})
        raise Unavailable("store_unavailable") from None


def _files_in(folder: Path) -> Iterator[Path]:
    return iter(list(folder.iterdir()) if folder.is_dir() else [])
