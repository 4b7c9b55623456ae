"""`tizilim`: run the services, get a token, move the clock, migrate, rebuild, simulate, tell a story."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from services.commands.registry import JOURNALS, SERVICES, Installation, log_key
from services.kernel.clock import ClockUnreadable

if TYPE_CHECKING:
    from services.proof.notes import VerifierKey

Command = Callable[[argparse.Namespace, Installation], int]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    command: Command = parsed.command
    try:
        return command(parsed, Installation.from_environment())
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except (ValueError, OSError, ClockUnreadable) as error:
        print(f"tizilim: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        from sqlalchemy.exc import DatabaseError, OperationalError, ProgrammingError

        if not isinstance(error, DatabaseError):
            raise
        print(f"tizilim: the database cannot be used: {error.orig}", file=sys.stderr)
        if isinstance(error, OperationalError | ProgrammingError):
            print("tizilim: `tizilim migrate` makes tables that are missing", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tizilim",
        description="The register of domestic software producers. VAR names the data folder (default var), "
        "PORT_BASE the port before the first service's (default 8000).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("up", help="run the three services until Ctrl-C").set_defaults(command=_up)
    demo = commands.add_parser("demo", help="tell a producer's whole life against running services")
    demo.add_argument("--story", help="only the story of examples/<STORY>.json")
    demo.set_defaults(command=_demo)
    _token_parser(commands.add_parser("token", help="print a development token"))
    clock = commands.add_parser("clock", help="show, set or clear the simulated legal clock (development)")
    clock.add_argument("instant", nargs="?", help="an RFC 3339 instant, or `real`")
    clock.set_defaults(command=_clock)
    migrate = commands.add_parser("migrate", help="bring databases to the newest revision")
    migrate.add_argument("services", nargs="*", metavar="SERVICE")
    migrate.add_argument("--check", action="store_true", help="only check that code and migrations agree")
    migrate.set_defaults(command=_migrate)
    rebuild = commands.add_parser("rebuild", help="fold the journal into empty read models again")
    rebuild.add_argument(
        "services", nargs="+", choices=JOURNALS, metavar="SERVICE", help=" or ".join(JOURNALS)
    )
    rebuild.set_defaults(command=_rebuild)
    _export_parsers(commands)
    _log_parsers(commands)
    keys = commands.add_parser("keys", help="keys of what the services keep of persons")
    keys.add_argument(
        "action",
        choices=["rewrap", "repeat-erasures"],
        help="wrap all under the file's first wrapping key; erase again after a restore by other means",
    )
    keys.add_argument("services", nargs="*", metavar="SERVICE")
    keys.set_defaults(command=_keys)
    simulate = commands.add_parser("simulate", help="try a draft rule set on the decided cases of a period")
    simulate.add_argument("draft", type=Path, metavar="DRAFT.json")
    simulate.add_argument("--from", dest="first_day", type=date.fromisoformat, required=True, metavar="DAY")
    simulate.add_argument("--to", dest="last_day", type=date.fromisoformat, required=True, metavar="DAY")
    simulate.set_defaults(command=_simulate)
    _listen_parser(commands.add_parser("listen", help="receive webhooks here, verify and print them"))
    webhook_key = commands.add_parser("webhook-key", help="show the keys that sign webhooks, or rotate")
    webhook_key.add_argument("--rotate", action="store_true", help="let a new key follow the present one")
    webhook_key.add_argument("--at-once", action="store_true", help="with no overlap: others may know it")
    webhook_key.set_defaults(command=_webhook_key)
    openapi = commands.add_parser("openapi", help="write OpenAPI, event schemas and problem pages")
    openapi.add_argument("--check", action="store_true", help="only check that they are as generated")
    openapi.set_defaults(command=_openapi)
    return parser


def _token_parser(token: argparse.ArgumentParser) -> None:
    token.add_argument("--role", required=True)
    token.add_argument("--producer", metavar="BIN_OR_IIN")
    token.add_argument("--subject", help="who it is for, as one opaque name")
    token.add_argument(
        "--audience",
        action="append",
        choices=SERVICES,
        help="a service that is to accept it; may be given again; by default all three",
    )
    token.set_defaults(command=_token)


def _log_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.proof import command

    verify = commands.add_parser("verify", help="check a proof, extract, log, export or stored journal")
    kinds = command.add_verify(verify)
    journal = kinds.add_parser("journal", help="a service's stored journal, row by row, against its log")
    journal.add_argument("service", choices=JOURNALS)
    command.add_monitoring(journal)
    command.add_trust(journal, _verify_journal, key_needed=False)
    verify.set_defaults(command=_proof)
    witness = commands.add_parser("witness", help="cosign the checkpoints of logs")
    command.add_witness(witness)
    witness.set_defaults(command=_proof)
    begin = commands.add_parser("begin-log", help="after a restore: begin a log that names the old one's end")
    begin.add_argument("service", choices=JOURNALS)
    begin.set_defaults(command=_begin_log)


def _export_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replaying = commands.add_parser(
        "replay", help="make any past anew from a journal; compare with the live database"
    )
    replaying.add_argument("service", choices=JOURNALS)
    moment = "POSITION|INSTANT"
    replaying.add_argument("--to", metavar=moment, help="default: all that is recorded")
    replaying.add_argument("--known-at", metavar=moment, help="then --to is the legal instant to look at")
    replaying.add_argument("--into", metavar="FILE|URL", help="keep the replayed database there")
    replaying.set_defaults(command=_replay)
    export = commands.add_parser("export", help="write a whole journal to one plain file")
    export.add_argument("service", choices=JOURNALS)
    export.add_argument("file", type=Path, help="a new file, compressed if it ends in .gz; - for stdout")
    _key_argument(export)
    export.add_argument("--checkpoint", type=Path, metavar="FILE", help="another than the log's newest")
    export.set_defaults(command=_export)
    backing = commands.add_parser("backup", help="copy a running service's database into a new folder")
    backing.add_argument("service", choices=SERVICES)
    backing.add_argument("folder", type=Path)
    _key_argument(backing)
    backing.set_defaults(command=_backup)
    restoring = commands.add_parser("restore", help="bring a backup back into an empty database")
    restoring.add_argument("folder", type=Path)
    restoring.add_argument("--new-log", action="store_true", help="also if more was signed than it holds")
    restoring.add_argument("--keys-lost", action="store_true", help="also if keys of its values are lost")
    _key_argument(restoring)
    restoring.set_defaults(command=_restore)
    importing = commands.add_parser("import", help="fill an empty database from an exported journal")
    importing.add_argument("service", choices=JOURNALS)
    importing.add_argument("file", type=Path)
    _key_argument(importing)
    importing.set_defaults(command=_import)


def _key_argument(parser: argparse.ArgumentParser) -> None:
    told = "the log's verifier key, or a file with it; default: the one published in its folder here"
    parser.add_argument("--key", help=told)


def _up(_parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import up

    return up.run(installation)


def _demo(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import demo

    return demo.run(installation, parsed.story)


def _token(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.token import make_token

    print(
        make_token(
            installation,
            parsed.role,
            producer=parsed.producer,
            subject=parsed.subject,
            services=parsed.audience or SERVICES,
        )
    )
    return 0


def _clock(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.kernel.clock import LegalClock, clear_simulated_clock, set_simulated_clock

    file = installation.var / "clock.json"
    if parsed.instant == "real":
        clear_simulated_clock(file)
    elif parsed.instant is not None:
        set_simulated_clock(file, _instant(parsed.instant))
    print(f"{LegalClock(file).now().isoformat()} ({'simulated' if file.exists() else 'real'})")
    return 0


def _instant(text: str) -> datetime:
    """Raises `ValueError`: a legal day begins in Asia/Almaty, so an instant without its offset is none."""
    with suppress(ValueError):
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant
    raise ValueError(f"{text} is no instant with its offset, such as 2026-03-02T10:00:00+05:00, nor `real`")


def _migrate(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import migrate

    services = parsed.services or list(SERVICES)
    if unknown := set(services) - set(SERVICES):
        raise ValueError(f"unknown service {', '.join(sorted(unknown))}")
    if not parsed.check:
        migrate.migrate(installation, services)
        return 0
    found = migrate.check(services)
    print("\n".join(found) if found else "code and migrations agree")
    return 1 if found else 0


def _rebuild(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.rebuild import rebuild
    from services.kernel.journal.rebuilding import RebuildRefused

    try:
        for done in rebuild(installation, parsed.services):
            print(f"{done.service}: {done.events} events folded in {done.seconds:.2f} s")
    except RebuildRefused as reason:
        print(f"tizilim: {reason}", file=sys.stderr)
        return 1
    return 0


def _replay(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.replay import replay

    agrees = replay(installation, parsed.service, parsed.to, parsed.known_at, parsed.into, print)
    return 0 if agrees else 1


def _keys(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.keys import repeat_erasures, rewrap
    from services.kernel.personal_keys import KeysUnusable

    if unknown := set(parsed.services) - set(SERVICES):
        raise ValueError(f"unknown service {', '.join(sorted(unknown))}")
    services = parsed.services or list(SERVICES)
    if parsed.action == "repeat-erasures":
        for service, gone in repeat_erasures(installation, services):
            _tell_gone(service, len(gone.erased), gone.lost)
        return 0
    try:
        for service, count in rewrap(installation, services):
            print(f"{service}: {count} keys wrapped anew")
    except KeysUnusable as reason:
        print(f"tizilim: {reason}", file=sys.stderr)
        return 1
    return 0


def _export(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.export import export_journal

    key = log_key(installation, parsed.service, parsed.key)
    end = export_journal(installation, parsed.service, parsed.file, parsed.checkpoint, key)
    print(f"{parsed.service}: {end.position} records exported, root hash {end.root}", file=sys.stderr)
    _tell_unless_verified(parsed.service, key)
    return 0


def _backup(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.backup import backup

    key = log_key(installation, parsed.service, parsed.key)
    made = backup(installation, parsed.service, parsed.folder, key)
    print(f"{made.service}: {made.head} records copied to {parsed.folder}, root hash {made.root}")
    _tell_unless_verified(parsed.service, key)
    return 0


def _restore(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.copies import BehindTheLog
    from services.commands.restore import restore

    try:
        done = restore(
            installation,
            parsed.folder,
            new_log=parsed.new_log,
            keys_lost=parsed.keys_lost,
            key=parsed.key,
        )
    except BehindTheLog as behind:
        raise ValueError(
            f"{behind}. Restore a newer backup; if there is none, restore with --new-log and then begin the "
            "log anew (tizilim begin-log)"
        ) from behind
    made = done.manifest
    print(f"{made.service}: restored to position {made.head}, root hash {made.root}")
    _tell_gone(made.service, done.erased, done.lost)
    _tell_unless_verified(made.service, done.key)
    return 0


def _import(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.importing import import_journal

    key = log_key(installation, parsed.service, parsed.key)
    done = import_journal(installation, parsed.service, parsed.file, key)
    print(f"{parsed.service}: {done.records} records imported, root hash {done.root}")
    _tell_unless_verified(parsed.service, key)
    return 0


def _tell_gone(service: str, erased: int, lost: int) -> None:
    """What a database holds that nobody can read any more."""
    if erased and service == "register":
        print(f"{service}: the values of {erased} producers that were erased before are erased again")
    elif erased:
        print(f"{service}: it holds erased values of {erased}; they go as it follows the register")
    if lost:
        print(f"{service}: what stands under {lost} keys can never be read: the keys are lost")


def _tell_unless_verified(service: str, key: VerifierKey | None) -> None:
    if key is None and service in JOURNALS:
        print("no signature was verified: no key of the log is known here (--key)", file=sys.stderr)


def _proof(parsed: argparse.Namespace, _installation: Installation) -> int:
    from services.proof import command

    return command.run(parsed)


def _verify_journal(parsed: argparse.Namespace) -> str:
    from services.commands.verify import verify_journal

    return verify_journal(Installation.from_environment(), parsed)


def _begin_log(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.verify import begin_log

    print(f"{parsed.service}: the next log is {begin_log(installation, parsed.service)}")
    return 0


def _simulate(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import simulate

    return simulate.run(installation, parsed.draft, parsed.first_day, parsed.last_day)


def _listen_parser(listen: argparse.ArgumentParser) -> None:
    key = (
        "only receive, and trust this whsec_ secret or whpk_ public key; without one, subscribe (development)"
    )
    listen.add_argument("--key", action="append", default=[], help=key)
    listen.add_argument("--port", type=int, default=0, help="on 127.0.0.1; a free one unless given")
    listen.add_argument("--type", action="append", default=[], dest="event_types", metavar="TYPE")
    listen.add_argument("--bin", help="only what concerns this BIN")
    listen.add_argument("--fifo", action="store_true", help="the events of one subject in order")
    listen.add_argument("--forward", metavar="URL", help="pass what was verified on, and answer as it does")
    listen.add_argument("--bodies", action="store_true", help="print whole events")
    listen.set_defaults(command=_listen)


def _listen(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import listen

    asked = {"event_types": parsed.event_types, "ordering": "fifo" if parsed.fifo else "unordered"}
    return listen.run(
        installation,
        keys=parsed.key,
        port=parsed.port,
        asked=asked if parsed.bin is None else {**asked, "bin": parsed.bin},
        forward=parsed.forward,
        show_bodies=parsed.bodies,
    )


def _webhook_key(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import webhook_key

    return webhook_key.run(installation, rotate=parsed.rotate or parsed.at_once, at_once=parsed.at_once)


def _openapi(parsed: argparse.Namespace, _installation: Installation) -> int:
    from services.commands import openapi

    if not parsed.check:
        print(f"{openapi.write()} documents changed")
        return 0
    stale = openapi.check()
    print(
        "\n".join(["not as generated (run: make openapi):", *stale])
        if stale
        else "documents are as generated"
    )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
