"""The sealer: what it signs verifies from outside, and nothing contrary is ever signed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.kernel.journal.sealing.refusals import SealingRefused
from services.proof.inclusion import LogProof
from services.proof.tree import check_consistency, leaf_hash, root_of
from tests.kernel.journal.sealing.killed import STEPS
from tests.kernel.journal.sealing.sealing_case import ORIGIN, RESIGN, SealedJournal, sealed_journal


@pytest.fixture
def sealed(sqlite_url: str, tmp_path: Path) -> Iterator[SealedJournal]:
    with sealed_journal(sqlite_url, tmp_path) as case:
        yield case


def refusal(case: SealedJournal) -> SealingRefused:
    with pytest.raises(SealingRefused) as refused:
        case.seal()
    return refused.value


def test_what_is_recorded_is_sealed_and_verifies_from_outside(database_url: str, tmp_path: Path) -> None:
    with sealed_journal(database_url, tmp_path) as case:
        case.record(3)
        head = case.seal()

        assert head is not None
        assert (head.origin, head.size) == (ORIGIN, 3)
        assert head.root == root_of([leaf_hash(record) for record in case.records()])
        assert case.verified() == 3


def test_an_empty_journal_has_a_signed_beginning(sealed: SealedJournal) -> None:
    assert sealed.seal() is not None
    assert sealed.verified() == 0
    assert sealed.log.proof_of(1) is None


@pytest.mark.parametrize("sizes", [(1, 255, 256, 257), (255, 300), (256, 513, 700), (600,)])
def test_tiles_grow_as_the_journal_does(sealed: SealedJournal, sizes: tuple[int, ...]) -> None:
    before = sealed.seal()
    assert before is not None
    for size in sizes:
        sealed.fill(size - sealed.journal.head())
        head = sealed.seal()

        assert head is not None
        assert sealed.verified() == size
        proof = sealed.log.consistency(before.size, head.size)
        assert proof is not None
        check_consistency(before.size, before.root, head.size, head.root, proof)
        before = head


def test_partial_tiles_go_once_the_full_one_is_there(sealed: SealedJournal) -> None:
    sealed.fill(100)
    sealed.seal()
    assert sealed.log.read("tile/0/000.p/100") is not None
    sealed.fill(200)
    sealed.seal()

    assert not (sealed.log.folder / "tile/0/000.p").exists()
    assert sealed.log.read("tile/0/001.p/44") is not None


def test_without_new_records_the_log_signs_again_after_its_time_and_not_before(sealed: SealedJournal) -> None:
    sealed.record(1)
    first = sealed.seal()
    raw = sealed.log.read("checkpoint")
    assert sealed.seal() is None
    sealed.clock.advance(timedelta(seconds=RESIGN))

    assert sealed.seal() == first
    assert sealed.log.read("checkpoint") != raw
    assert raw is not None
    opened = sealed.trust().open(raw)
    again = sealed.trust().open(sealed.log.read("checkpoint") or b"")
    assert (opened.signed_at or 0) + RESIGN == again.signed_at


def test_a_proof_of_every_position_verifies_and_of_none_beyond(sealed: SealedJournal) -> None:
    sealed.fill(300)
    sealed.seal()
    sealed.fill(1)

    for position, record in enumerate(sealed.records()[:300], 1):
        text = sealed.log.proof_of(position)
        assert text is not None
        LogProof.parse(text.encode()).verify(record, sealed.trust())
    assert sealed.log.proof_of(301) is None
    with pytest.raises(ValueError, match="no position 0"):
        sealed.log.proof_of(0)


def test_a_new_process_goes_on_where_the_last_left_off(sealed: SealedJournal) -> None:
    sealed.fill(300)
    sealed.seal()
    sealed.started()
    assert sealed.seal() is None
    sealed.fill(300)

    assert sealed.seal() is not None
    assert sealed.verified() == 600


def test_two_processes_that_both_seal_sign_one_history(sealed: SealedJournal) -> None:
    first, second = sealed.sealer, sealed.started()
    for sealer in (first, second, first, first, second):
        sealed.fill(130)
        assert sealer.seal(again_after=RESIGN) is not None

    assert sealed.verified() == 650


@pytest.mark.parametrize("step", STEPS)
def test_a_sealer_killed_at_any_step_leaves_what_the_next_completes(
    sealed: SealedJournal, sqlite_url: str, tmp_path: Path, step: str
) -> None:
    sealed.fill(250)
    sealed.seal()
    sealed.fill(50)

    killed = subprocess.run(
        [sys.executable, "-m", "tests.kernel.journal.sealing.killed", sqlite_url, tmp_path, step],
        cwd=Path(__file__).parents[4],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert sealed.verified() == 250, "what was published stands"

    sealed.started()
    sealed.seal()
    assert sealed.verified() == 300
    assert sealed.state.last() == sealed.log.read("checkpoint")


def test_a_signature_is_on_the_signers_disk_before_it_is_published(
    sealed: SealedJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in ("fsync", "replace"):
        original = getattr(os, name) if name == "fsync" else Path.replace

        def told(*given: object, name: str = name, original: object = original) -> object:
            order.append(f"{name} {given[0]}" if name == "replace" else name)
            return original(*given)  # type: ignore[operator]

        monkeypatch.setattr(os if name == "fsync" else Path, name, told)
    sealed.record(1)
    sealed.seal()

    kept = next(at for at, step in enumerate(order) if "signer/.checkpoint" in step)
    published = next(at for at, step in enumerate(order) if "log/.checkpoint" in step)
    tile = next(at for at, step in enumerate(order) if "000.p" in step)
    assert tile < kept < published
    assert order[kept - 1] == "fsync", "the bytes"
    assert order[kept + 1] == "fsync", "the name"


def test_a_stale_restore_is_refused_with_the_first_missing_position(
    database_url: str, tmp_path: Path
) -> None:
    with sealed_journal(database_url, tmp_path) as case:
        case.fill(10)
        case.seal()
        case.forget_after(7)

        for _ in range(2):
            refused = refusal(case)
            assert (refused.code, refused.position) == ("journal_shorter", 8)
        case.started()
        assert refusal(case).code == "journal_shorter"
        assert case.checkpoint().size == 10, "what was signed stays published"


def test_a_stale_restore_that_went_on_is_refused(sealed: SealedJournal) -> None:
    sealed.record(10)
    sealed.seal()
    sealed.forget_after(7)
    sealed.unguarded("DELETE FROM ledgers")
    sealed.record(5)

    refused = refusal(sealed)
    assert refused.code == "record_altered"
    sealed.started()
    assert refusal(sealed).code == "record_altered"


def test_a_rewritten_row_is_found_by_the_audit_and_nothing_is_signed_until_it_is_right(
    database_url: str, tmp_path: Path
) -> None:
    with sealed_journal(database_url, tmp_path) as case:
        case.fill(300)
        case.seal()
        was = case.records()[41]
        case.unguarded("UPDATE events SET record = :r WHERE position = 42", r=b"forged")
        assert case.sealer.audit(41) is False
        with pytest.raises(SealingRefused) as refused:
            case.sealer.audit(41)
        assert (refused.value.code, refused.value.position) == ("record_altered", 42)
        case.fill(1)
        assert refusal(case).position == 42

        case.unguarded("UPDATE events SET record = :r WHERE position = 42", r=was)
        assert case.seal() is not None
        assert case.sealer.audit(1_000) is True
        assert case.verified() == 301


def test_a_deleted_row_in_the_middle_is_found_by_the_audit(sealed: SealedJournal) -> None:
    sealed.fill(300)
    sealed.seal()
    sealed.unguarded("DELETE FROM events WHERE position = 100")

    with pytest.raises(SealingRefused) as refused:
        sealed.sealer.audit(1_000)
    assert (refused.value.code, refused.value.position) == ("record_missing", 100)


def test_tiles_that_were_lost_or_altered_are_made_anew_from_the_journal(sealed: SealedJournal) -> None:
    sealed.fill(300)
    sealed.seal()
    before = {path: sealed.log.read(path) for path in ("tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1")}
    for path in ("tile/0/001.p/44", "tile/1/000.p/1"):
        (sealed.log.folder / path).unlink()
    sealed.started()
    sealed.seal()
    assert {path: sealed.log.read(path) for path in before} == before

    (sealed.log.folder / "tile/0/000").write_bytes(bytes(8192))
    with pytest.raises(SealingRefused, match="tile_altered"):
        sealed.sealer.audit(1_000)
    sealed.seal()
    assert {path: sealed.log.read(path) for path in before} == before
    assert sealed.sealer.audit(1_000) is True


def test_a_lost_tile_at_the_edge_does_not_end_the_sealing(sealed: SealedJournal) -> None:
    sealed.fill(256)
    sealed.seal()
    (sealed.log.folder / "tile/0/000").unlink()
    sealed.fill(1)
    sealed.seal()
    assert sealed.verified() == 257


def test_lost_tiles_are_not_made_from_a_journal_that_was_rewritten(sealed: SealedJournal) -> None:
    sealed.fill(300)
    sealed.seal()
    sealed.unguarded("UPDATE events SET record = :r WHERE position = 42", r=b"forged")
    (sealed.log.folder / "tile/0/001.p/44").unlink()
    sealed.started()

    refused = refusal(sealed)
    assert (refused.code, refused.position) == ("record_altered", 42)


def test_a_signer_without_its_memory_does_not_sign(sealed: SealedJournal) -> None:
    sealed.fill(3)
    sealed.seal()
    (sealed.state.folder / "checkpoint").unlink()
    sealed.started()

    assert refusal(sealed).code == "signer_state_lost"


@pytest.mark.parametrize("raw", [b"", b"garbage", None])
def test_a_memory_that_was_altered_is_not_believed(sealed: SealedJournal, raw: bytes | None) -> None:
    sealed.fill(3)
    sealed.seal()
    kept = sealed.state.last() or b""
    sealed.state.keep(kept.replace(b"\n3\n", b"\n2\n") if raw is None else raw)
    sealed.started()

    assert refusal(sealed).code == "signer_state_lost"


def test_the_memory_of_another_log_is_not_taken_for_its_own(
    sealed: SealedJournal, tmp_path: Path, sqlite_url: str
) -> None:
    sealed.fill(3)
    sealed.seal()
    kept = sealed.state.last() or b""
    other = kept.replace(ORIGIN.encode(), b"other.example.kz/log")
    sealed.state.keep(other)
    sealed.started()

    assert refusal(sealed).code == "other_log"


def test_a_legitimate_restore_begins_a_log_that_names_the_old_ones_end(sealed: SealedJournal) -> None:
    sealed.fill(10)
    sealed.seal()
    old = sealed.log.read("checkpoint")
    old_head = sealed.checkpoint()
    sealed.forget_after(7)
    sealed.started()

    origin = sealed.sealer.begin_anew()
    head = sealed.seal()

    assert origin == f"{ORIGIN}/after/10-{old_head.root.hex()}"
    assert head is not None
    assert (head.origin, head.size) == (origin, 7)
    assert sealed.log.read("predecessor") == old
    assert (sealed.log.folder / "previous/000001/checkpoint").read_bytes() == old
    sealed.fill(3)
    sealed.started()
    sealed.seal()
    assert sealed.verified() == 10


def test_a_log_that_is_whole_is_not_begun_anew(sealed: SealedJournal) -> None:
    with pytest.raises(ValueError, match="nothing was signed"):
        sealed.sealer.begin_anew()
    sealed.fill(10)
    sealed.seal()

    with pytest.raises(ValueError, match="goes on as it is"):
        sealed.sealer.begin_anew()
    assert sealed.verified() == 10
