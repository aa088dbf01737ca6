"""Looks at a rollout's two arms through the lake."""

from __future__ import annotations

import logging
from datetime import datetime

import clearance
from clearance.delivery.model import Observation, Rollout
from clearance.delivery.ports import Events

logger = logging.getLogger(__name__)


def observe(lake: Events, rollout: Rollout, at: datetime) -> Observation:
    """Return what the lake says of the arms: events of the two versions in their roles, from `events_from` on.

    Whatever keeps the lake from being read is no error here: it is a rollout's reason to stay where it is.
    """
    from clearance.delivery.analysis import analyse
    from clearance.delivery.arms import count

    try:
        versions = lake.table_versions()
        events = lake.joined(
            rollout.model, rollout.events_from, environment=rollout.environment, table_version=versions
        )
        return Observation(
            analysis=analyse(
                rollout,
                count(events, rollout.candidate, "candidate"),
                count(events, rollout.stable, "stable"),
                at=at,
                table_version=versions["events"],
                code=f"clearance {clearance.__version__}",
            )
        )
    except Exception as error:
        logger.exception("the arms of rollout %s could not be read", rollout.id)
        return Observation(analysis=None, problem=str(error) or type(error).__name__)
