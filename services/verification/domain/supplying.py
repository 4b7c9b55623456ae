"""Documents as they stand after a producer supplied more of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from services.kernel.contract import DocumentRef

MOST_DOCUMENTS: Final = 150
"""A case's opening is one record and names every document: at most 310 bytes each, of 65,535 in all."""


def with_supplied(
    documents: tuple[DocumentRef, ...], supplied: tuple[DocumentRef, ...], replaced: Collection[str]
) -> tuple[DocumentRef, ...]:
    """Those that stood before, without the `replaced` (digests), then those supplied, the last named last.

    One file may be named as several kinds, and supplied again as one of them it remains of the others.
    """
    again = {(one.kind, one.sha256) for one in supplied}
    kept = tuple(
        one for one in documents if one.sha256 not in replaced and (one.kind, one.sha256) not in again
    )
    return kept + supplied


def monitored_documents(documents: tuple[DocumentRef, ...]) -> tuple[DocumentRef, ...]:
    """Those an entry is monitored by: where a case cannot name so many, the last of each kind."""
    if len(documents) <= MOST_DOCUMENTS:
        return documents
    behind = Counter[str]()
    ranked = []
    for place, document in reversed(list(enumerate(documents))):
        ranked.append((behind[document.kind], -place))
        behind[document.kind] += 1
    kept = {-place for _rank, place in sorted(ranked)[:MOST_DOCUMENTS]}
    return tuple(document for place, document in enumerate(documents) if place in kept)
