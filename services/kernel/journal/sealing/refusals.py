"""Why a sealer does not sign."""

from __future__ import annotations


class SealingRefused(RuntimeError):
    """Signing would contradict what was signed before; `position` is the first bad one where it is known.

    `code` is `signer_state_lost`, `other_log`, `journal_shorter`, `record_altered`,
    `record_missing` or `tile_altered`.
    """

    def __init__(self, code: str, message: str, *, position: int | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.position = position

    def __str__(self) -> str:
        place = f" (position {self.position})" if self.position is not None else ""
        return f"{self.code}: {self.message}{place}"
