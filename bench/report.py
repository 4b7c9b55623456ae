"""What a run measured: medians over its rounds, printed as a table for docs/performance.md."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure is to reach: at least or at most so much, of the median."""

    bound: float
    at_least: bool

    def judged(self, median: float, unit: str) -> str:
        """The aim in words, and whether it is met."""
        met = median >= self.bound if self.at_least else median <= self.bound
        words = "at least" if self.at_least else "at most"
        return f"{words} {self.bound:,g}{unit}: {'met' if met else 'MISSED'}"


def least(bound: float) -> Aim:
    """At least so much."""
    return Aim(bound, at_least=True)


def most(bound: float) -> Aim:
    """At most so much."""
    return Aim(bound, at_least=False)


class Report:
    """Rates and ratios by name, in the order they first came."""

    def __init__(self) -> None:
        self._rates: dict[str, list[float]] = defaultdict(list)
        self._ratios: dict[str, list[float]] = defaultdict(list)
        self._unit: dict[str, str] = {}
        self._aims: dict[str, Aim] = {}

    def rate(self, name: str, value: float, unit: str = "/s", aim: Aim | None = None) -> None:
        """One round's absolute figure, in `unit`, and what it is to reach."""
        if aim is not None:
            self._aims[name] = aim
        self._rates[name].append(value)
        self._unit[name] = unit
        print(f"  {name}: {value:,.0f}{unit}", file=sys.stderr, flush=True)

    def ratio(self, name: str, value: float, floor: float, aim: Aim | None = None) -> None:
        """One round's figure beside the same round's floor, and what the ratio is to reach."""
        if aim is not None:
            self._aims[name] = aim
        self._ratios[name].append(value / floor)
        self._rates[name].append(value)
        self._unit[name] = "/s"
        print(f"  {name}: {value:,.0f}/s, ratio {value / floor:.2f}", file=sys.stderr, flush=True)

    def table(self) -> str:
        """Markdown: the median of each with the least and greatest, and its aim, met or missed."""
        lines = [
            "| | median | ratio to the floor of its round (least to greatest) | aim |",
            "|---|---|---|---|",
        ]
        for name, rates in self._rates.items():
            figure = f"{statistics.median(rates):,.0f}{self._unit[name]}"
            ratios = self._ratios.get(name)
            ratio = (
                f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
                if ratios
                else ""
            )
            lines.append(f"| {name} | {figure} | {ratio} | {self._judged(name)} |")
        return "\n".join(lines)

    def _judged(self, name: str) -> str:
        """An aim holds for the ratio where there is one, else for the figure; empty without an aim."""
        aim, ratios = self._aims.get(name), self._ratios.get(name)
        if aim is None:
            return ""
        if ratios:
            return aim.judged(statistics.median(ratios), "")
        return aim.judged(statistics.median(self._rates[name]), self._unit[name])


def machine() -> str:
    """The machine in one line."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
