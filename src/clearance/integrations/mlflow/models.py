"""The calls about models: create, rename, describe, delete, read, tag."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clearance.access.model import Principal
from clearance.delivery import service as delivery
from clearance.errors import Conflict
from clearance.integrations.mlflow import names, store
from clearance.integrations.mlflow.context import (
    Asked,
    Context,
    Message,
    find_model,
    identity,
    locked_model,
    models_said,
    versions_said,
)
from clearance.integrations.mlflow.errors import exists
from clearance.integrations.mlflow.model import PROMPT_TAG, Stage, kind_of, parse_stage
from clearance.registry import service as registry
from clearance.registry.model import ModelChange, NewModel
from clearance.storage.database import Transaction

BY_CLIENT = "deleted by an MLflow client"
"""The reason of a deletion: the protocol has no place for another."""


def create_model(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Message:
    """Take a model into the inventory under a name; its identity is made of that, and its owner is the caller."""
    name, tags = asked["name"], asked.get("tags", {})
    names.check_new_name(name)
    for key, text in tags.items():
        names.check_tag(key, text)
    if (taken := store.find_place(tx, name)) is not None:
        raise _taken(tx, taken[0], name, tags)
    new = NewModel(
        name=free_identity(tx, name),
        title=name,
        owner=caller.name,
        description=asked.get("description", ""),
        kind=kind_of(tags),
    )
    with _names_of_its_own(name):
        made = registry.create_model(tx, caller, new)
    for key, text in tags.items():
        registry.set_tag(tx, caller, made.name, None, key, text)
    return _said(tx, context, name)


def rename_model(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Message:
    """Call a model otherwise; its identity, and so its history, stays."""
    new = asked["new_name"]
    names.check_new_name(new, "new_name")
    model = locked_model(tx, asked["name"])
    other = store.find_place(tx, new)
    if other is not None and other[0] != model:
        raise exists(f"Registered Model (name={new}) already exists.")
    if new != asked["name"]:
        with _names_of_its_own(new):
            registry.update_model(tx, caller, model, ModelChange(title=new))
        store.touch_versions(tx, model)
    store.touch(tx, model)
    return _said(tx, context, new)


def update_model(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Message:
    """Describe a model anew; without a description, take it away."""
    model = locked_model(tx, asked["name"])
    registry.update_model(tx, caller, model, ModelChange(description=asked.get("description", "")))
    store.touch(tx, model)
    return _said(tx, context, asked["name"])


def delete_model(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Message:
    """Give the model's name free and retire it; its versions, evidence and history stay as they are.

    Errors as of `delivery.delete_model`.
    """
    delivery.delete_model(tx, caller, context.guards, locked_model(tx, asked["name"]), BY_CLIENT)
    return {}


def get_model(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer one model."""
    return _said(tx, context, asked["name"])


def get_latest_versions(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer the newest version in each stage, or in each of those that are asked for."""
    model = identity(tx, asked["name"])
    wanted = {parse_stage(each) for each in asked.get("stages", ())} or set(Stage)
    rows = store.select_latest(tx, [model])
    found = [each for each in versions_said(tx, context, rows) if each["current_stage"] in wanted] if rows else []
    return {"model_versions": found} if found else {}


def set_model_tag(tx: Transaction, caller: Principal, _context: Context, asked: Asked) -> Message:
    """Put a tag on a model."""
    names.check_name(asked["name"])
    names.check_tag(asked["key"], asked.get("value", ""))
    registry.set_tag(tx, caller, locked_model(tx, asked["name"]), None, asked["key"], asked.get("value", ""))
    return {}


def delete_model_tag(tx: Transaction, caller: Principal, _context: Context, asked: Asked) -> Message:
    """Take a tag off a model; nothing happens if it has none of that key."""
    names.check_name(asked["name"])
    names.check_tag_key(asked["key"])
    model = locked_model(tx, asked["name"])
    if asked["key"] in registry.tags(tx, model):
        registry.delete_tag(tx, caller, model, None, asked["key"])
    return {}


def _said(tx: Transaction, context: Context, name: str) -> Message:
    return {"registered_model": models_said(tx, context, [find_model(tx, name)])[0]}


@contextmanager
def _names_of_its_own(name: str) -> Iterator[None]:
    """Say in the protocol's words that somebody else took the name since we looked: clients go on with the model then."""
    try:
        yield
    except Conflict as error:
        if error.code not in {"title_taken", "model_exists"}:
            raise
        raise exists(f"Registered Model (name={name}) already exists.") from error


def free_identity(tx: Transaction, name: str) -> str:
    """Return an identity that tells what the model is called, and that none has or had."""
    wanted = names.slug(name)
    return f"{wanted}-{tx.new_id('m')[-10:]}" if store.is_taken(tx, wanted) else wanted


def _taken(tx: Transaction, model: str, name: str, tags: dict[str, str]) -> Exception:
    """Return the error for a name that is taken; for these words, a tag of prompts makes one whatever it says."""
    old = "prompt" if PROMPT_TAG in registry.tags(tx, model) else "registered model"
    new = "prompt" if PROMPT_TAG in tags else "registered model"
    if old != new:
        return exists(
            f"Tried to create a {new} with name {name!r}, but the name is already taken by a {old}. "
            "MLflow does not allow creating a model and a prompt with the same name."
        )
    return exists(f"{new.title()} (name={name}) already exists.")
