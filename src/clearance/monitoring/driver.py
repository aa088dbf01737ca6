"""Evaluates monitors by themselves: those for which the lake or the time brought something; what the server's loop calls."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clearance.access.model import SYSTEM
from clearance.errors import ClearanceError
from clearance.monitoring import store
from clearance.monitoring.changes import next_phase
from clearance.monitoring.evaluation import RaiseAlarm, evaluate
from clearance.monitoring.model import Monitor
from clearance.storage.blobs import BlobStore
from clearance.storage.complaints import Complaints
from clearance.storage.database import Database

if TYPE_CHECKING:
    from clearance.telemetry.lake import Lake

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Done:
    """What an evaluation was of, and until when nothing but news from the lake makes another one worth while."""

    digest: str
    versions: dict[str, int]
    until: datetime


class Driver:
    """Evaluates the monitors of one installation.

    Args:
        database: where monitors and figures are stored.
        lake: where events are.
        blobs: where baselines are.
        raise_alarm: called for what is newly wrong.
    """

    def __init__(self, database: Database, lake: Lake, blobs: BlobStore, raise_alarm: RaiseAlarm) -> None:
        self._database = database
        self._lake = lake
        self._blobs = blobs
        self._raise_alarm = raise_alarm
        self._done: dict[tuple[str, str], _Done] = {}
        self._complaints = Complaints()

    def turn(self) -> int:
        """Evaluate every monitor that is due, and return how many were; one that fails does not keep the others waiting."""
        with self._database.read() as tx:
            monitors, now = store.list_monitors(tx), tx.now
        if not monitors:
            return 0
        versions = self._lake.table_versions()
        due = [monitor for monitor in monitors if self._is_due(monitor, versions, now)]
        for monitor in due:
            self._evaluate(monitor, _Done(monitor.digest, versions, next_phase(now, monitor.rules)))
        return len(due)

    def _is_due(self, monitor: Monitor, versions: dict[str, int], now: datetime) -> bool:
        done = self._done.get((monitor.model, monitor.environment))
        return done is None or (done.digest, done.versions) != (monitor.digest, versions) or now >= done.until

    def _evaluate(self, monitor: Monitor, done: _Done) -> None:
        named = f"{monitor.model} in {monitor.environment}"
        try:
            made = evaluate(
                self._database,
                SYSTEM,
                self._lake,
                self._blobs,
                self._raise_alarm,
                model=monitor.model,
                environment=monitor.environment,
            )
        except ClearanceError as error:
            if self._complaints.is_new(named, error):
                logger.warning("%s could not be evaluated, and is tried again: %s", named, error.message)
        except Exception as error:  # a mistake of ours about one monitor must not blind the others
            if self._complaints.is_new(named, error):
                logger.exception("the evaluation of %s failed, and is tried again", named)
        else:
            self._done[(monitor.model, monitor.environment)] = done
            if made.windows:
                logger.info("%s: %d windows computed, %d alarms", named, len(made.windows), len(made.alarms))
