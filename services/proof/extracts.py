"""A JSON extract of the register (docs/extracts.md): what it says, the record that fixes it, its proof."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from services.proof.checkpoints import SignedCheckpoint, Trust
from services.proof.inclusion import LogProof
from services.proof.refusals import ContentAltered, Malformed, NotIncluded

MAX_EXTRACT_BYTES: Final = 20_000_000
_FIXED_BY: Final = {"extract_id": "extract_id", "number": "number", "digest": "content_sha256"}
"""What an extract says beside its content, and the member of the record's data that fixes it."""
_CHECKED_APART: Final = frozenset({"content", "record", "position", "proof"})
ISSUED: Final = "kz.register.extract.issued.v1"


@dataclass(frozen=True, slots=True)
class VerifiedExtract:
    """The checkpoint that an extract rests on, its position in the journal, and the record, decoded."""

    opened: SignedCheckpoint
    position: int
    issued: dict[str, Any]


def verify_extract(raw: bytes, trust: Trust, proof: bytes | None = None) -> VerifiedExtract:
    """Verify that an extract says what the register issued, byte for byte.

    Its proof is inside, or comes beside it. It tells what was so when it was issued, not whether it still is.
    Raises `ContentAltered`, `NotIncluded`,
    `Malformed`, and what `Trust.open` raises.
    """
    if len(raw) > MAX_EXTRACT_BYTES:
        raise Malformed("the extract is too long")
    extract = _object(raw, "the extract")
    content, record, inside = (extract.get(name) for name in ("content", "record", "proof"))
    if not isinstance(content, dict) or not isinstance(record, str):
        raise Malformed("an extract has `content` and `record`")
    if proof is None and not isinstance(inside, str):
        raise Malformed("the extract has no proof inside, and none came beside it")
    issued = _object(record.encode(), "the record")
    data = issued.get("data")
    if issued.get("type") != ISSUED or not isinstance(data, dict):
        raise Malformed("the record is not that an extract was issued")
    if sha256(canonical(content)).hexdigest() != data.get("content_sha256"):
        raise ContentAltered("the extract does not say what was issued")
    for name, said in extract.items():
        if name not in _CHECKED_APART and (name not in _FIXED_BY or said != data.get(_FIXED_BY[name])):
            raise ContentAltered(f"`{name}` is not what the record fixes")
    logged = LogProof.parse(str(inside).encode() if proof is None else proof)
    position = extract.get("position")
    if position != logged.position or isinstance(position, bool):
        raise NotIncluded("the proof is of another position", position=logged.position)
    return VerifiedExtract(logged.verify(record.encode(), trust), logged.position, issued)


def canonical(value: object) -> bytes:
    """The canonical bytes (RFC 8785) of a value without floats and with ASCII keys."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _object(raw: bytes, what: str) -> dict[str, Any]:
    """An object of which every text is one: half of a surrogate pair has no bytes to hash (RFC 7493)."""
    try:
        found = json.loads(raw, object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float)
        canonical(found)
    except (ValueError, RecursionError):
        raise Malformed(f"{what} is not JSON, or names something twice") from None
    if not isinstance(found, dict):
        raise Malformed(f"{what} is not a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_float(text: str) -> Any:
    raise ValueError(f"{text}: there are no floats in a record")
