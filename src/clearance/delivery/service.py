"""The use cases of delivery, by the one name that other rooms and the surfaces use."""

from clearance.delivery.promotion import (
    environments,
    get_pointer,
    history,
    list_pointers,
    promote,
    rollback,
    serving,
)
from clearance.delivery.rollouts import (
    abort_rollout,
    get_rollout,
    list_analyses,
    list_rollouts,
    pause_rollout,
    reconcile,
    resume_rollout,
    start_rollout,
)

__all__ = [
    "abort_rollout",
    "environments",
    "get_pointer",
    "get_rollout",
    "history",
    "list_analyses",
    "list_pointers",
    "list_rollouts",
    "pause_rollout",
    "promote",
    "reconcile",
    "resume_rollout",
    "rollback",
    "serving",
    "start_rollout",
]
