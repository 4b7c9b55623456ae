"""What the command line takes: one parser for each command of `tizilim`."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from services.commands.registry import JOURNALS, SERVICES, Installation


def parser() -> argparse.ArgumentParser:
    """The whole command line; `command` of what it parses is the command's name."""
    whole = argparse.ArgumentParser(
        prog="tizilim",
        description="The register of domestic software producers. VAR names the data folder (default var), "
        "PORT_BASE the port before the first service's (default 8000).",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="run the three services until Ctrl-C")
    demo = commands.add_parser("demo", help="tell a producer's whole life against running services")
    demo.add_argument("--story", help="only the story of examples/<STORY>.json")
    demo.add_argument("--apart", action="store_true", help="on services of its own, whatever runs here")
    _token_parser(commands.add_parser("token", help="print a development token"))
    clock = commands.add_parser("clock", help="show, set or clear the simulated legal clock (development)")
    clock.add_argument("instant", nargs="?", help="an RFC 3339 instant, or `real`")
    migrate = commands.add_parser("migrate", help="bring databases to the newest revision")
    migrate.add_argument("services", nargs="*", metavar="SERVICE")
    migrate.add_argument("--check", action="store_true", help="only check that code and migrations agree")
    rebuild = commands.add_parser("rebuild", help="fold the journal into empty read models again")
    rebuild.add_argument(
        "services", nargs="+", choices=JOURNALS, metavar="SERVICE", help=" or ".join(JOURNALS)
    )
    _export_parsers(commands)
    _log_parsers(commands)
    keys = commands.add_parser("keys", help="keys of what the services keep of persons")
    keys.add_argument(
        "action",
        choices=["rewrap", "repeat-erasures"],
        help="wrap all under the file's first wrapping key; erase again after a restore by other means",
    )
    keys.add_argument("services", nargs="*", metavar="SERVICE")
    simulate = commands.add_parser("simulate", help="try a draft rule set on the decided cases of a period")
    simulate.add_argument("draft", type=Path, metavar="DRAFT.json")
    simulate.add_argument("--from", dest="first_day", type=date.fromisoformat, required=True, metavar="DAY")
    simulate.add_argument("--to", dest="last_day", type=date.fromisoformat, required=True, metavar="DAY")
    _listen_parser(commands.add_parser("listen", help="receive webhooks here, verify and print them"))
    webhook_key = commands.add_parser("webhook-key", help="show the keys that sign webhooks, or rotate")
    webhook_key.add_argument("--rotate", action="store_true", help="let a new key follow the present one")
    webhook_key.add_argument("--at-once", action="store_true", help="with no overlap: others may know it")
    openapi = commands.add_parser("openapi", help="write OpenAPI, event schemas and problem pages")
    openapi.add_argument("--check", action="store_true", help="only check that they are as generated")
    return whole


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


def _log_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from services.proof import command

    verify = commands.add_parser("verify", help="check a proof, extract, log, export or stored journal")
    kinds = command.add_verify(verify)
    journal = kinds.add_parser("journal", help="a service's stored journal, row by row, against its log")
    journal.add_argument("service", choices=JOURNALS)
    command.add_monitoring(journal)
    command.add_trust(journal, _verify_journal, key_needed=False)
    witness = commands.add_parser("witness", help="cosign the checkpoints of logs")
    command.add_witness(witness)
    begin = commands.add_parser("begin-log", help="after a restore: begin a log that names the old one's end")
    begin.add_argument("service", choices=JOURNALS)


def _export_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replaying = commands.add_parser(
        "replay", help="make any past anew from a journal; compare with the live database"
    )
    replaying.add_argument("service", choices=JOURNALS)
    moment = "POSITION|INSTANT"
    replaying.add_argument("--to", metavar=moment, help="default: all that is recorded")
    replaying.add_argument("--known-at", metavar=moment, help="then --to is the legal instant to look at")
    replaying.add_argument("--into", metavar="FILE|URL", help="keep the replayed database there")
    export = commands.add_parser("export", help="write a whole journal to one plain file")
    export.add_argument("service", choices=JOURNALS)
    export.add_argument("file", type=Path, help="a new file, compressed if it ends in .gz; - for stdout")
    _key_argument(export)
    export.add_argument("--checkpoint", type=Path, metavar="FILE", help="another than the log's newest")
    backing = commands.add_parser("backup", help="copy a running service's database into a new folder")
    backing.add_argument("service", choices=SERVICES)
    backing.add_argument("folder", type=Path)
    _key_argument(backing)
    restoring = commands.add_parser("restore", help="bring a backup back into an empty database")
    restoring.add_argument("folder", type=Path)
    restoring.add_argument("--new-log", action="store_true", help="also if more was signed than it holds")
    restoring.add_argument("--keys-lost", action="store_true", help="also if keys of its values are lost")
    _key_argument(restoring)
    importing = commands.add_parser("import", help="fill an empty database from an exported journal")
    importing.add_argument("service", choices=JOURNALS)
    importing.add_argument("file", type=Path)
    _key_argument(importing)


def _key_argument(parser: argparse.ArgumentParser) -> None:
    told = "the log's verifier key, or a file with it; default: the one published in its folder here"
    parser.add_argument("--key", help=told)


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


def _verify_journal(parsed: argparse.Namespace) -> str:
    from services.commands.verify import verify_journal

    return verify_journal(Installation.from_environment(), parsed)
