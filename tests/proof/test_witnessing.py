"""A witness cosigns only what continues what it cosigned before (c2sp.org/tlog-witness)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from services.proof.checkpoints import Trust
from services.proof.notes import TIMESTAMPED, Note, SignatureLine, Signer
from services.proof.refusals import Malformed
from services.proof.tiles import Tiles
from services.proof.tree import consistency_proof
from services.proof.witness_http import witness_server
from services.proof.witnessing import AddCheckpoint, Answer, Witness
from tests.proof.signed import ORIGIN, SIGNER, TRUST, log_of, numbered_records, signed_checkpoint

NOW = 1_790_000_100
RECORDS = numbered_records(700)
OTHER = Signer("other.example/log", bytes(32))


def witness_in(folder: Path, number: int = 1) -> Witness:
    signer = Signer(f"witness{number}.example", bytes([number]) * 32)
    return Witness(signer, [SIGNER.key], folder, lambda: NOW)


def asked(earlier: int, size: int, signer: Signer = SIGNER) -> bytes:
    path = consistency_proof(earlier, size, Tiles(log_of(RECORDS[:size]), size).node)
    return AddCheckpoint(earlier, tuple(path), signed_checkpoint(RECORDS[:size], signer)).body


def cosigned(witness: Witness, answer: Answer, size: int) -> int:
    """Seconds since 1970 at which the witness says it saw the checkpoint."""
    assert answer.status == 200, answer.body
    note = Note.parse(signed_checkpoint(RECORDS[:size]))
    line = SignatureLine.parse(answer.body.removesuffix("\n"))
    opened = Trust(SIGNER.key, (witness.key,), 1).open(
        str(Note(note.text, (*note.signatures, line))).encode()
    )
    return opened.seen_at[witness.key.name]


def test_a_log_that_grows_is_cosigned_again_and_again(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    for earlier, size in [(0, 3), (3, 300), (300, 300), (300, 700)]:
        assert cosigned(witness, witness.add_checkpoint(asked(earlier, size)), size) == NOW


def test_a_witness_that_was_killed_remembers(tmp_path: Path) -> None:
    witness_in(tmp_path).add_checkpoint(asked(0, 300))

    answer = witness_in(tmp_path).add_checkpoint(asked(0, 200))
    assert (answer.status, answer.body, answer.media_type) == (409, "300\n", "text/x.tlog.size")


def test_a_shorter_log_is_never_cosigned(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    witness.add_checkpoint(asked(0, 300))

    assert witness.add_checkpoint(asked(200, 200)).status == 409
    body = asked(200, 200).replace(b"old 200", b"old 300")
    assert witness.add_checkpoint(body).status == 400


def test_a_rewritten_history_is_never_cosigned(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    witness.add_checkpoint(asked(0, 300))
    forged = [b"forged", *RECORDS[1:]]
    path = consistency_proof(300, 400, Tiles(log_of(forged[:400]), 400).node)
    for size, proof in ((400, path), (300, [])):
        body = AddCheckpoint(300, tuple(proof), signed_checkpoint(forged[:size])).body
        assert witness.add_checkpoint(body).status == 422
    assert cosigned(witness, witness.add_checkpoint(asked(300, 400)), 400) == NOW


def test_proofs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    first = AddCheckpoint(0, (bytes(32),), signed_checkpoint(RECORDS[:3])).body
    assert witness.add_checkpoint(first).status == 422
    witness.add_checkpoint(asked(0, 3))
    assert witness.add_checkpoint(AddCheckpoint(3, (), signed_checkpoint(RECORDS[:9])).body).status == 422


def test_a_log_that_is_not_known_is_not_cosigned(tmp_path: Path) -> None:
    assert witness_in(tmp_path).add_checkpoint(asked(0, 3, OTHER)).status == 404


@pytest.mark.parametrize("signer", [Signer(ORIGIN, bytes(32)), None])
def test_a_checkpoint_without_the_logs_own_signature_is_forbidden(
    tmp_path: Path, signer: Signer | None
) -> None:
    body = asked(0, 3, signer) if signer else asked(0, 3).replace(b"\n3\n", b"\n4\n")

    assert witness_in(tmp_path).add_checkpoint(body).status == 403


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"old 0", b"old -1"),
        (b"old 0", b"old 00"),
        (b"old 0", b"new 0"),
        (b"old 0", b"old 0\nAAAA"),
        (b"old 0", "old ٠".encode()),
        (b"\n\n", b"\n"),
        (b"old 0", b"old 0\n" + b"\n".join([b"A" * 43 + b"="] * 64)),
    ],
)
def test_a_request_that_is_none_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    assert witness_in(tmp_path).add_checkpoint(asked(0, 3).replace(old, new)).status == 400


def test_a_memory_that_cannot_be_read_stops_the_witness(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    witness.add_checkpoint(asked(0, 3))
    (tmp_path / sha256(ORIGIN.encode()).hexdigest()).write_bytes(b"")

    with pytest.raises(Malformed):
        witness.add_checkpoint(asked(3, 9))


@contextmanager
def served(witness: Witness) -> Iterator[str]:
    with witness_server(witness, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_over_http_it_answers_as_the_protocol_says(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    with served(witness) as url, httpx.Client(base_url=url) as client:
        name = sha256(ORIGIN.encode()).hexdigest()
        assert client.get("/key").text == f"{witness.key.of_kind(TIMESTAMPED)}\n"
        assert client.get(f"/{name}/checkpoint").status_code == 404
        assert client.post("/add-checkpoint", content=asked(0, 3)).status_code == 200
        conflict = client.post("/add-checkpoint", content=asked(0, 9))
        assert (conflict.status_code, conflict.text) == (409, "3\n")
        assert conflict.headers["Content-Type"] == "text/x.tlog.size"
        shown = client.get(f"/{name}/checkpoint")
        assert Trust(TRUST.log, (witness.key,), 1).open(shown.content).checkpoint.size == 3
        assert client.get("/%2e%2e/checkpoint").status_code == 404
        assert client.post("/elsewhere", content=b"").status_code == 404
        assert client.post("/add-checkpoint", content=b"x" * 200_001).status_code == 413
