"""The extract: the industry authority's confirmation of what stood in the register."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from services.kernel.contract import ProducerRef
from services.kernel.journal.events import Event, unnumbered
from services.register.contract.events import REGISTER_EVENTS


@REGISTER_EVENTS.published("extract.issued.v1")
class ExtractIssued(Event, frozen=True, kw_only=True):
    """An extract was issued: which producer, as of when, and what it says by digest.

    It was made as of the legal instant `valid_at` (RFC 3339, UTC) and the journal position `known_at`;
    `issued_on` is the legal day (ISO date, Asia/Almaty). `content_sha256` is over the canonical bytes (RFC
    8785) of the content, which holds a random code of 160 bits, so that nobody can guess the rest from the
    digest; `code_sha256` is over that code, which opens the extract's verification.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-1(8); order-327 para. 6"
    numbered: ClassVar[str | None] = "extract"

    extract_id: str
    producer: ProducerRef
    issued_on: str
    valid_at: str
    known_at: int
    products: int
    content_sha256: str
    code_sha256: str
    number: str = msgspec.field(default_factory=unnumbered)
