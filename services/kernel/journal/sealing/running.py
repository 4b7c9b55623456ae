"""Sealing in the background: the elected process seals what is recorded, and audits while it has time."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import httpx

from services.kernel.clock import SystemClock
from services.kernel.journal.journal import Journal
from services.kernel.journal.sealing.keys import development_seed, signing_seed
from services.kernel.journal.sealing.refusals import SealingRefused
from services.kernel.journal.sealing.sealer import RECORDS_A_SEAL, Sealer
from services.kernel.journal.sealing.settings import SealedSettings
from services.kernel.journal.sealing.signer_state import SignerState
from services.kernel.journal.sealing.witnesses import Cosigning, witnesses_in
from services.kernel.runtime import Election, Recurring
from services.kernel.telemetry import JOURNAL_SEALED, logger
from services.proof.notes import Signer

AUDITED_AT_ONCE: Final = 1_000
REFUSED_SECONDS: Final = 5.0
WITNESS_RETRY_SECONDS: Final = 5.0


def sealer_of(service: str, journal: Journal, settings: SealedSettings) -> Sealer:
    """The sealer of a service. Raises `ValueError` when production has no signing key."""
    state = SignerState(settings.signer_folder(service))
    if settings.log_signing_key is not None:
        seed = signing_seed(settings.log_signing_key)
    elif settings.production:
        raise ValueError("production needs log_signing_key where the journal is sealed")
    else:
        seed = development_seed(state.folder / "signing.key")
    return Sealer(
        journal,
        settings.published_log(service),
        state,
        partial(_signer, seed),
        first_origin=settings.log_origin or f"localhost/{service}",
        clock=SystemClock(),
    )


def _signer(seed: bytes, origin: str) -> Signer:
    return Signer(origin, seed)


class Sealing:
    """The sealer's thread; on PostgreSQL the elected process alone does the work."""

    def __init__(self, service: str, journal: Journal, settings: SealedSettings) -> None:
        self._service = service
        self._journal = journal
        self._settings = settings
        self._sealer = sealer_of(service, journal, settings)
        self._trouble: str | None = None
        self._next_audit = 0.0
        election = Election(journal.database, "seal")
        self._tasks = [Recurring("seal", self._run, election)]
        self._client: httpx.Client | None = None
        if settings.log_witnesses is not None:
            self._client = httpx.Client(follow_redirects=False)
            self._cosigning = Cosigning(
                settings.published_log(service),
                witnesses_in(settings.log_witnesses),
                settings.log_witness_quorum,
                self._client,
            )
            self._tasks.append(Recurring("cosign", self._cosign, election))

    def start(self) -> None:
        """Begin to seal."""
        for task in self._tasks:
            task.start()

    def stop(self) -> None:
        """Stop after the checkpoint in hand."""
        for task in self._tasks:
            task.stop()
        if self._client is not None:
            self._client.close()

    def trouble(self) -> str | None:
        """A readiness check: why nothing is signed, or None."""
        return self._trouble

    def _run(self) -> float:
        """Wait for records, seal them, rest; a wake-up may be missed, so the journal is looked at anyway."""
        rest = self._settings.log_seal_seconds
        before = self._sealer.size
        try:
            self._journal.signal.wait(before, timeout=rest)
            head = self._sealer.seal(again_after=self._settings.log_again_seconds)
            if head is None:
                self._audit()
        except SealingRefused as refused:
            self._refused(refused)
            return REFUSED_SECONDS
        except Exception as error:  # a full disk, a store that does not answer: logged by who runs this
            self._trouble = f"nothing is sealed: {type(error).__name__}"
            raise
        self._trouble = None
        JOURNAL_SEALED.labels(self._service).set(self._sealer.size)
        return 0.0 if self._sealer.size - before >= RECORDS_A_SEAL else rest

    def _cosign(self) -> float:
        """Have the newest checkpoint cosigned; soon again when too few did."""
        count = self._cosigning.run()
        if count is not None and count < self._settings.log_witness_quorum:
            return WITNESS_RETRY_SECONDS
        return self._settings.log_seal_seconds

    def _audit(self) -> None:
        now = time.monotonic()
        if now >= self._next_audit and self._sealer.audit(AUDITED_AT_ONCE):
            self._next_audit = now + self._settings.log_audit_seconds

    def _refused(self, refused: SealingRefused) -> None:
        if str(refused) != self._trouble:
            logger.critical("sealing refused", extra={"code": refused.code, "position": refused.position})
        self._trouble = str(refused)
