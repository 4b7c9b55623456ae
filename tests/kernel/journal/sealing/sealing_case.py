"""A ledger's journal with a log beside it, and what may be done to both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from services.kernel.clock import FixedClock
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal
from services.kernel.journal.sealing.published import PublishedLog
from services.kernel.journal.sealing.sealer import Sealer
from services.kernel.journal.sealing.signer_state import SignerState
from services.proof.checkpoints import Checkpoint, Trust
from services.proof.logs import verify_log
from services.proof.notes import Signer, VerifierKey
from services.proof.tiles import bundle, tile_path, tile_width
from tests.kernel.journal.ledger import TABLES, ledger_journal, open_ledger

ORIGIN = "ledger.example.kz/log"
SEED = bytes(range(1, 33))
SEALED_AT = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
RESIGN = 600.0


def signer_named(seed: bytes, origin: str) -> Signer:
    return Signer(origin, seed)


class SealedJournal:
    """The journal, the folders, and a sealer that may be made anew as after a start."""

    def __init__(self, journal: Journal, folder: Path) -> None:
        self.journal = journal
        self.log = PublishedLog(folder / "log")
        self.state = SignerState(folder / "signer")
        self.clock = FixedClock(SEALED_AT)
        self.sealer = self.started()

    def started(self) -> Sealer:
        self.sealer = Sealer(
            self.journal,
            self.log,
            self.state,
            partial(signer_named, SEED),
            first_origin=ORIGIN,
            clock=self.clock,
        )
        return self.sealer

    def record(self, count: int) -> None:
        """Append `count` facts, each of a stream of its own."""
        start = self.journal.head()
        for number in range(start, start + count):
            self.journal.transact(partial(open_ledger, stream_id=new_stream_id(), owner=f"owner-{number}"))

    def fill(self, count: int) -> None:
        """Put `count` rows into the journal at once, as an import does."""
        start = self.journal.head()
        rows = [
            {
                "position": position,
                "stream_id": new_stream_id(),
                "stream_version": 1,
                "type": "kz.ledger.ledger.opened.v1",
                "recorded_at": position,
                "record": b'{"owner":"%d"}' % position,
            }
            for position in range(start + 1, start + count + 1)
        ]
        with self.journal.database.write() as connection:
            connection.execute(sa.insert(TABLES.events), rows)

    def seal(self) -> Checkpoint | None:
        return self.sealer.seal(again_after=RESIGN)

    def records(self) -> list[bytes]:
        return [row.record for row in self.journal.after(0, 1_000_000)]

    def trust(self) -> Trust:
        key = self.log.read("key")
        assert key is not None
        return Trust(VerifierKey.parse(key.decode()))

    def checkpoint(self) -> Checkpoint:
        raw = self.log.read("checkpoint")
        assert raw is not None
        return self.trust().open(raw).checkpoint

    def verified(self) -> int:
        """Verify the log with its entry bundles made as the service serves them."""
        return verify_log(self, self.trust()).checkpoint.size

    def read(self, path: str) -> bytes | None:
        """The log as an outsider reads it (see `services.proof.tiles.Source`)."""
        if not path.startswith("tile/entries/"):
            return self.log.read(path)
        size = self.checkpoint().size
        for index in range(size // 256 + 1):
            width = tile_width(0, index, size)
            if width and tile_path("entries", index, width) == path:
                return bundle(row.record for row in self.journal.after(index * 256, width))
        return None

    def unguarded(self, statement: str, **values: object) -> None:
        """Change rows as no application may: with the guards taken off."""
        with self.journal.database.write() as connection:
            if self.journal.database.is_postgresql:
                connection.execute(sa.text("ALTER TABLE events DISABLE TRIGGER USER"))
            else:
                for guard in ("events_no_update", "events_no_delete", "events_no_replace"):
                    connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {guard}"))
            connection.execute(sa.text(statement), values)

    def forget_after(self, position: int) -> None:
        """What a restore of an old copy does to a journal."""
        self.unguarded("DELETE FROM events WHERE position > :position", position=position)


@contextmanager
def sealed_journal(url: str, folder: Path) -> Iterator[SealedJournal]:
    with ledger_journal(url) as journal:
        yield SealedJournal(journal, folder)
