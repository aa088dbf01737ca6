"""Which windows must be computed again, found out with as few questions to the lake as possible; pure over a count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from clearance.monitoring.model import Inputs, Rules, Window, WindowSummary, phase

Count = Callable[[datetime, datetime], tuple[int, int]]
"""Rows and labelled rows between two moments, as the lake has them now."""


def changed(
    spans: Sequence[Window],
    known: Mapping[datetime, WindowSummary],
    inputs: Inputs,
    rules: Rules,
    count: Count,
) -> list[Window]:
    """Return the windows that are new, were judged otherwise or in another phase, or whose events or labels grew.

    While both tables have the versions that a window was computed from, nothing is asked. Otherwise a span of windows is
    asked for as one and split only where its count differs, so that one new label among many windows costs few questions.
    A label that was corrected leaves the count as it is: `recompute` is for that.
    """
    stale = [window for window in spans if not _same(known.get(window.start), window, inputs, rules)]
    doubtful = [
        known[window.start] for window in spans if window not in stale and not _untouched(known[window.start], inputs)
    ]
    grown = [summary.window for run in _runs(doubtful) for summary in _differing(run, count)]
    return sorted([*stale, *grown], key=lambda window: window.start)


def _same(summary: WindowSummary | None, window: Window, inputs: Inputs, rules: Rules) -> bool:
    return (
        summary is not None
        and summary.window == window
        and summary.inputs.monitor == inputs.monitor
        and summary.inputs.code == inputs.code
        and summary.phase == phase(window, inputs.until, rules.label_maturity_days)
        and (summary.phase.closed or summary.inputs.until == inputs.until)
    )


def _untouched(summary: WindowSummary, inputs: Inputs) -> bool:
    found = summary.inputs
    return (found.events_version, found.labels_version) == (inputs.events_version, inputs.labels_version)


def _runs(summaries: Sequence[WindowSummary]) -> list[list[WindowSummary]]:
    runs: list[list[WindowSummary]] = []
    for summary in summaries:
        if runs and runs[-1][-1].window.end == summary.window.start:
            runs[-1].append(summary)
        else:
            runs.append([summary])
    return runs


def _differing(run: Sequence[WindowSummary], count: Count) -> list[WindowSummary]:
    recorded = sum(summary.events for summary in run), sum(summary.labelled for summary in run)
    if count(run[0].window.start, run[-1].window.end) == recorded:
        return []
    if len(run) == 1:
        return list(run)
    middle = len(run) // 2
    return _differing(run[:middle], count) + _differing(run[middle:], count)
