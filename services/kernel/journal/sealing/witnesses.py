"""Asking witnesses (c2sp.org/tlog-witness): the newest checkpoint that enough cosigned is published."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import msgspec

from services.kernel.journal.sealing.published import WITNESSED_PATH, PublishedLog
from services.kernel.telemetry import logger
from services.proof.checkpoints import Checkpoint, decimal
from services.proof.logs import CHECKPOINT_PATH
from services.proof.notes import TIMESTAMPED, Note, SignatureLine, VerifierKey
from services.proof.refusals import Malformed, Refused
from services.proof.witnessing import AddCheckpoint

TOTAL_SECONDS: Final = 5.0
MAX_ANSWER_BYTES: Final = 20_000


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """Where a witness is asked, and the key it cosigns with."""

    url: str
    key: VerifierKey


class _Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    key: str


def witnesses_in(path: Path) -> list[WitnessAddress]:
    """The witnesses of a JSON file: `[{"url": ..., "key": ...}]`. Raises `ValueError` and `KeyMalformed`."""
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=list[_Listed])
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} must be a JSON list of witnesses with url and key: {error}") from None
    found = [WitnessAddress(one.url, VerifierKey.parse(one.key).of_kind(TIMESTAMPED)) for one in listed]
    if len({witness.key for witness in found}) < len(found):
        raise ValueError(f"{path} names a witness twice")
    return found


class Cosigning:
    """Has each new checkpoint cosigned; not for several threads."""

    def __init__(
        self, log: PublishedLog, witnesses: Sequence[WitnessAddress], quorum: int, client: httpx.Client
    ) -> None:
        self._log = log
        self._witnesses = list(witnesses)
        self._quorum = quorum
        self._client = client
        self._known: dict[VerifierKey, int] = {}
        self._done: bytes | None = None

    def run(self) -> int | None:
        """Ask every witness about the newest checkpoint; gives how many cosigned, None when nothing is new.

        A witness that does not answer, or not as it should, is logged and asked again at the next run.
        """
        raw = self._log.read(CHECKPOINT_PATH)
        if raw is None or raw == self._done:
            return None
        note = Note.parse(raw)
        with ThreadPoolExecutor(max_workers=len(self._witnesses)) as pool:
            asked = pool.map(lambda witness: self._ask(witness, note, raw), self._witnesses)
            lines = [line for line in asked if line is not None]
        if len(lines) >= self._quorum:
            self._log.publish(WITNESSED_PATH, str(Note(note.text, (*note.signatures, *lines))).encode())
            self._done = raw
        return len(lines)

    def _ask(self, witness: WitnessAddress, note: Note, raw: bytes) -> SignatureLine | None:
        head = Checkpoint.parse(note.text)
        try:
            answer = self._offered(witness, head, raw)
            if answer.status == 409:  # the witness tells the size that it knows
                self._known[witness.key] = decimal(answer.text.strip())
                answer = self._offered(witness, head, raw)
            line = _cosignature(answer, witness.key, note)
        except (Refused, httpx.HTTPError, OSError) as error:
            logger.warning("witness did not cosign", extra={"witness": witness.key.name, "why": str(error)})
            return None
        self._known[witness.key] = head.size
        return line

    def _offered(self, witness: WitnessAddress, head: Checkpoint, raw: bytes) -> _Answered:
        earlier = min(self._known.get(witness.key, 0), head.size)
        path = self._log.consistency(earlier, head.size) or []
        return self._posted(witness, AddCheckpoint(earlier, tuple(path), raw).body)

    def _posted(self, witness: WitnessAddress, body: bytes) -> _Answered:
        url = f"{witness.url.rstrip('/')}/add-checkpoint"
        end = time.monotonic() + TOTAL_SECONDS
        with self._client.stream("POST", url, content=body, timeout=TOTAL_SECONDS) as answer:
            text = bytearray()
            for chunk in answer.iter_bytes():
                text += chunk
                if len(text) > MAX_ANSWER_BYTES or time.monotonic() > end:
                    raise Malformed("the answer does not end")
            return _Answered(answer.status_code, text.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class _Answered:
    status: int
    text: str


def _cosignature(answer: _Answered, key: VerifierKey, note: Note) -> SignatureLine:
    """The witness's own line of an answer, verified. Raises a `Refused`."""
    if answer.status != 200:
        raise Malformed(f"answered {answer.status}: {answer.text.strip()[:200]}")
    lines = [SignatureLine.parse(line) for line in answer.text.splitlines()]
    Note(note.text, tuple(lines)).signed_by([key])
    return next(line for line in lines if key.made(line))
