"""The Merkle tree of RFC 6962 section 2.1: hashes, roots, inclusion and consistency proofs (SHA-256).

Leaf `i` (from 0) is the record at position `i + 1`. Proofs are made from `node(level, index)`, the hash of
the complete subtree over the leaves from `index * 2**level` up to `(index + 1) * 2**level`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from services.proof.refusals import Inconsistent, NotIncluded

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
MAX_PROOF_HASHES: Final = 63

Node = Callable[[int, int], bytes]


def leaf_hash(record: bytes) -> bytes:
    """The hash of one record as a leaf."""
    return sha256(b"\x00" + record).digest()


def parent_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes of leaves (or of complete subtrees of one height), all at hand."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        paired = [parent_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = paired + row[len(paired) * 2 :]
    return row[0]


def tree_root(size: int, node: Node) -> bytes:
    """The root of the tree over the first `size` leaves."""
    return _range_hash(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The path from leaf `index` to the root of `size` leaves, the leaf's sibling first (section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(earlier: int, later: int, node: Node) -> list[bytes]:
    """What leads from the root over `earlier` leaves to the root over `later` ones (section 2.1.2)."""
    if not 0 <= earlier <= later:
        raise ValueError(f"a tree of {later} does not come after one of {earlier}")
    if earlier in {0, later}:
        return []
    path: list[bytes] = []
    start, end = 0, later
    while earlier != end:
        middle = start + _split(end - start)
        if earlier <= middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start = middle
    if start:
        path.append(_range_hash(start, end, node))
    return path[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Verify an inclusion proof (RFC 9162 section 2.1.3.2). Raises `NotIncluded`."""
    if not 0 <= index < size:
        raise NotIncluded(f"the tree of {size} records has none at position {index + 1}")
    node, last, computed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise NotIncluded("the proof is too long for the tree", position=index + 1)
        if node % 2 or node == last:
            computed = parent_hash(sibling, computed)
            while node and not node % 2:
                node, last = node >> 1, last >> 1
        else:
            computed = parent_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    if last or computed != root:
        raise NotIncluded("the record's hash does not lead to the signed root", position=index + 1)


def check_consistency(
    earlier: int, earlier_root: bytes, later: int, later_root: bytes, path: Sequence[bytes]
) -> None:
    """Verify a consistency proof (RFC 9162 section 2.1.4.2). Raises `Inconsistent`."""
    if earlier > later:
        raise Inconsistent(f"a tree of {later} records cannot contain one of {earlier}")
    if earlier == 0:
        fits = not path and earlier_root == EMPTY_ROOT and (later > 0 or later_root == EMPTY_ROOT)
    elif earlier == later:
        fits = not path and earlier_root == later_root
    else:
        fits = _roots_along(earlier, earlier_root, later, path) == (earlier_root, later_root)
    if not fits:
        raise Inconsistent(
            f"the signed tree of {later} records does not contain the signed tree of {earlier}"
        )


def _roots_along(
    earlier: int, earlier_root: bytes, later: int, path: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """Both roots as the path gives them; None when its length is wrong."""
    hashes = list(path)
    if earlier & (earlier - 1) == 0:
        hashes.insert(0, earlier_root)  # a complete subtree: its root is the first node
    if not hashes:
        return None
    node, last = earlier - 1, later - 1
    while node % 2:
        node, last = node >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return None
        if node % 2 or node == last:
            old, new = parent_hash(sibling, old), parent_hash(sibling, new)
            while node and not node % 2:
                node, last = node >> 1, last >> 1
        else:
            new = parent_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return None if last else (old, new)


class GrowingRoot:
    """The root over leaves that come one by one; it keeps one hash for each complete subtree."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._complete: list[bytes] = []
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf: bytes) -> None:
        """Take the next leaf's hash."""
        height = self.size
        while height % 2:
            leaf = parent_hash(self._complete.pop(), leaf)
            height >>= 1
        self._complete.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root over what came so far."""
        if not self._complete:
            return EMPTY_ROOT
        root = self._complete[-1]
        for left in self._complete[-2::-1]:
            root = parent_hash(left, root)
        return root


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1


def _range_hash(start: int, end: int, node: Node) -> bytes:
    """The hash over leaves `start` to `end`; `start` is a multiple of the range's own complete part."""
    complete: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        complete.append(node(level, start >> level))
        start += 1 << level
    root = complete.pop()
    while complete:
        root = parent_hash(complete.pop(), root)
    return root
