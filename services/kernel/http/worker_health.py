"""What tells of a worker process: `/healthz`, `/readyz` and `/metrics` on a port of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from typing import Final

import uvicorn
from fastapi import FastAPI

from services.kernel.http.connections import Connection
from services.kernel.http.health import Check, health_router
from services.kernel.settings import ServiceSettings

STOP_SECONDS: Final = 5.0


class WorkerHealth:
    """Answers in a thread of its own while its process works; nothing where the settings name no port."""

    def __init__(self, settings: ServiceSettings, checks: Mapping[str, Check]) -> None:
        self._settings = settings
        app = FastAPI(openapi_url=None)
        app.include_router(health_router(checks))
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None
        self.port: int | None = None
        """Where it answers; None before it does."""

    def start(self) -> None:
        """Begin to answer. Raises `OSError` when the port is taken."""
        if self._settings.worker_port is None:
            return
        listening = socket.create_server((self._settings.worker_host, self._settings.worker_port))
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="worker-health", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=STOP_SECONDS)
