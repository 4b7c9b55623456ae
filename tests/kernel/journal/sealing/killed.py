"""A sealer that is killed at one step: `python -m tests.kernel.journal.sealing.killed URL FOLDER STEP`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.journal.sealing.published import PublishedLog
from services.kernel.journal.sealing.signer_state import SignerState
from tests.kernel.journal.ledger import NOON, new_journal
from tests.kernel.journal.sealing.sealing_case import SealedJournal

STEPS = {
    "tiles": (PublishedLog, "put_tiles"),
    "state": (SignerState, "keep"),
    "publish": (PublishedLog, "publish"),
}


def die(*_given: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    url, folder, step = sys.argv[1:]
    place, name = STEPS[step]
    setattr(place, name, die)
    SealedJournal(new_journal(Database(url), FixedClock(NOON)), Path(folder)).seal()


if __name__ == "__main__":
    main()
