"""Drives rollouts: looks at each running one, and reconciles it; what the durable loop of the server calls."""

from __future__ import annotations

import logging
import time

from clearance.access.model import SYSTEM, Principal
from clearance.delivery import rollouts, store
from clearance.delivery.model import ACTIVE, Rollout
from clearance.delivery.observe import Observer
from clearance.delivery.ports import Events, Gate, RaiseAlarm
from clearance.errors import ClearanceError
from clearance.storage.complaints import Complaints
from clearance.storage.database import Database

logger = logging.getLogger(__name__)
_REST = 4  # a look that took t seconds is followed by at least 4 t without one, so that looking takes a fifth of a core at most


class Driver:
    """Reconciles the rollouts of one installation.

    Args:
        database: where rollouts are stored.
        lake: where their arms are seen.
        gate: says whether a candidate may still serve.
        raise_alarm: called on a rollback or pause.
    """

    def __init__(self, database: Database, lake: Events, gate: Gate, raise_alarm: RaiseAlarm) -> None:
        self._database = database
        self._observer = Observer(lake)
        self._gate = gate
        self._raise_alarm = raise_alarm
        self._complaints = Complaints()
        self._next_look: dict[str, float] = {}

    def turn(self) -> None:
        """Reconcile every rollout under way; one that fails does not keep the others waiting."""
        with self._database.read() as tx:
            active = store.select_rollouts(tx, active=True, limit=1000)
        for rollout in active:
            if time.monotonic() < self._next_look.get(rollout.id, 0.0):
                continue
            try:
                self.drive(SYSTEM, rollout.id)
            except ClearanceError as error:
                if self._complaints.is_new(rollout.id, error):
                    logger.warning("rollout %s could not be reconciled: %s", rollout.id, error.message)

    def drive(self, caller: Principal, rollout_id: str) -> Rollout:
        """Look at one rollout's arms and do what follows. The lake is read outside the transaction that changes state.

        Raises:
            NotFound: no such rollout.
        """
        with self._database.read() as tx:
            rollout = rollouts.get_rollout(tx, rollout_id)
            now = tx.now
        if rollout.state not in ACTIVE:
            return rollout
        begun = time.monotonic()
        observation = self._observer.observe(rollout, now)
        ended = time.monotonic()
        self._next_look[rollout_id] = ended + _REST * (ended - begun)
        with self._database.write() as tx:
            changed = rollouts.reconcile(tx, caller, self._gate, self._raise_alarm, rollout_id, observation)
        if changed.state not in ACTIVE:
            self._observer.forget(rollout_id)
            self._next_look.pop(rollout_id, None)
        return changed
