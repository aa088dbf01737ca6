"""Stop versions and models for good: aliases let go of them in the same transaction, and what serves is not deleted."""

from __future__ import annotations

from clearance.access.model import Principal
from clearance.delivery import store
from clearance.delivery.aliases import Guards, delete_alias, list_aliases
from clearance.delivery.refusal import called
from clearance.errors import Conflict
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, Model, ModelChange, Version
from clearance.storage.database import Transaction


def retire_version(tx: Transaction, caller: Principal, guards: Guards, model: str, number: int, reason: str) -> Version:
    """Stop a version from being used, for good, also one that serves: then its pointer stays, and requests are refused.

    Free aliases that name it are taken away. Errors as of `registry.retire_version`.
    """
    made = registry.retire_version(tx, caller, model, number, reason)
    _let_go(tx, caller, guards, model, number)
    return made


def delete_version(tx: Transaction, caller: Principal, guards: Guards, model: str, number: int, reason: str) -> Version:
    """Leave a tombstone, and take away the free aliases that name the version. Errors as of `registry.delete_version`, and:

    Raises:
        Conflict: it serves, or a rollout would have it serve (`version_serves`).
    """
    found = registry.get_model(tx, model, lock=True)
    for pointer in store.select_pointers(tx, model=model):
        if number in {pointer.stable, pointer.candidate}:
            raise Conflict(
                f"{called(model, number, found.title)} serves in {pointer.environment}; what serves can't be deleted",
                code="version_serves",
                hint=f"let another version serve there first: `clearance promote {model} NUMBER --to {pointer.environment}`",
            )
    made = registry.delete_version(tx, caller, model, number, reason)
    _let_go(tx, caller, guards, model, number)
    return made


def update_model(tx: Transaction, caller: Principal, guards: Guards, name: str, change: ModelChange) -> Model:
    """Change what is given; retiring a model retires all its versions, and takes its free aliases away.

    Errors as of `registry.update_model`.
    """
    made = registry.update_model(tx, caller, name, change)
    if change.lifecycle is Lifecycle.RETIRED:
        _let_go(tx, caller, guards, name)
    return made


def delete_model(tx: Transaction, caller: Principal, guards: Guards, name: str, reason: str) -> Model:
    """Retire a model, let its title go and take its free aliases away. Errors as of `registry.delete_model`, and:

    Raises:
        Conflict: something of it serves, and it was not retired before (`version_serves`).
    """
    found = registry.get_model(tx, name, lock=True)
    serving = store.select_pointers(tx, model=name)
    if serving and found.lifecycle is not Lifecycle.RETIRED:
        places = ", ".join(f"version {each.stable} in {each.environment}" for each in serving)
        raise Conflict(
            f"{found.title or name} serves: {places}; what serves can't be deleted",
            code="version_serves",
            hint=f"`clearance models retire {name} --reason WHY` stops it first, and says who did and why",
        )
    made = registry.delete_model(tx, caller, name, reason)
    _let_go(tx, caller, guards, name)
    return made


def _let_go(tx: Transaction, caller: Principal, guards: Guards, model: str, number: int | None = None) -> None:
    """Take away the aliases that name a version which was stopped for good, or any of the model; a guarded one is a pointer."""
    for alias in list_aliases(tx, guards, model):
        if alias.environment is None and number in {None, alias.number}:
            delete_alias(tx, caller, guards, model, alias.name)
