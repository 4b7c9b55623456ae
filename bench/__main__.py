"""Measure what docs/performance.md tells: `python -m bench [PART ...]`, ROUNDS=5."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

from bench import (
    commands,
    explanation,
    extracts,
    journal,
    life,
    log,
    replay,
    rounds,
    simulation,
    times,
    webhooks,
)
from bench.report import Report, machine

PARTS: Final[dict[str, Callable[[Report, int], None]]] = {
    "journal": journal.measure,
    "commands": commands.measure,
    "life": life.measure,
    "log": log.measure,
    "replay": replay.measure,
    "rounds": rounds.measure,
    "simulation": simulation.measure,
    "webhooks": webhooks.measure,
    "explanation": explanation.measure,
    "times": times.measure,
    "extracts": extracts.measure,
}


def main() -> int:
    """Measure the named parts, or all; print one table. Returns the exit code."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = set(wanted) - set(PARTS)
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    times = int(os.environ.get("ROUNDS", "5"))
    report = Report()
    for part in wanted:
        print(f"{part}:", file=sys.stderr, flush=True)
        PARTS[part](report, times)
    print(f"{machine()}; {times} rounds\n\n{report.table()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
