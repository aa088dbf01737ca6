"""Looks at rollouts' two arms through the lake."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import clearance
from clearance.delivery.model import Analysis, Observation, Rollout
from clearance.delivery.ports import Events

logger = logging.getLogger(__name__)


class Observer:
    """Analyses rollouts; while the tables of the lake stand still, the look before is as good as a new one."""

    def __init__(self, lake: Events) -> None:
        self._lake = lake
        self._before: dict[str, tuple[Rollout, Analysis]] = {}

    def observe(self, rollout: Rollout, at: datetime) -> Observation:
        """Return what the lake says of the arms: events of the two versions in their roles, from `events_from` on.

        Whatever keeps the lake from being read is no error here: it is a rollout's reason to stay where it is.
        """
        asked = replace(rollout, analysis=None)
        try:
            versions = self._lake.table_versions()
            known = self._before.get(rollout.id)
            if known is None or known[0] != asked or known[1].table_versions != versions:
                known = (asked, self._look(asked, at, versions))
                self._before[rollout.id] = known
            return Observation(analysis=known[1])
        except Exception as error:
            logger.exception("the arms of rollout %s could not be read", rollout.id)
            return Observation(analysis=None, problem=str(error) or type(error).__name__)

    def forget(self, rollout_id: str) -> None:
        """Drop what is kept of a rollout that has ended."""
        self._before.pop(rollout_id, None)

    def _look(self, rollout: Rollout, at: datetime, versions: Mapping[str, int]) -> Analysis:
        from clearance.delivery.analysis import analyse
        from clearance.delivery.arms import count

        events = self._lake.joined(
            rollout.model, rollout.events_from, environment=rollout.environment, table_version=versions
        )
        return analyse(
            rollout,
            count(events, rollout.candidate, "candidate"),
            count(events, rollout.stable, "stable"),
            at=at,
            table_versions=versions,
            code=f"clearance {clearance.__version__}",
        )
