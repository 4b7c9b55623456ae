"""What `make up` starts: ready, stopped in order, killed and started anew, alone on its folder and ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.commands import demo
from services.commands.registry import SERVICES, Installation
from services.commands.up import Process, free_installation, run
from tests.journeys.world import World

TIZILIM = Path(sys.executable).with_name("tizilim")
HOLDER = "180140006007"
PRODUCT = "Қойма"
LISTING = {
    "reference": "ДПО-2025-900",
    "listed_on": "2025-11-10",
    "holder": HOLDER,
    "product_name": {"kk": PRODUCT, "ru": "Склад"},
}


def command(name: str, installation: Installation, *arguments: str) -> subprocess.Popen[str]:
    """A command on this installation, as the Makefile runs it."""
    settings = {"VAR": str(installation.var), "PORT_BASE": str(installation.port_base)}
    return subprocess.Popen(
        [TIZILIM, name, *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(name: str, installation: Installation, *arguments: str) -> tuple[int, str, str]:
    """The exit code and what was written."""
    process = command(name, installation, *arguments)
    out, err = process.communicate(timeout=90)
    return process.returncode, out, err


@contextmanager
def up(installation: Installation) -> Iterator[subprocess.Popen[str]]:
    """`make up`, once it says that it is ready and every service says so too; killed if still there."""
    process = command("up", installation)
    try:
        said = ""
        while "Ctrl-C stops everything" not in said:
            line = process.stdout.readline() if process.stdout else ""
            assert line, process.communicate()
            said += line
        assert "Tizilim is ready." in said
        for service in SERVICES:
            assert f"{installation.url(service)}/docs" in said
            assert httpx.get(f"{installation.url(service)}/readyz", trust_env=False).json()["status"] == "ok"
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out.strip(), err


def kill_all(process: subprocess.Popen[str]) -> None:
    """As a power cut does it: the command and its services at once."""
    services = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(services) == len(SERVICES)
    for pid in (process.pid, *map(int, services)):
        os.kill(pid, signal.SIGKILL)
    process.communicate()


def journals(world: World) -> dict[str, list[dict[str, Any]]]:
    return {service: world.journal(service) for service in ("register", "verification")}


def test_it_tells_once_it_is_ready_resumes_after_a_kill_and_stops_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installation = free_installation(tmp_path / "var")
    with up(installation) as process:
        world = World(installation)
        the_demo_borrows_fresh_services_and_tidies_up(world)
        the_demo_stays_away_from_facts(installation)
        a_demo_that_fails_says_so_and_tidies_up(world, tmp_path, monkeypatch, capsys)
        it_refuses_company(installation, tmp_path)
        before = journals(world)
        world.as_role("informatization_officer").done("verification", "/v1/trusted-software", LISTING)
        kill_all(process)
    with up(installation) as process:
        after = journals(world)
        for service, events in before.items():
            assert events
            assert after[service][: len(events)] == events
        assert after["verification"][-1]["data"]["reference"] == LISTING["reference"]
        world.eventually(lambda: listed_message(world), "the message of what was recorded before the kill")
        process.send_signal(signal.SIGTERM)
        assert ended(process) == (0, "stopping", "")
    world.http.close()


def listed_message(world: World) -> dict[str, Any] | None:
    producer = world.as_role("producer", producer=HOLDER)
    page = producer.get("notifications", f"/v1/accounts/{HOLDER}/messages")["items"]
    return next((one for one in page if PRODUCT in one["texts"]["kk"]["subject"]), None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_its_services_at_either_signal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    """With no service to start: which signal it was makes no difference to them."""
    left: list[Installation] = []

    @contextmanager
    def signalled(installation: Installation) -> Iterator[list[Process]]:
        signal.raise_signal(number)
        try:
            yield []
        finally:
            left.append(installation)

    monkeypatch.setattr("services.commands.up.running", signalled)
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    installation = Installation(tmp_path, 9_000)
    try:
        assert run(installation) == 0
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert left == [installation]
    assert capsys.readouterr().out.endswith("stopping\n")


MANY_SIGNALS = """
import os, subprocess, sys
from contextlib import contextmanager
from pathlib import Path
from services.commands import up
from services.commands.registry import Installation

@contextmanager
def signalled(installation):
    telling = f"for one in $(seq 20000); do kill -TERM {os.getpid()}; done"
    with subprocess.Popen(["sh", "-c", telling]):
        yield []

up.running = signalled
sys.exit(up.run(Installation(Path(sys.argv[1]), 9_000)))
"""


def test_it_stops_however_many_signals_come_at_once(tmp_path: Path) -> None:
    """As when a terminal or a supervisor tells the whole group and make passes it on."""
    ended = subprocess.run(
        [sys.executable, "-c", MANY_SIGNALS, tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("stopping\n")


def assert_tidy(world: World) -> None:
    """The clock is real, and no subscription of the demo is left."""
    assert not (world.installation.var / "clock.json").exists()
    integrator = world.as_role("integrator", subject="procurement-platform")
    assert integrator.get("notifications", "/v1/subscriptions")["items"] == []


def the_demo_borrows_fresh_services_and_tidies_up(world: World) -> None:
    code, told, errors = outcome("demo", world.installation, "--story", "clean")
    assert (code, errors) == (0, ""), told
    assert told.startswith(f"Using the services that run at {world.installation.url('register')} and after")
    assert f"stays in {world.installation.var}, for a journal only grows: 1 producers" in told
    assert world.public().get("register", "/v1/entries")["items"][0]["status"] == "included"
    assert_tidy(world)


def the_demo_stays_away_from_facts(installation: Installation) -> None:
    """It would move their legal clock and decide their cases."""
    assert demo._in_the_way(installation) == "hold facts already"
    stranger = Installation(installation.var.with_name("strange"), installation.port_base)
    assert demo._in_the_way(stranger).startswith("do not trust the development key")


def a_demo_that_fails_says_so_and_tidies_up(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told of a producer who falls short by a hair, whose report meets every criterion."""
    told = json.loads((demo.EXAMPLES / "localisation_by_a_hair.json").read_text())
    told["report"] = json.loads((demo.EXAMPLES / "clean.json").read_text())["report"]
    (folder / "localisation_by_a_hair.json").write_text(json.dumps(told))
    monkeypatch.setattr(demo, "EXAMPLES", folder)
    monkeypatch.setattr(demo, "_in_the_way", lambda _installation: "")
    assert demo.run(world.installation, "localisation_by_a_hair") == 1
    written = capsys.readouterr()
    assert written.err.startswith("\nthe story ends here: POST verification/v1/cases/")
    assert "/conclusion: 422 " in written.err
    assert "Reasons are required. The computed result is confirmed" in written.err
    assert "Every step" not in written.out
    assert_tidy(world)


def it_refuses_company(installation: Installation, folder: Path) -> None:
    code, out, errors = outcome("up", installation)
    assert (code, out) == (1, "")
    assert errors == f"cannot start: another `tizilim up` already uses the data folder {installation.var}\n"
    code, out, errors = outcome("up", Installation(folder / "other", installation.port_base))
    assert (code, out) == (1, "")
    assert errors == (
        f"cannot start: port {installation.port('register')} for register is taken; "
        "choose others with PORT_BASE, for example PORT_BASE=9000\n"
    )
