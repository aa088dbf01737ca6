"""Evaluate a monitor: look, measure what changed, and keep it; the database is written to in one short transaction only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clearance.access.model import Principal
from clearance.alarm import Alarm
from clearance.errors import Conflict, InvalidInput
from clearance.monitoring import changes, measuring, store
from clearance.monitoring.alarms import alarms
from clearance.monitoring.measuring import Measured
from clearance.monitoring.model import Evaluation, Inputs, Monitor, Window, WindowSummary
from clearance.monitoring.monitors import get_monitor, read_baseline
from clearance.registry import service as registry
from clearance.registry.model import Dataset
from clearance.sdk.events import EARLIEST
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Database, Transaction
from clearance.values import timestamp

if TYPE_CHECKING:
    from clearance.telemetry.lake import Lake

logger = logging.getLogger(__name__)
RaiseAlarm = Callable[[Transaction, Principal, Alarm], object]
"""The port through which an alarm becomes an alert."""
_ATTEMPTS = 5


class _Overtaken(Exception):
    """The monitor or a window was changed by somebody else while it was computed."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What the database knew when an evaluation began."""

    monitor: Monitor
    dataset: Dataset
    known: Mapping[datetime, WindowSummary]
    now: datetime

    @property
    def outdated(self) -> tuple[datetime, ...]:
        """Starts of the windows that an earlier configuration made: the present one makes them anew, or others."""
        return tuple(start for start, found in self.known.items() if found.inputs.monitor != self.monitor.digest)


def evaluate(
    database: Database,
    caller: Principal,
    lake: Lake,
    blobs: BlobStore,
    raise_alarm: RaiseAlarm,
    *,
    model: str,
    environment: str = "production",
    until: datetime | None = None,
    recompute: bool = False,
) -> Evaluation:
    """Compute the figures of every window, from the first event's to the last one's, that changed since the last time.

    Doing it again changes nothing and raises nothing again. What is read and computed holds no lock: if the monitor or one
    of the windows was changed meanwhile, it is computed anew.

    Args:
        until: take the time to be this, and leave out events from then on; the present by default.
        recompute: compute all windows, also those that did not change.

    Raises:
        NotFound: no such model, or nothing watches it there.
        InvalidInput: `until` lies in the future, before `EARLIEST`, or names no zone.
        Conflict: others changed the same windows each time that they were computed.
    """
    for _ in range(_ATTEMPTS):
        look = _look(database, model, environment)
        inputs = measuring.inputs_of(look.monitor, lake.table_versions(), _moment(until, look.now))
        there = measuring.holdings(lake, look.monitor, inputs)
        due = (
            there.spans
            if recompute
            else changes.changed(there.spans, look.known, there.digests, inputs, look.monitor.rules)
        )
        measured = _measure(lake, blobs, look, inputs, there.digests, due)
        try:
            raised = _keep(database, caller, raise_alarm, look, measured) if measured else ()
        except _Overtaken as error:
            logger.info("the evaluation of %s in %s begins again: %s", model, environment, error)
            continue
        made = tuple(each.found for each in measured)
        return Evaluation(windows=made, unchanged=len(there.spans) - len(due), alarms=raised)
    raise Conflict(
        f"the windows of {model} in {environment} were changed by others {_ATTEMPTS} times while they were computed",
        code="monitor_busy",
        hint="another evaluation is at work, so that they are up to date soon; try again in a minute",
    )


def _look(database: Database, model: str, environment: str) -> _Look:
    with database.read() as tx:
        monitor = get_monitor(tx, model, environment)
        return _Look(
            monitor=monitor,
            dataset=registry.get_dataset(tx, monitor.config.baseline_dataset),
            known={found.window.start: found for found in store.list_windows(tx, model, environment)},
            now=tx.now,
        )


def _measure(
    lake: Lake,
    blobs: BlobStore,
    look: _Look,
    inputs: Inputs,
    digests: Mapping[datetime, str],
    due: Sequence[Window],
) -> list[Measured]:
    if not due:
        return []
    baseline = read_baseline(blobs, look.dataset, look.monitor.config)
    return [
        measuring.measure(
            lake, look.monitor, baseline, inputs, window, digests.get(window.start, changes.NOTHING), look.now
        )
        for window in due
    ]


def _keep(
    database: Database, caller: Principal, raise_alarm: RaiseAlarm, look: _Look, measured: Sequence[Measured]
) -> tuple[Alarm, ...]:
    """Store what was measured and raise what is newly wrong, if nobody else was there since the look."""
    model, environment = look.monitor.model, look.monitor.environment
    rows = [store.rows_of(model, environment, each.found, each.profiles) for each in measured]
    starts = [each.found.summary.window.start for each in measured]
    with database.write() as tx:
        tx.lock(f"monitor {model} {environment}")
        present = store.find_monitor(tx, model, environment)
        if present is None or present.digest != look.monitor.digest:
            raise _Overtaken("the monitor was configured anew")
        before = {start: look.known[start] for start in starts if start in look.known}
        if store.find_windows(tx, model, environment, starts) != before:
            raise _Overtaken("another evaluation was first")
        raised: list[Alarm] = []
        for each in measured:
            window = each.found.summary.window
            earlier = store.window_figures(tx, model, environment, window) if window.start in before else ()
            raised += alarms(each.found, earlier)
        store.save_windows(tx, model, environment, [*starts, *look.outdated], rows)
        for alarm in raised:
            raise_alarm(tx, caller, alarm)
    return tuple(raised)


def _moment(until: datetime | None, now: datetime) -> datetime:
    if until is None:
        return now
    if until.tzinfo is None:
        raise InvalidInput("`until` names no zone", code="zone_missing", hint="for example 2026-01-05T00:00:00Z")
    if until > now:
        raise InvalidInput(
            f"`until` is {timestamp(until)}, which is yet to come", code="future", hint="leave it out for the present"
        )
    if until < EARLIEST:
        raise InvalidInput(
            f"`until` is {until.isoformat()}: nothing was recorded by then",
            code="too_early",
            hint=f"a time from {EARLIEST:%Y-%m-%d} on",
        )
    return until.astimezone(UTC)
