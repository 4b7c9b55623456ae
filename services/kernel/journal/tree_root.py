"""The root hash of a growing tree of records (RFC 6962 section 2.1), in memory that hardly grows."""

from __future__ import annotations

import hashlib

_LEAF = b"\x00"
_NODE = b"\x01"


class TreeRoot:
    """Takes records in their order; keeps one hash for each perfect tree on the left, at most 64."""

    def __init__(self) -> None:
        self.size = 0
        self._perfect: list[bytes] = []

    def add(self, record: bytes) -> None:
        """Append the next record."""
        node = hashlib.sha256(_LEAF + record).digest()
        filled = self.size
        while filled & 1:
            node = _joined(self._perfect.pop(), node)
            filled >>= 1
        self._perfect.append(node)
        self.size += 1

    def value(self) -> bytes:
        """The root hash of the records so far, 32 bytes."""
        if not self._perfect:
            return hashlib.sha256().digest()
        root = self._perfect[-1]
        for left in reversed(self._perfect[:-1]):
            root = _joined(left, root)
        return root


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
