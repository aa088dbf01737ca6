"""Which windows must be computed again, by what the lake says each holds now; and when time alone makes one due. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from clearance.monitoring.model import Inputs, Rules, Window, WindowSummary, phase
from clearance.monitoring.windows import holding, length

NOTHING = "0" * 16
"""The digest of a window without events (`telemetry.model.Tally`)."""


def changed(
    spans: Sequence[Window],
    known: Mapping[datetime, WindowSummary],
    digests: Mapping[datetime, str],
    inputs: Inputs,
    rules: Rules,
) -> list[Window]:
    """Return the windows that are new, were judged otherwise or in another phase, or whose events or labels changed.

    Args:
        spans: all windows there are.
        known: what was computed before, by the start of the window.
        digests: of what the lake holds now, by the start of the window; a window without events is left out.
        inputs: what would be computed from.
        rules: what would be judged by.
    """
    return [
        window
        for window in spans
        if not _current(known.get(window.start), window, digests.get(window.start, NOTHING), inputs, rules)
    ]


def next_phase(now: datetime, rules: Rules) -> datetime:
    """Return when the next window ends or matures, if nothing else happens: the first moment at which one is due by time."""
    every, maturity = length(rules.window), timedelta(days=rules.label_maturity_days)
    return min(holding(now, every).end, holding(now - maturity, every).end + maturity)


def _current(summary: WindowSummary | None, window: Window, digest: str, inputs: Inputs, rules: Rules) -> bool:
    return (
        summary is not None
        and summary.window == window
        and summary.digest == digest
        and summary.inputs.monitor == inputs.monitor
        and summary.inputs.code == inputs.code
        and summary.phase == phase(window, inputs.until, rules.label_maturity_days)
    )
