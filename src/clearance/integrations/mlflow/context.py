"""What a call of the protocol stands on besides its transaction and caller, and how the things it names are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clearance.access.model import Principal
from clearance.delivery.aliases import Guards
from clearance.delivery.ports import Gate
from clearance.errors import ClearanceError
from clearance.integrations.mlflow import names, store
from clearance.integrations.mlflow.errors import invalid, not_found
from clearance.integrations.mlflow.model import (
    Around,
    ModelRow,
    VersionRow,
    aliases_now,
    model_message,
    version_message,
)
from clearance.registry import service as registry
from clearance.registry.model import ModelKind
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction

Message = dict[str, Any]
"""JSON of the protocol."""
Asked = Mapping[str, Any]
"""The fields of a request, each of the kind that its endpoint declares; what was not sent is not there."""


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the installation that a call needs, and where this server is reached."""

    blobs: BlobStore
    gate: Gate
    guards: Guards
    base_url: str
    """Scheme, host, and whatever stands before our own paths."""
    hosts: tuple[str, ...]
    """What this server is called, each with its port."""


Answer = Message | ClearanceError
"""A message; or an error that is answered although the transaction is kept: what was decided stays decided."""
UseCase = Callable[[Transaction, Principal, Context, Asked], Answer]


def find_model(tx: Transaction, name: str) -> ModelRow:
    """Return the model that is called so.

    Raises:
        ProtocolError: there is none, or that is no name.
    """
    names.check_name(name)
    found = store.find_model(tx, name)
    if found is None:
        raise not_found(f"Registered Model with name={name} not found")
    return found


def find_version(tx: Transaction, name: str, number_text: str) -> VersionRow:
    """Return a version that was not deleted.

    Raises:
        ProtocolError: there is none, or that is no name or number.
    """
    names.check_name(name)
    number = names.parse_number(number_text)
    found = store.find_version(tx, name, number) if names.may_exist(number) else None
    if found is None:
        raise not_found(f"Model Version (name={name}, version={number}) not found")
    return found


def find_by_alias(tx: Transaction, context: Context, name: str, alias: str) -> VersionRow:
    """Return the version that an alias names: a guarded one what serves, `latest` the newest.

    Raises:
        ProtocolError: there is none, or that is no name or alias.
    """
    names.check_name(name)
    names.check_alias(alias)
    if alias.lower() == names.LATEST:
        rows = store.select_latest(tx, [identity(tx, name)])
        if not rows:
            raise not_found(f"Latest version not found for model {name}.")
        return max(rows, key=lambda row: row.number)
    row = store.find_by_alias(tx, name, alias, context.guards.get(alias))
    if row is None:
        identity(tx, name)
        raise invalid(f"Registered model alias {alias} not found.")
    return row


def identity(tx: Transaction, name: str) -> str:
    """Return the identity of the model that is called so; errors as `find_model`."""
    names.check_name(name)
    found = store.find_place(tx, name)
    if found is None:
        raise not_found(f"Registered Model with name={name} not found")
    return found[0]


def locked_model(tx: Transaction, name: str) -> str:
    """Return the identity of the model that is called so, which nobody else changes until this transaction ends.

    Whoever did meanwhile may have deleted it or called it otherwise. Errors as `find_model`.
    """
    found = ""
    while (now := identity(tx, name)) != found:
        found = registry.get_model(tx, now, lock=True).name
    return found


def locked_version(tx: Transaction, name: str, number_text: str) -> VersionRow:
    """Return a version whose model nobody else changes until this transaction ends. Errors as `find_version`."""
    locked = ""
    while (found := find_version(tx, name, number_text)).model != locked:
        locked = registry.get_model(tx, found.model, lock=True).name
    return found


def around(tx: Transaction, context: Context, kinds: Mapping[str, str], tagged: Sequence[tuple[str, int]]) -> Around:
    """Read what stands around models, whose kinds are given by name, and the tags of these models (number 0) and versions."""
    given, serving = store.select_names(tx, list(kinds))
    prompts = {model for model, kind in kinds.items() if kind == ModelKind.PROMPT}
    return Around(
        tags=store.select_tags(tx, tagged),
        aliases=aliases_now(given, serving, context.guards, prompts),
        serving=serving,
        base_url=context.base_url,
    )


def models_said(tx: Transaction, context: Context, rows: Sequence[ModelRow]) -> list[Message]:
    """Return the messages of models, with the newest version in each stage."""
    models = {row.name: row.kind for row in rows}
    latest: dict[str, list[VersionRow]] = {model: [] for model in models}
    for each in store.select_latest(tx, list(models)):
        latest[each.model].append(each)
    versions = [(each.model, each.number) for found in latest.values() for each in found]
    near = around(tx, context, models, [*((model, 0) for model in models), *versions])
    return [model_message(row, latest[row.name], near) for row in rows]


def versions_said(tx: Transaction, context: Context, rows: Sequence[VersionRow]) -> list[Message]:
    """Return the messages of versions."""
    models = {row.model: row.kind for row in rows}
    near = around(tx, context, models, [(row.model, row.number) for row in rows])
    return [version_message(row, near) for row in rows]
