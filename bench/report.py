"""What a run measured: medians over its rounds, printed as a table for docs/performance.md."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections import defaultdict


class Report:
    """Rates and ratios by name, in the order they first came."""

    def __init__(self) -> None:
        self._rates: dict[str, list[float]] = defaultdict(list)
        self._ratios: dict[str, list[float]] = defaultdict(list)
        self._unit: dict[str, str] = {}

    def rate(self, name: str, value: float, unit: str = "/s") -> None:
        """One round's absolute figure."""
        self._rates[name].append(value)
        self._unit[name] = unit
        print(f"  {name}: {value:,.0f}{unit}", file=sys.stderr, flush=True)

    def ratio(self, name: str, value: float, floor: float) -> None:
        """One round's figure beside the same round's floor."""
        self._ratios[name].append(value / floor)
        self._rates[name].append(value)
        self._unit[name] = "/s"
        print(f"  {name}: {value:,.0f}/s, ratio {value / floor:.2f}", file=sys.stderr, flush=True)

    def table(self) -> str:
        """Markdown: the median of each, with the least and greatest."""
        lines = ["| | median | ratio to the floor of its round (least to greatest) |", "|---|---|---|"]
        for name, rates in self._rates.items():
            figure = f"{statistics.median(rates):,.0f}{self._unit[name]}"
            ratios = self._ratios.get(name)
            ratio = (
                f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
                if ratios
                else ""
            )
            lines.append(f"| {name} | {figure} | {ratio} |")
        return "\n".join(lines)


def machine() -> str:
    """The machine in one line."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
