"""The sealer: turns new records into tiles and signs the tree's head, and refuses whatever contradicts it.

In this order: tiles on the disk, the checkpoint in the signer's own folder on the disk, the checkpoint
published. A crash between any two leaves something the next run completes, and nothing ever signed twice over
different records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.journal.journal import Journal
from services.kernel.journal.sealing.growth import Growth
from services.kernel.journal.sealing.published import KEY_PATH, PREDECESSOR_PATH, PublishedLog
from services.kernel.journal.sealing.refusals import SealingRefused
from services.kernel.journal.sealing.signer_state import SignerState
from services.proof.checkpoints import Checkpoint, SignedCheckpoint, Trust
from services.proof.logs import CHECKPOINT_PATH
from services.proof.notes import Note, Signer
from services.proof.refusals import Malformed, OtherLog, Refused, TileMissing
from services.proof.tiles import TILE_WIDTH, Tiles
from services.proof.tree import GrowingRoot, check_inclusion, inclusion_proof, leaf_hash

PAGE: Final = 2_000
RECORDS_A_SEAL: Final = 40_000
"""How many records one checkpoint may add; a backlog is sealed in several."""


class Sealer:
    """Seals one journal. Not for several threads; `SignerState.held` keeps several processes apart."""

    def __init__(
        self,
        journal: Journal,
        log: PublishedLog,
        state: SignerState,
        signer: Callable[[str], Signer],
        *,
        first_origin: str,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._log = log
        self._state = state
        self._signer_of = signer
        self._first_origin = first_origin
        self._clock = clock
        self._growth = Growth()
        self._signed: bytes | None = None
        self._signer = signer(first_origin)
        self._doubted: set[int] = set()
        self._audited = 0
        self._tiles_bad = False
        self._partial: dict[str, bytes] = {}

    @property
    def size(self) -> int:
        """How many records are sealed, as far as this process knows."""
        return self._growth.size

    def seal(self, *, again_after: float) -> Checkpoint | None:
        """Sign a checkpoint over what is new; without new records only when the last is older than that.

        `again_after` in seconds. Gives the new checkpoint, or None. Raises `SealingRefused`.
        """
        with self._state.held():
            try:
                self._resume()
                if self._growth.size:
                    self._check_edge()
                before = self._growth.size
                full = self._grow()
                if self._growth.size == before and not self._is_due(again_after):
                    return None
                return self._sign(full)
            except BaseException:
                self._signed, self._partial = None, {}  # what is in memory may be half done: read it anew
                raise

    def audit(self, records: int) -> bool:
        """Compare the next sealed records with their tiles; True when the end was reached.

        Raises `SealingRefused` for the first record that is not the one sealed: nothing is signed from then
        on until it is again. A tile that is not the signed tree's is made anew at the next seal.
        """
        if self._signed is None:
            return False
        head = self._opened(self._signed).checkpoint
        tiles = Tiles(self._log, head.size)
        for position, leaf in self._leaves(self._audited, min(self._audited + records, head.size)):
            if leaf != _sealed(tiles, position):
                self._blame(tiles, head, position)
            self._audited = position
        if self._audited < head.size:
            return False
        self._audited = 0
        return True

    def begin_anew(self) -> str:
        """After a legitimate restore: end this log and begin one that names its last checkpoint.

        Gives the new origin. Raises `ValueError` when the journal still is what was signed, or nothing was.
        """
        with self._state.held():
            last = self._state.last() or self._log.read(CHECKPOINT_PATH)
            if last is None:
                raise ValueError("nothing was signed yet, so there is nothing to begin anew after")
            try:
                self._resume()
                self._check_whole(self._growth.size)
            except SealingRefused:
                self._log.put_aside()
                self._state.succeed(last)
                self._signed = None
                return self._state.origin(self._first_origin)
        raise ValueError("the journal holds what was signed: the log goes on as it is")

    def _resume(self) -> None:
        """Stand where the last signature left off."""
        last = self._state.last()
        if last is not None and last == self._signed and not self._tiles_bad:
            return
        self._signer = self._signer_of(self._state.origin(self._first_origin))
        if last is None:
            if self._log.read(CHECKPOINT_PATH) is not None:
                raise SealingRefused(
                    "signer_state_lost", "a checkpoint is published, but the signer remembers none"
                )
            self._growth = Growth()
            self._publish_key()
            return
        head = self._opened(last).checkpoint
        try:
            self._growth = Growth.read(Tiles(self._log, head.size))
            whole = self._growth.root() == head.root
        except (TileMissing, Malformed):
            whole = False
        if self._tiles_bad or not whole:
            self._check_whole(head.size)
            self._make_tiles(head.size)
        self._signed = last
        if self._log.read(CHECKPOINT_PATH) != last:
            self._publish_key()
            self._log.publish(CHECKPOINT_PATH, last)

    def _opened(self, note: bytes) -> SignedCheckpoint:
        try:
            return Trust(self._signer.key).open(note)
        except OtherLog as refused:
            raise SealingRefused("other_log", f"the signer's folder is another log's: {refused}") from None
        except Refused as refused:
            raise SealingRefused(
                "signer_state_lost", f"the signer's checkpoint is no good: {refused}"
            ) from None

    def _check_whole(self, size: int) -> None:
        """The journal's first `size` records must hash to the root that was signed."""
        tiles, suspect = Tiles(self._log, size), None
        grown = GrowingRoot()
        for position, leaf in self._leaves(0, size):
            grown.add(leaf)
            if suspect is None and _sealed(tiles, position) not in {leaf, None}:
                suspect = position
        if grown.size < size:
            raise _shorter(size, grown.size)
        last = self._state.last()
        if last is not None and grown.root() != self._opened(last).checkpoint.root:
            raise _altered(suspect)

    def _make_tiles(self, size: int) -> None:
        growth = Growth()
        for page in self._pages(0, size):
            self._log.put_tiles(growth.add(record for _, record in page))
        self._log.put_tiles(dict(growth.partial()))
        self._growth, self._tiles_bad = growth, False

    def _check_edge(self) -> None:
        """The last sealed record, and those an audit doubted, must be as they were sealed.

        Where the last one's tile is gone, the whole journal says what was sealed, and tiles are made anew.
        """
        if _sealed(Tiles(self._log, self._growth.size), self._growth.size) is None:
            self._tiles_bad = True
            self._resume()
        tiles = Tiles(self._log, self._growth.size)
        for position in sorted({*self._doubted, self._growth.size}):
            found = [leaf for _, leaf in self._leaves(position - 1, position)]
            if not found:
                raise _shorter(self._growth.size, self._journal.head())
            if found != [_sealed(tiles, position)]:
                raise _altered(position)
            self._doubted.discard(position)

    def _grow(self) -> list[str]:
        """Take in what was recorded since; gives the paths of the tiles that are full now."""
        full: list[str] = []
        start = self._growth.size
        for page in self._pages(start, start + RECORDS_A_SEAL):
            filled = self._growth.add(record for _, record in page)
            self._log.put_tiles(filled)
            full += filled
        return full

    def _is_due(self, seconds: float) -> bool:
        if self._signed is None:
            return True
        return self._clock.now().timestamp() - (self._opened(self._signed).signed_at or 0) >= seconds

    def _sign(self, full: list[str]) -> Checkpoint:
        partial = dict(self._growth.partial())
        self._log.put_tiles({path: raw for path, raw in partial.items() if self._partial.get(path) != raw})
        self._partial = partial
        head = Checkpoint(self._signer.key.name, self._growth.size, self._growth.root())
        now = int(self._clock.now().timestamp())
        note = str(
            Note(head.text, (self._signer.sign(head.text), self._signer.cosign(head.text, now)))
        ).encode()
        self._state.keep(note)
        self._log.publish(CHECKPOINT_PATH, note)
        self._signed = note
        for path in full:
            self._log.drop_partial(path)
        return head

    def _publish_key(self) -> None:
        self._log.publish(KEY_PATH, f"{self._signer.key}\n".encode())
        before = self._state.predecessor()
        if before is not None:
            self._log.publish(PREDECESSOR_PATH, before)

    def _blame(self, tiles: Tiles, head: Checkpoint, position: int) -> None:
        """A record and its tile differ: one of them is not what was signed. Raises `SealingRefused`."""
        try:
            path = inclusion_proof(position - 1, head.size, tiles.node)
            check_inclusion(_sealed(tiles, position) or b"", position - 1, head.size, path, head.root)
        except Refused:
            self._tiles_bad = True
            raise SealingRefused(
                "tile_altered", "a tile is not the signed tree's", position=position
            ) from None
        self._doubted.add(position)
        raise _altered(position)

    def _leaves(self, after: int, to: int) -> Iterator[tuple[int, bytes]]:
        for page in self._pages(after, to):
            for position, record in page:
                yield position, leaf_hash(record)

    def _pages(self, after: int, to: int) -> Iterator[list[tuple[int, bytes]]]:
        """Records by position. Raises `SealingRefused` (`record_missing`) at a gap."""
        events = self._journal.tables.events.c
        query = sa.select(events.position, events.record).order_by(events.position)
        while after < to:
            wanted = query.where(events.position > after).limit(min(PAGE, to - after))
            with self._journal.database.read() as connection:
                rows = [(int(row[0]), bytes(row[1])) for row in connection.execute(wanted)]
            if not rows:
                return
            if rows[-1][0] != after + len(rows):
                gap = next(at for at, row in enumerate(rows, after + 1) if row[0] != at)
                raise SealingRefused("record_missing", "the journal has a gap", position=gap)
            yield rows
            after = rows[-1][0]


def _sealed(tiles: Tiles, position: int) -> bytes | None:
    """The hash that was sealed at a position; None where its tile cannot be read."""
    tile, at = divmod(position - 1, TILE_WIDTH)
    try:
        return tiles.hashes(0, tile)[at]
    except (TileMissing, Malformed):
        return None


def _altered(position: int | None) -> SealingRefused:
    return SealingRefused("record_altered", "a record is not the one that was sealed", position=position)


def _shorter(signed: int, found: int) -> SealingRefused:
    message = f"{signed} records were signed and the journal has {found}: a stale restore?"
    return SealingRefused("journal_shorter", message, position=found + 1)
