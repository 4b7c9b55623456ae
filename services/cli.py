"""`tizilim`: run the services, get a token, move the clock, migrate, rebuild, simulate, tell a story."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from services.commands.arguments import parser
from services.commands.registry import JOURNALS, SERVICES, Installation, log_key
from services.kernel.clock import ClockUnreadable

if TYPE_CHECKING:
    from services.commands.restored_values import Gone
    from services.proof.notes import VerifierKey

Command = Callable[[argparse.Namespace, Installation], int]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parsed = parser().parse_args(arguments)
    try:
        return _COMMANDS[parsed.command](parsed, Installation.from_environment())
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


def _up(_parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import up

    return up.run(installation)


def _demo(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import demo

    return demo.run(installation, parsed.story, apart=parsed.apart)


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
        lost = 0
        for service, gone in repeat_erasures(installation, services):
            _tell_gone(service, gone)
            lost += gone.lost
        return 1 if lost else 0
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
    _tell_gone(made.service, done.gone)
    _tell_unless_verified(made.service, done.key)
    return 0


def _import(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.importing import import_journal

    key = log_key(installation, parsed.service, parsed.key)
    done = import_journal(installation, parsed.service, parsed.file, key)
    print(f"{parsed.service}: {done.records} records imported, root hash {done.root}")
    _tell_unless_verified(parsed.service, key)
    return 0


def _tell_gone(service: str, gone: Gone) -> None:
    """What a database held that nobody can read any more; elsewhere a replaced value's key is gone too."""
    erased, kept = len(gone.erased), len(gone.kept)
    if erased and service != "register":
        held = f"it holds erased or replaced values of {erased}"
        print(f"{service}: {held}; they go as it follows the register")
    elif erased:
        print(f"{service}: the values of {erased} producers that were erased before are erased again")
    if kept and service == "register":
        print(f"{service}: {kept} of them filed anew: what they filed since stays")
    if gone.lost:
        print(f"{service}: what stands under {gone.lost} keys can never be read: the keys are lost")


def _tell_unless_verified(service: str, key: VerifierKey | None) -> None:
    if key is None and service in JOURNALS:
        print("no signature was verified: no key of the log is known here (--key)", file=sys.stderr)


def _proof(parsed: argparse.Namespace, _installation: Installation) -> int:
    from services.proof import command

    return command.run(parsed)


def _begin_log(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands.verify import begin_log

    print(f"{parsed.service}: the next log is {begin_log(installation, parsed.service)}")
    return 0


def _simulate(parsed: argparse.Namespace, installation: Installation) -> int:
    from services.commands import simulate

    return simulate.run(installation, parsed.draft, parsed.first_day, parsed.last_day)


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


_COMMANDS: Final[dict[str, Command]] = {
    "up": _up,
    "demo": _demo,
    "token": _token,
    "clock": _clock,
    "migrate": _migrate,
    "rebuild": _rebuild,
    "replay": _replay,
    "export": _export,
    "backup": _backup,
    "restore": _restore,
    "import": _import,
    "verify": _proof,
    "witness": _proof,
    "begin-log": _begin_log,
    "keys": _keys,
    "simulate": _simulate,
    "listen": _listen,
    "webhook-key": _webhook_key,
    "openapi": _openapi,
}

if __name__ == "__main__":
    sys.exit(main())
