"""The use cases of delivery, by the one name that other rooms and the surfaces use."""

from clearance.delivery.aliases import delete_alias, list_aliases, resolve_alias, set_alias
from clearance.delivery.promotion import (
    all_pointers,
    environments,
    get_pointer,
    history,
    judged,
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
from clearance.delivery.stopping import delete_model, delete_version, retire_version, update_model

__all__ = [
    "abort_rollout",
    "all_pointers",
    "delete_alias",
    "delete_model",
    "delete_version",
    "environments",
    "get_pointer",
    "get_rollout",
    "history",
    "judged",
    "list_aliases",
    "list_analyses",
    "list_pointers",
    "list_rollouts",
    "pause_rollout",
    "promote",
    "reconcile",
    "resolve_alias",
    "resume_rollout",
    "retire_version",
    "rollback",
    "serving",
    "set_alias",
    "start_rollout",
    "update_model",
]
