"""Signed notes, checkpoints and proofs: what the C2SP texts give as examples, and what must not pass."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.proof.checkpoints import Checkpoint, Trust
from services.proof.inclusion import LogProof
from services.proof.notes import TIMESTAMPED, Note, Signer, VerifierKey
from services.proof.refusals import (
    KeyMalformed,
    Malformed,
    NotIncluded,
    NotSigned,
    OtherLog,
    Refused,
    SignatureWrong,
    TooFewWitnesses,
)
from services.proof.tree import EMPTY_ROOT
from tests.proof.signed import (
    ORIGIN,
    SIGNED_AT,
    SIGNER,
    TRUST,
    log_of,
    numbered_records,
    proof_in,
    signed_checkpoint,
)

EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1"
    "ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
RECORDS = numbered_records(300)
FILES = log_of(RECORDS)
WITNESSES = [Signer(f"witness{number}.example", bytes([number]) * 32) for number in (1, 2, 3)]


def test_the_note_of_the_specification_verifies_with_its_key() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)
    note = Note.parse(EXAMPLE_NOTE.encode())

    assert note.signed_by([key]) == {key: None}
    assert (str(key), str(note)) == (EXAMPLE_KEY, EXAMPLE_NOTE)


def test_an_altered_text_is_refused() -> None:
    note = Note.parse(EXAMPLE_NOTE.replace("example message", "exemplary message").encode())

    with pytest.raises(SignatureWrong):
        note.signed_by([VerifierKey.parse(EXAMPLE_KEY)])


@pytest.mark.parametrize(
    "text",
    [
        "example.com/foo",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY[:-4] + "AAAA",
        EXAMPLE_KEY + "!",
        EXAMPLE_KEY[:-4],
        "a b+530d903a+" + EXAMPLE_KEY.rpartition("+")[2],
    ],
)
def test_an_altered_key_is_refused(text: str) -> None:
    with pytest.raises(KeyMalformed):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no signatures\n",
        b"text\n\n\xe2\x80\x94 name AAAA",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n- name AAAAAAAA\n",
        "text\x07\n\n— name AAAAAAAA\n".encode(),
        "text\n\n— name AAAAAAB=\n".encode(),
        b"\xff\n\n",
        b"text\n" * 30_000,
        b"text\n\n" + "— name AAAAAAAA\n".encode() * 65,
    ],
)
def test_what_is_no_signed_note_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        Note.parse(raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n3\n",
        f"{ORIGIN}\n03\n{'A' * 43}=\n",
        f"{ORIGIN}\n-3\n{'A' * 43}=\n",
        f"{ORIGIN}\n9999999999999999999\n{'A' * 43}=\n",
        f"{ORIGIN}\n3\nAAAA\n",
        f"{ORIGIN}\n0\n{'A' * 43}=\n",
        f"{ORIGIN}\n3\n{'A' * 43}=\n\n",
        f"{ORIGIN}\n٣\n{'A' * 43}=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


def test_a_checkpoint_reads_back_as_it_was_signed_and_tells_when() -> None:
    opened = TRUST.open(FILES["checkpoint"])

    assert (opened.checkpoint.origin, opened.checkpoint.size) == (ORIGIN, 300)
    assert opened.signed_at == SIGNED_AT
    assert str(opened.note).encode() == FILES["checkpoint"]


def test_a_checkpoint_of_another_log_is_refused() -> None:
    other = Signer("register.example.com/log", bytes(range(32)))

    with pytest.raises(OtherLog):
        TRUST.open(signed_checkpoint(RECORDS, other))


def test_a_checkpoint_signed_by_another_key_under_the_same_name_is_refused() -> None:
    with pytest.raises(NotSigned):
        TRUST.open(signed_checkpoint(RECORDS, Signer(ORIGIN, bytes(32))))


def test_a_checkpoint_that_only_bears_the_time_is_not_signed() -> None:
    head = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    note = Note(head.text, (SIGNER.cosign(head.text, SIGNED_AT),))

    with pytest.raises(NotSigned):
        TRUST.open(str(note).encode())


def test_a_checkpoint_needs_as_many_witnesses_as_were_asked_for() -> None:
    note = Note.parse(FILES["checkpoint"])
    cosigned = Note(note.text, (*note.signatures, *(w.cosign(note.text, SIGNED_AT) for w in WITNESSES[:2])))
    keys = tuple(witness.key.of_kind(TIMESTAMPED) for witness in WITNESSES)

    opened = Trust(SIGNER.key, keys, 2).open(str(cosigned).encode())

    assert opened.seen_at == {witness.key.name: SIGNED_AT for witness in WITNESSES[:2]}
    with pytest.raises(TooFewWitnesses, match="2 of 3"):
        Trust(SIGNER.key, keys, 3).open(str(cosigned).encode())


def test_one_witness_that_signed_twice_counts_once() -> None:
    note = Note.parse(FILES["checkpoint"])
    twice = (WITNESSES[0].cosign(note.text, 1), WITNESSES[0].cosign(note.text, 2))
    keys = tuple(witness.key for witness in WITNESSES)

    with pytest.raises(TooFewWitnesses, match="1 of 3"):
        Trust(SIGNER.key, keys, 2).open(str(Note(note.text, (*note.signatures, *twice))).encode())


@given(st.data())
def test_no_bit_of_a_checkpoint_can_change_unseen(data: st.DataObject) -> None:
    raw = FILES["checkpoint"]
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    bent = bytearray(raw)
    bent[bit // 8] ^= 1 << bit % 8
    try:
        opened = TRUST.open(bytes(bent))
    except Refused:
        return
    assert opened.checkpoint == TRUST.open(raw).checkpoint  # only the second, timestamped signature was hit
    assert opened.signed_at is None


@pytest.mark.parametrize("position", [1, 2, 256, 257, 300])
def test_a_proof_leads_from_its_record_to_the_checkpoint(position: int) -> None:
    proof = LogProof.parse(str(proof_in(FILES, position)).encode())

    assert proof.position == position
    assert proof.verify(RECORDS[position - 1], TRUST).checkpoint.size == 300


def test_a_proof_of_another_record_is_refused_and_says_where() -> None:
    proof = proof_in(FILES, 42)

    with pytest.raises(NotIncluded, match="first bad position 42"):
        proof.verify(RECORDS[42], TRUST)
    with pytest.raises(NotIncluded):
        dataclasses.replace(proof, index=42).verify(RECORDS[41], TRUST)
    with pytest.raises(NotIncluded):
        dataclasses.replace(proof, index=300).verify(RECORDS[41], TRUST)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 41", "index 041"),
        ("index 41", "place 41"),
        ("\n\n", "\n"),
        ("=\n", "\n"),
        ("index 41\n", "index 41\nAAAA\n"),
        ("index 41\n", "extra ?\nindex 41\n"),
        ("index 41\n", "ə\n"),
    ],
)
def test_what_is_no_proof_is_refused(old: str, new: str) -> None:
    text = str(proof_in(FILES, 42))
    assert old in text

    with pytest.raises(Malformed):
        LogProof.parse(text.replace(old, new, 1).encode()).verify(RECORDS[41], TRUST)


def test_extra_data_is_passed_over() -> None:
    text = str(proof_in(FILES, 42)).replace("index", "extra AAAA\nindex", 1)

    LogProof.parse(text.encode()).verify(RECORDS[41], TRUST)
