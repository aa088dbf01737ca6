"""Evaluate a monitor: find the windows that changed, read their events, and keep their figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import clearance
from clearance.access.model import Principal
from clearance.alarm import Alarm
from clearance.errors import InvalidInput
from clearance.monitoring import changes, store
from clearance.monitoring.model import (
    Evaluation,
    Inputs,
    Monitor,
    MonitorConfig,
    Window,
    WindowFigures,
    WindowSummary,
    alarms,
    phase,
)
from clearance.monitoring.windows import covering, length
from clearance.registry import service as registry
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction
from clearance.values import timestamp

if TYPE_CHECKING:
    from clearance.monitoring.baselines import Baseline
    from clearance.statistics.profiles import Profile
    from clearance.telemetry.lake import Lake

RaiseAlarm = Callable[[Transaction, Principal, Alarm], object]
"""The port through which an alarm becomes an alert."""


def run(
    tx: Transaction,
    caller: Principal,
    lake: Lake,
    blobs: BlobStore,
    raise_alarm: RaiseAlarm,
    monitor: Monitor,
    *,
    until: datetime | None,
    recompute: bool,
) -> Evaluation:
    """Compute what changed of a monitor's windows, and raise what is newly wrong."""
    tx.lock(f"monitor {monitor.model} {monitor.environment}")
    inputs = _inputs(monitor, lake.table_versions(), _moment(until, tx.now))
    spans, known = _spans(lake, monitor, inputs), _known(tx, monitor)
    due = spans if recompute else changes.changed(spans, known, inputs, monitor.rules, _counter(lake, monitor, inputs))
    if not due:
        return Evaluation(windows=(), unchanged=len(spans), alarms=())
    baseline = baseline_of(tx, blobs, monitor.config)
    made: list[WindowFigures] = []
    raised: list[Alarm] = []
    for window in due:
        found, profiles = _measure(lake, monitor, baseline, inputs, window, tx.now)
        before = store.window_figures(tx, monitor.model, monitor.environment, window) if window.start in known else ()
        raised += alarms(found, before)
        store.save_window(tx, monitor.model, monitor.environment, found, profiles)
        made.append(found)
    for alarm in raised:
        raise_alarm(tx, caller, alarm)
    return Evaluation(windows=tuple(made), unchanged=len(spans) - len(due), alarms=tuple(raised))


def baseline_of(tx: Transaction, blobs: BlobStore, config: MonitorConfig) -> Baseline:
    """Read the baseline of a configuration, its bytes verified.

    Raises:
        NotFound: the dataset is not registered, or its bytes are not here.
        InvalidInput: a column is not there or of no use.
        VerificationFailed: its bytes were changed.
    """
    from clearance.monitoring import baselines

    dataset = registry.get_dataset(tx, config.baseline_dataset)
    names = tuple(column.name for column in dataset.columns)
    chosen = baselines.features_of(config, names, dataset.time_column)
    blobs.verify(dataset.digest)
    return baselines.read(blobs.path(dataset.digest), dataset.digest, config, chosen)


def _measure(
    lake: Lake, monitor: Monitor, baseline: Baseline, inputs: Inputs, window: Window, now: datetime
) -> tuple[WindowFigures, dict[str, Any]]:
    from clearance.monitoring import columns
    from clearance.monitoring.figures import Frame
    from clearance.monitoring.figures import figures as all_figures
    from clearance.statistics.profile_json import to_json
    from clearance.statistics.profiles import profile

    config, judged = monitor.config, monitor.rules
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
        phase=phase(window, inputs.until, judged.label_maturity_days),
        rules=judged,
        baseline=baseline,
        inputs=inputs,
    )
    found = all_figures(frame, made)
    summary = WindowSummary(
        window=window,
        phase=frame.phase,
        events=events.num_rows,
        labelled=events.num_rows - events["label"].null_count,
        versions=tuple(sorted(made)),
        verdicts=dict(Counter(figure.verdict.value for figure in found)),
        inputs=inputs,
        computed_at=now,
    )
    return WindowFigures(summary=summary, figures=found), {str(key): to_json(each) for key, each in made.items()}


def _inputs(monitor: Monitor, versions: Mapping[str, int], until: datetime) -> Inputs:
    import numpy as np

    return Inputs(
        events_version=versions["events"],
        labels_version=versions["labels"],
        until=until,
        baseline=monitor.config.baseline_dataset,
        monitor=monitor.digest,
        code=f"clearance {clearance.__version__}, numpy {np.__version__}",  # NumPy's: it draws the resamples
    )


def _spans(lake: Lake, monitor: Monitor, inputs: Inputs) -> tuple[Window, ...]:
    counts = lake.counts(
        monitor.model, None, inputs.until, environment=monitor.environment, table_version=inputs.tables
    )
    if not counts:
        return ()
    first, last = min(count.first_at for count in counts), max(count.last_at for count in counts)
    return covering(first, last, length(monitor.rules.window))


def _counter(lake: Lake, monitor: Monitor, inputs: Inputs) -> changes.Count:
    def count(start: datetime, end: datetime) -> tuple[int, int]:
        found = lake.counts(
            monitor.model,
            start,
            min(end, inputs.until),
            environment=monitor.environment,
            table_version=inputs.tables,
        )
        return sum(each.events for each in found), sum(each.labelled for each in found)

    return count


def _known(tx: Transaction, monitor: Monitor) -> dict[datetime, WindowSummary]:
    return {found.window.start: found for found in store.list_windows(tx, monitor.model, monitor.environment)}


def _moment(until: datetime | None, now: datetime) -> datetime:
    if until is None:
        return now
    if until.tzinfo is None:
        raise InvalidInput("`until` names no zone", code="zone_missing", hint="for example 2026-01-05T00:00:00Z")
    if until > now:
        raise InvalidInput(
            f"`until` is {timestamp(until)}, which is yet to come", code="future", hint="leave it out for the present"
        )
    return until.astimezone(UTC)
