"""The verifier's commands: they run with nothing of the services, and never end well in silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from services.proof import command
from services.proof.notes import VerifierKey
from tests.proof.signed import SIGNER, TRUST, log_of, numbered_records, proof_in
from tests.proof.test_witnessing import asked

ROOT = Path(__file__).parents[2]
RECORDS = numbered_records(300)
FILES = log_of(RECORDS)
KEY = str(SIGNER.key)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = command.main([str(each) for each in arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    FILES.write_to(tmp_path / "log")
    (tmp_path / "proof").write_text(str(proof_in(FILES, 42)))
    (tmp_path / "record").write_bytes(RECORDS[41])
    (tmp_path / "key").write_text(KEY)
    return tmp_path


def test_a_proof_is_checked_with_its_record_and_the_key(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("verify", "proof", folder / "proof", folder / "record", "--key", folder / "key")
    code, said = run(capsys, *given)
    assert code == 0
    assert said.startswith("ok: register.example.kz/log with 300 records")
    assert said.endswith("the record stands at position 42\n")

    (folder / "record").write_bytes(RECORDS[42])
    code, said = run(capsys, *given)
    assert (code, said.startswith("REFUSED not_included")) == (1, True)
    assert "first bad position 42" in said


def test_a_log_is_watched_from_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("verify", "log", folder / "log", "--key", KEY, "--memory", folder / "memory")
    assert run(capsys, *given)[0] == 0
    log_of(RECORDS[:290]).write_to(folder / "log")

    code, said = run(capsys, *given)
    assert (code, said.startswith("REFUSED shorter")) == (1, True)
    assert run(capsys, *given[:5], "--max-age", "600")[1].startswith("REFUSED stale")


@pytest.mark.parametrize(
    "wrong",
    [
        ["--key", "register.example.kz/log+00000000+AAAA"],
        ["--key", "no-such-file"],
        ["--key", KEY, "--quorum", "1"],
    ],
)
def test_a_misuse_is_no_verification(
    folder: Path, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    code, said = run(capsys, "verify", "log", folder / "log", *wrong)
    assert (code, said.startswith("misused")) == (2, True)


def test_it_runs_without_the_services_and_their_libraries(folder: Path) -> None:
    """In a process that can import the standard library and `cryptography` alone."""
    program = (
        "import sys\n"
        "class Only:\n"
        "    def find_spec(self, name, *_):\n"
        "        top = name.partition('.')[0]\n"
        "        known = top in sys.stdlib_module_names or top in {'cryptography', 'cffi', '_cffi_backend'}\n"
        "        if not known and name != 'services' and not name.startswith('services.proof'):\n"
        "            raise ImportError('not allowed: ' + name)\n"
        "sys.meta_path.insert(0, Only())\n"
        "from services.proof.command import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "verify", "log", folder / "log", "--key", KEY],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok: ")


def test_a_witness_that_is_killed_keeps_its_word(tmp_path: Path) -> None:
    given = [
        sys.executable,
        "-m",
        "services.proof",
        "witness",
        "w.example",
        str(tmp_path),
        "--port",
        "0",
        "--log",
        KEY,
    ]
    keys = []
    for earlier, size, status in ((0, 300, 200), (0, 200, 409)):
        process = subprocess.Popen(given, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            answer = httpx.post(f"{url}/add-checkpoint", content=asked(earlier, size))
            keys.append(VerifierKey.parse(httpx.get(f"{url}/key").text))
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        assert answer.status_code == status
    assert keys[0] == keys[1]
    assert TRUST.log not in keys
