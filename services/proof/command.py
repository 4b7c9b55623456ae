"""`tizilim verify ...` and `tizilim witness`; `python -m services.proof` where nothing else is installed."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from services.proof.checkpoints import SignedCheckpoint, Trust
from services.proof.exports import verify_export
from services.proof.extracts import verify_extract
from services.proof.inclusion import LogProof
from services.proof.monitoring import Monitor, check_age
from services.proof.notes import Signer, VerifierKey, encoded
from services.proof.refusals import KeyMalformed, Malformed, Refused
from services.proof.sources import Folder, Web
from services.proof.tiles import Source
from services.proof.witness_http import witness_server
from services.proof.witnessing import Witness

REFUSED: Final = 1
MISUSED: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 when everything verified, 1 when something was refused, 2 when misused."""
    parser = argparse.ArgumentParser(prog="python -m services.proof", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_verify(commands.add_parser("verify", help="check a proof, a log or an export"))
    add_witness(commands.add_parser("witness", help="cosign the checkpoints of logs"))
    parsed = parser.parse_args(arguments)
    return run(parsed)


def run(parsed: argparse.Namespace) -> int:
    """Run a parsed command and say how it ended."""
    check: Callable[[argparse.Namespace], str] = parsed.check
    try:
        print(check(parsed))
    except KeyMalformed as refused:
        print(f"misused: {refused}", file=sys.stderr)
        return MISUSED
    except Refused as refused:
        print(f"REFUSED {refused}", file=sys.stderr)
        return REFUSED
    except (OSError, ValueError) as error:
        print(f"misused: {error}", file=sys.stderr)
        return MISUSED
    return 0


Kinds = argparse._SubParsersAction  # noqa: SLF001  # argparse names it nowhere else


def add_verify(parser: argparse.ArgumentParser) -> Kinds[argparse.ArgumentParser]:
    """The commands of `verify`; gives where more can be added."""
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    proof = kinds.add_parser("proof", help="a record's proof (c2sp.org/tlog-proof@v1)")
    proof.add_argument("proof", type=Path, help="the proof's file")
    proof.add_argument("record", type=Path, help="the record's bytes, as the feed has the event")
    add_trust(proof, _check_proof)
    log = kinds.add_parser("log", help="a whole log: a folder of files, or a running service from outside")
    log.add_argument("log", help="a folder, or an address such as https://.../v1/journal/log")
    add_monitoring(log)
    add_trust(log, _check_log)
    export = kinds.add_parser("export", help="an exported journal (`tizilim export`)")
    export.add_argument("export", type=Path)
    export.add_argument("--log", help="the log's folder or address, to name a forged record by its position")
    export.add_argument("--token", type=Path, help="a file with an access token for the log")
    add_trust(export, _check_export)
    extract = kinds.add_parser("extract", help="a JSON extract")
    extract.add_argument("extract", type=Path)
    extract.add_argument("--proof", type=Path, help="the proof of its position, where none is inside")
    add_trust(extract, _check_extract)
    return kinds


def add_monitoring(parser: argparse.ArgumentParser) -> None:
    """How a log is watched."""
    parser.add_argument("--memory", type=Path, help="a folder that remembers what was seen")
    parser.add_argument("--whole", action="store_true", help="verify what was seen before once more")
    parser.add_argument("--hashes-only", action="store_true", help="not the records, only their hashes")
    parser.add_argument("--max-age", type=float, metavar="SECONDS", help="refuse an older checkpoint")
    parser.add_argument("--token", type=Path, help="a file with an access token, to read the records")


def add_witness(parser: argparse.ArgumentParser) -> None:
    """The command `witness`."""
    parser.add_argument("name", help="the witness's name, such as witness.example.kz")
    parser.add_argument("folder", type=Path, help="where it keeps its key and what it cosigned")
    parser.add_argument(
        "--log", action="append", required=True, help="a log's verifier key, or a file with it"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8010)
    parser.set_defaults(check=_serve_witness)


def trust_of(parsed: argparse.Namespace) -> Trust:
    """Whom the command line believes. Raises `KeyMalformed` and `ValueError`."""
    witnesses = tuple(key_in(text) for text in parsed.witness)
    if parsed.quorum > len(witnesses):
        raise ValueError(f"{parsed.quorum} of {len(witnesses)} witnesses cannot be had")
    return Trust(key_in(parsed.key), witnesses, parsed.quorum)


def key_in(text: str) -> VerifierKey:
    """A verifier key given as itself or as a file that holds it. Raises `KeyMalformed`."""
    return VerifierKey.parse(text if "+" in text else Path(text).read_text(encoding="utf-8"))


def look(source: Source, parsed: argparse.Namespace) -> str:
    """Watch a log as the command line asks; gives what to say."""
    monitor = Monitor(source, trust_of(parsed), parsed.memory)
    opened = monitor.look(whole=parsed.whole, records=not parsed.hashes_only)
    if parsed.max_age is not None:
        check_age(opened, time.time(), parsed.max_age)
    return told(opened)


def told(opened: SignedCheckpoint) -> str:
    """What was verified, in one line."""
    head = opened.checkpoint
    witnesses = f", cosigned by {', '.join(sorted(opened.seen_at))}" if opened.seen_at else ""
    return f"ok: {head.origin} with {head.size} records, root {encoded(head.root)}{witnesses}"


def add_trust(
    parser: argparse.ArgumentParser, check: Callable[[argparse.Namespace], str], *, key_needed: bool = True
) -> None:
    """Whom to believe, and what to do."""
    parser.add_argument("--key", required=key_needed, help="the log's verifier key, or a file with it")
    parser.add_argument("--witness", action="append", default=[], help="a witness's key, or a file with it")
    parser.add_argument("--quorum", type=int, default=0, help="how many of the witnesses must have cosigned")
    parser.set_defaults(check=check)


def _check_proof(parsed: argparse.Namespace) -> str:
    proof = LogProof.parse(parsed.proof.read_bytes())
    opened = proof.verify(parsed.record.read_bytes(), trust_of(parsed))
    return f"{told(opened)}; the record stands at position {proof.position}"


def _check_extract(parsed: argparse.Namespace) -> str:
    proof = None if parsed.proof is None else parsed.proof.read_bytes()
    verified = verify_extract(parsed.extract.read_bytes(), trust_of(parsed), proof)
    said = f"issued at {verified.issued['time']}, position {verified.position}"
    return f"{told(verified.opened)}; the extract says what was {said}"


def _check_log(parsed: argparse.Namespace) -> str:
    return look(_source(parsed.log, parsed.token), parsed)


def _check_export(parsed: argparse.Namespace) -> str:
    log = None if parsed.log is None else _source(parsed.log, parsed.token)
    verified = verify_export(parsed.export, trust_of(parsed), log)
    rest = f"; {verified.unsigned} later records are signed by nothing yet" if verified.unsigned else ""
    return told(verified.opened) + rest


def _source(text: str, token: Path | None) -> Source:
    if "://" in text:
        return Web(text, None if token is None else token.read_text().strip())
    if not Path(text).is_dir():
        raise ValueError(f"{text} is neither a folder nor an address")
    return Folder(Path(text))


def _serve_witness(parsed: argparse.Namespace) -> str:
    seed = parsed.folder / "witness.key"
    if not seed.exists():
        parsed.folder.mkdir(parents=True, exist_ok=True)
        seed.touch(mode=0o600)
        seed.write_text(secrets.token_hex(32))
    try:
        signer = Signer(parsed.name, bytes.fromhex(seed.read_text().strip()))
    except ValueError:
        raise Malformed(f"{seed} holds no key: 64 hexadecimal digits") from None
    witness = Witness(signer, [key_in(text) for text in parsed.log], parsed.folder / "cosigned", time.time)
    with witness_server(witness, parsed.host, parsed.port) as server:
        print(f"{parsed.name} listens on http://{parsed.host}:{server.server_address[1]}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return "stopped"
    return "stopped"
