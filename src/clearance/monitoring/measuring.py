"""From the lake to the figures of windows: what is there, and what it says; reads only, and outside of any transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import clearance
from clearance.monitoring.model import Inputs, Monitor, Window, WindowFigures, WindowSummary, phase
from clearance.monitoring.windows import MONDAY, covering, length

if TYPE_CHECKING:
    from clearance.monitoring.baselines import Baseline
    from clearance.statistics.profiles import Profile
    from clearance.telemetry.lake import Lake


@dataclass(frozen=True, slots=True)
class Holdings:
    """Which windows the lake has events of, from the first to the last, and the digest of what each holds."""

    spans: tuple[Window, ...]
    digests: Mapping[datetime, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """A window's figures with the profiles they come from, by version, as JSON."""

    found: WindowFigures
    profiles: Mapping[str, Any]


def inputs_of(monitor: Monitor, versions: Mapping[str, int], until: datetime) -> Inputs:
    """Return what figures would be computed from."""
    import numpy as np

    return Inputs(
        events_version=versions["events"],
        labels_version=versions["labels"],
        until=until,
        baseline=monitor.config.baseline_dataset,
        monitor=monitor.digest,
        code=f"clearance {clearance.__version__}, numpy {np.__version__}",  # NumPy's: it draws the resamples
    )


def holdings(lake: Lake, monitor: Monitor, inputs: Inputs) -> Holdings:
    """Ask the lake, once, what it holds of each window.

    Raises:
        InvalidInput: an event has a time so far off that there would be too many windows.
    """
    every = length(monitor.rules.window)
    tallies = lake.tallies(
        monitor.model,
        inputs.until,
        every=every,
        origin=MONDAY,
        environment=monitor.environment,
        table_version=inputs.tables,
    )
    if not tallies:
        return Holdings((), {})
    spans = covering(tallies[0].start, tallies[-1].start, every)
    return Holdings(spans, {tally.start: tally.digest for tally in tallies})


def measure(
    lake: Lake, monitor: Monitor, baseline: Baseline, inputs: Inputs, window: Window, digest: str, now: datetime
) -> Measured:
    """Compute the figures of one window.

    Args:
        digest: of what the window holds in the table versions of the inputs.
        now: what the summary says it was computed at.
    """
    from clearance.monitoring import columns
    from clearance.monitoring.figures import Frame
    from clearance.monitoring.figures import figures as all_figures
    from clearance.statistics.profile_json import to_json
    from clearance.statistics.profiles import profile

    config = monitor.config
    events = lake.joined(
        monitor.model,
        window.start,
        min(window.end, inputs.until),
        environment=monitor.environment,
        table_version=inputs.tables,
    )
    made: dict[int, Profile] = {
        version: profile(baseline.layout, batch)
        for version, batch in columns.batches(events, baseline.layout, config.positive).items()
    }
    frame = Frame(
        model=monitor.model,
        environment=monitor.environment,
        window=window,
        phase=phase(window, inputs.until, monitor.rules.label_maturity_days),
        rules=monitor.rules,
        baseline=baseline,
        inputs=inputs,
    )
    found = all_figures(frame, made)
    summary = WindowSummary(
        window=window,
        phase=frame.phase,
        events=events.num_rows,
        labelled=events.num_rows - events["label"].null_count,
        digest=digest,
        versions=tuple(sorted(made)),
        verdicts=dict(Counter(figure.verdict.value for figure in found)),
        inputs=inputs,
        computed_at=now,
    )
    return Measured(
        WindowFigures(summary=summary, figures=found), {str(key): to_json(each) for key, each in made.items()}
    )
