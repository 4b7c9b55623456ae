"""The walk with curl in docs/api.md leads from an upload to an entry, word for word as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from services.commands.up import free_installation, running

ROOT = Path(__file__).parents[2]
HEADING = "## From an upload to an entry, with curl\n"


def walk() -> str:
    """The shell of that section."""
    section = (ROOT / "docs" / "api.md").read_text().partition(HEADING)[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE))


def test_the_walk_ends_with_a_product_of_kazakhstani_origin(tmp_path: Path) -> None:
    installation = free_installation(tmp_path / "var")
    shell = walk()
    for service, port in (("register", 8001), ("verification", 8002), ("notifications", 8003)):
        assert f"http://127.0.0.1:{port}\n" in shell
        shell = shell.replace(f"http://127.0.0.1:{port}\n", f"{installation.url(service)}\n")
    environment = {**os.environ, "VAR": str(installation.var), "PORT_BASE": str(installation.port_base)}
    environment |= {"TMPDIR": str(tmp_path), "no_proxy": "127.0.0.1"}
    with running(installation):
        ended = subprocess.run(
            ["sh", "-eu", "-c", shell],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-5:] == [
        "included",
        "true",
        "kz.register.entry.included.v1",
        "“Dala Accounting” included in the register",
        "0000000001",
    ]
