"""`make bench` prints each aim beside what was measured, and whether the median reaches it."""

from __future__ import annotations

from bench.report import Report, least, most


def test_an_aim_is_met_or_missed_by_the_median() -> None:
    report = Report()
    for rate in (30.0, 50.0, 60.0):
        report.ratio("appends", rate, 100.0, least(0.5))
        report.ratio("too slow", rate, 100.0, least(0.51))
        report.rate("latency", rate, " ms", most(49))
        report.rate("told alone", rate)
    assert report.table().splitlines()[2:] == [
        "| appends | 50/s | **0.50** (0.30 to 0.60) | at least 0.5: met |",
        "| too slow | 50/s | **0.50** (0.30 to 0.60) | at least 0.51: MISSED |",
        "| latency | 50 ms |  | at most 49 ms: MISSED |",
        "| told alone | 50/s |  |  |",
    ]
