"""A worker process tells of itself on a port of its own, on loopback unless told otherwise."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.kernel.http.health import Notice
from services.kernel.http.worker_health import WorkerHealth
from services.kernel.settings import ServiceSettings

TROUBLE: dict[str, str | None] = {"delivering": None}


def settings(var: Path, **given: Any) -> ServiceSettings:
    return ServiceSettings(var=var, _env_file=None, **given)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerHealth]:
    monkeypatch.setitem(TROUBLE, "delivering", None)
    health = WorkerHealth(settings(tmp_path, worker_port=0), {"delivering": lambda: TROUBLE["delivering"]})
    health.start()
    yield health
    health.stop()


@pytest.mark.parametrize(
    ("trouble", "status", "told"),
    [(None, 200, "ok"), ("nothing delivers any more", 503, "nothing delivers any more")],
)
def test_readiness_is_what_the_checks_say(
    worker: WorkerHealth, monkeypatch: pytest.MonkeyPatch, trouble: str | None, status: int, told: str
) -> None:
    monkeypatch.setitem(TROUBLE, "delivering", trouble)
    with httpx.Client(base_url=f"http://127.0.0.1:{worker.port}", trust_env=False) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]) == (status, {"delivering": told})
        assert client.get("/healthz").json()["status"] == "ok"
        assert "tizilim_parked_events" in client.get("/metrics").text
        assert client.get("/openapi.json").status_code == 404
        monkeypatch.setitem(TROUBLE, "delivering", Notice("one neighbour is away"))
        assert client.get("/readyz").status_code == 200


def test_it_listens_on_loopback_and_only_where_a_port_is_set(tmp_path: Path, worker: WorkerHealth) -> None:
    assert settings(tmp_path, worker_port=0).worker_host == "127.0.0.1"
    silent = WorkerHealth(settings(tmp_path), {})
    silent.start()
    silent.stop()
    assert silent.port is None
    taken = WorkerHealth(settings(tmp_path, worker_port=worker.port), {})
    with pytest.raises(OSError, match="in use"):
        taken.start()


def test_it_is_gone_after_it_was_stopped(tmp_path: Path) -> None:
    health = WorkerHealth(settings(tmp_path, worker_port=0), {})
    health.start()
    port = health.port
    httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
    health.stop()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port or 0), 5):
        pass
