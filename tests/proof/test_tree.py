"""RFC 6962 section 2.1: proofs agree with a model written from its definitions; nothing else passes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.proof.refusals import Inconsistent, NotIncluded
from services.proof.tree import (
    EMPTY_ROOT,
    GrowingRoot,
    Node,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    tree_root,
)

RECORDS = [f"record {number}".encode() for number in range(80)]
LEAVES = [leaf_hash(record) for record in RECORDS]

sizes = st.integers(min_value=1, max_value=len(RECORDS))


def mth(records: Sequence[bytes]) -> bytes:
    """MTH(D[n]) of section 2.1, word for word."""
    if not records:
        return sha256().digest()
    if len(records) == 1:
        return sha256(b"\x00" + records[0]).digest()
    k = 1
    while k * 2 < len(records):
        k *= 2
    return sha256(b"\x01" + mth(records[:k]) + mth(records[k:])).digest()


def path(m: int, records: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of section 2.1.1, word for word."""
    if len(records) == 1:
        return []
    k = 1
    while k * 2 < len(records):
        k *= 2
    if m < k:
        return [*path(m, records[:k]), mth(records[k:])]
    return [*path(m - k, records[k:]), mth(records[:k])]


def subproof(m: int, records: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of section 2.1.2, word for word."""
    if m == len(records):
        return [] if whole else [mth(records)]
    k = 1
    while k * 2 < len(records):
        k *= 2
    if m <= k:
        return [*subproof(m, records[:k], whole=whole), mth(records[k:])]
    return [*subproof(m - k, records[k:], whole=False), mth(records[:k])]


def node(level: int, index: int) -> bytes:
    return mth(RECORDS[index << level : (index + 1) << level])


complete: Node = node


@given(st.integers(min_value=0, max_value=len(RECORDS)))
def test_the_root_is_that_of_the_definition(size: int) -> None:
    expected = mth(RECORDS[:size])

    assert root_of(LEAVES[:size]) == expected
    assert tree_root(size, complete) == expected
    assert GrowingRoot(LEAVES[:size]).root() == expected


@given(sizes, st.data())
def test_a_record_is_proved_to_stand_in_the_tree_and_no_other_is(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = mth(RECORDS[:size])

    proof = inclusion_proof(index, size, complete)

    assert proof == path(index, RECORDS[:size])
    check_inclusion(LEAVES[index], index, size, proof, root)
    with pytest.raises(NotIncluded):
        check_inclusion(leaf_hash(b"forged"), index, size, proof, root)


@given(sizes, st.data())
def test_no_other_index_size_root_or_path_passes(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, complete)
    root = mth(RECORDS[:size])
    other = data.draw(st.integers(-1, size).filter(lambda value: value != index))
    spoilt = [
        (other, size, proof, root),
        (index, size, [*proof, root], root),
        (index, size, proof, mth(RECORDS[: size - 1])),
    ]
    if proof:
        cut = data.draw(st.integers(0, len(proof) - 1))
        bent = [*proof[:cut], bytes([proof[cut][0] ^ 1]) + proof[cut][1:], *proof[cut + 1 :]]
        spoilt += [(index, size, proof[:cut] + proof[cut + 1 :], root), (index, size, bent, root)]

    for case in spoilt:
        with pytest.raises(NotIncluded):
            check_inclusion(LEAVES[index], *case)


@given(sizes, st.data())
def test_an_earlier_tree_is_proved_to_begin_a_later_one(later: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(0, later))
    old, new = mth(RECORDS[:earlier]), mth(RECORDS[:later])

    proof = consistency_proof(earlier, later, complete)

    assert proof == (subproof(earlier, RECORDS[:later], whole=True) if earlier else [])
    check_consistency(earlier, old, later, new, proof)


@given(sizes, st.data())
def test_a_rewritten_history_is_consistent_with_nothing(later: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, later))
    changed = data.draw(st.integers(0, earlier - 1))
    forged = [*RECORDS[:changed], b"forged", *RECORDS[changed + 1 :]]
    old, new = mth(RECORDS[:earlier]), mth(forged[:later])
    proof = subproof(earlier, forged[:later], whole=True)

    with pytest.raises(Inconsistent):
        check_consistency(earlier, old, later, new, proof)
    with pytest.raises(Inconsistent):
        check_consistency(earlier, mth(forged[:earlier]), later, mth(RECORDS[:later]), proof)


@given(sizes, st.data())
def test_a_spoilt_consistency_proof_passes_nowhere(later: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, later))
    proof = consistency_proof(earlier, later, complete)
    old, new = mth(RECORDS[:earlier]), mth(RECORDS[:later])

    with pytest.raises(Inconsistent):
        check_consistency(earlier, old, later, new, [*proof, old])
    if proof:
        cut = data.draw(st.integers(0, len(proof) - 1))
        with pytest.raises(Inconsistent):
            check_consistency(earlier, old, later, new, proof[:cut] + proof[cut + 1 :])
        bent = [*proof[:cut], bytes([proof[cut][0] ^ 1]) + proof[cut][1:], *proof[cut + 1 :]]
        with pytest.raises(Inconsistent):
            check_consistency(earlier, old, later, new, bent)


def test_a_shorter_tree_contains_no_longer_one() -> None:
    with pytest.raises(Inconsistent, match="cannot contain"):
        check_consistency(3, mth(RECORDS[:3]), 2, mth(RECORDS[:2]), [])


def test_the_empty_tree_begins_every_tree() -> None:
    check_consistency(0, EMPTY_ROOT, 5, mth(RECORDS[:5]), [])
    check_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    with pytest.raises(Inconsistent):
        check_consistency(0, EMPTY_ROOT, 0, mth(RECORDS[:1]), [])
