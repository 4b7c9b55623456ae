"""Names of products and producers, compared the way a reader would: case, spacing and forms do not matter."""

from __future__ import annotations

import unicodedata


def normalised_name(name: str) -> str:
    """The name under which two spellings are the same: NFKC, case-folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
