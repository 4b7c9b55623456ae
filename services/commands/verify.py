"""`tizilim verify journal`: the stored journal against its log, and `tizilim begin-log` after a restore."""

from __future__ import annotations

import argparse

from services.commands.registry import Installation, database_of, journal_of, log_of, settings_of
from services.kernel.journal.sealing.published import KEY_PATH
from services.kernel.journal.sealing.running import sealer_of
from services.kernel.journal.sealing.settings import SealedSettings
from services.kernel.journal.sealing.stored import StoredLog
from services.proof.command import look
from services.proof.logs import CHECKPOINT_PATH
from services.proof.refusals import TileMissing


def verify_journal(installation: Installation, parsed: argparse.Namespace) -> str:
    """Compare every row with the signed tree; gives what to say. Raises a `Refused`.

    Without a key of the caller's own the published one is believed: then this shows that the journal is what
    the log says, not that the log is the one the caller knew.
    """
    log = log_of(installation, parsed.service)
    head = log.head()
    if head is None:
        raise TileMissing(f"{parsed.service} has no checkpoint yet: nothing was sealed")
    parsed.key = parsed.key or str(log.folder / KEY_PATH)
    database = database_of(parsed.service, installation.var)
    try:
        stored = StoredLog(journal_of(parsed.service, database), log, head.size)
        return look(_At(stored, log.read(CHECKPOINT_PATH)), parsed)
    finally:
        database.close()


def begin_log(installation: Installation, service: str) -> str:
    """After a legitimate restore: let a new log begin that names the old one's end; gives its origin.

    Raises `ValueError` when the journal still is what was signed.
    """
    settings = settings_of(service, var=installation.var)
    if not isinstance(settings, SealedSettings):
        raise TypeError(f"the journal of {service} is not sealed")
    database = database_of(service, installation.var)
    try:
        return sealer_of(service, journal_of(service, database), settings).begin_anew()
    finally:
        database.close()


class _At:
    """A log at one checkpoint, while the service goes on sealing."""

    def __init__(self, log: StoredLog, checkpoint: bytes | None) -> None:
        self._log = log
        self._checkpoint = checkpoint

    def read(self, path: str) -> bytes | None:
        """See `services.proof.tiles.Source`."""
        return self._checkpoint if path == CHECKPOINT_PATH else self._log.read(path)
