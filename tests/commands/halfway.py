"""A command that is killed at one of its steps, as `kill -9` does it."""

from __future__ import annotations

import os
import signal
from importlib import import_module
from unittest.mock import patch

from services.cli import main

SECONDS = 60


def killed_half_way(step: str, *arguments: str) -> None:
    """Run `tizilim` with `arguments` in a process that dies when it comes to the function `step`.

    The process is forked, because a new one would take seconds only to import what is here already.
    """
    import_module(step.rpartition(".")[0].removesuffix(".Filling"))
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        with patch(step, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)):
            code = main(list(arguments))
        os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"it never came to {step}"
