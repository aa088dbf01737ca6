"""The calls about versions: create, describe, delete, read, tag, and where their files are to be had."""

from __future__ import annotations

from typing import Any

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import service as delivery
from clearance.integrations.mlflow import names, sources, store
from clearance.integrations.mlflow.artifacts import service as artifacts
from clearance.integrations.mlflow.context import (
    Asked,
    Context,
    Message,
    find_by_alias,
    find_model,
    find_version,
    identity,
    locked_model,
    locked_version,
    versions_said,
)
from clearance.integrations.mlflow.errors import invalid, not_found
from clearance.integrations.mlflow.model import (
    Stage,
    VersionRow,
    download_uri,
    is_prompt,
    parse_stage,
    stage_of,
)
from clearance.integrations.mlflow.models import BY_CLIENT
from clearance.integrations.mlflow.runs import run_of
from clearance.registry import service as registry
from clearance.registry.model import File, ModelKind, NewVersion, Provenance, Version
from clearance.registry.source import Source, SourceKind
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction


def create_version(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Message:
    """Register the next version of a model: of files that are held here, or else of a source that is only told back.

    Raises:
        ProtocolError: no such model, or a source that can't be meant.
    """
    name, tags = asked["name"], asked.get("tags", {})
    source, run_id, model_id, copied = _source(tx, context, asked, prompt=is_prompt(tags))
    names.check_name(name)
    for key, text in tags.items():
        names.check_tag(key, text)
    model = locked_model(tx, name)
    if registry.get_model(tx, model).kind is ModelKind.PROMPT:
        sources.check_prompt_source(source)
    made = registry.register_version(tx, caller, context.blobs, model, _new(tx, context, source, copied), again=True)
    store.insert_note(
        tx,
        {
            "model": model,
            "number": made.number,
            "source": source,
            "run_id": run_id or run_of(context.blobs, made.files),
            "run_link": asked.get("run_link", ""),
            "model_id": model_id,
            "description": asked.get("description", ""),
            "stage": Stage.NONE.value,
        },
    )
    for key, text in tags.items():
        registry.set_tag(tx, caller, model, made.number, key, text)
    store.touch(tx, model)
    return _said(tx, context, name, str(made.number))


def pin_version(
    tx: Transaction, caller: Principal, blobs: BlobStore, model: str, number: int, files: tuple[File, ...]
) -> Version:
    """Give a version its bytes, once, and the run that they say they were logged in, if none was named.

    Errors as of `registry.pin_version`.
    """
    made = registry.pin_version(tx, caller, blobs, model, number, files)
    if run_id := run_of(blobs, made.files):
        store.fill_run(tx, model, number, run_id)
    return made


def update_version(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Message:
    """Describe a version anew; without a description, take it away."""
    row = locked_version(tx, asked["name"], asked["version"])
    description = asked.get("description")
    store.change_note(tx, row.model, row.number, description=description)
    _record(tx, caller, row.model, row.number, {"description": description})
    return _said(tx, context, asked["name"], asked["version"])


def delete_version(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Message:
    """Leave a tombstone, and take the aliases away that named the version.

    Errors as of `delivery.delete_version`.
    """
    names.parse_number(asked["version"])
    row = locked_version(tx, asked["name"], asked["version"])
    delivery.delete_version(tx, caller, context.guards, row.model, row.number, BY_CLIENT)
    store.touch(tx, row.model)
    return {}


def get_version(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer one version."""
    return _said(tx, context, asked["name"], asked["version"])


def get_download_uri(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer where a version's files are to be had."""
    row = find_version(tx, asked.get("name", ""), asked.get("version", ""))
    return {"artifact_uri": download_uri(row, context.base_url)}


def set_version_tag(tx: Transaction, caller: Principal, _context: Context, asked: Asked) -> Message:
    """Put a tag on a version."""
    _check_called(asked)
    names.check_tag(asked["key"], asked.get("value", ""))
    row = locked_version(tx, asked["name"], asked["version"])
    registry.set_tag(tx, caller, row.model, row.number, asked["key"], asked.get("value", ""))
    return {}


def delete_version_tag(tx: Transaction, caller: Principal, _context: Context, asked: Asked) -> Message:
    """Take a tag off a version; nothing happens if it has none of that key."""
    _check_called(asked)
    names.check_tag_key(asked["key"])
    row = locked_version(tx, asked["name"], asked["version"])
    if asked["key"] in registry.tags(tx, row.model, row.number):
        registry.delete_tag(tx, caller, row.model, row.number, asked["key"])
    return {}


def _check_called(asked: Asked) -> None:
    names.check_name(asked["name"])
    names.parse_number(asked["version"])


def _said(tx: Transaction, context: Context, name: str, number: str) -> Message:
    return {"model_version": versions_said(tx, context, [find_version(tx, name, number)])[0]}


def _source(tx: Transaction, context: Context, asked: Asked, *, prompt: bool) -> tuple[str, str, str, Version | None]:
    """Return source, run and logged model of a new version, and the version that it is a copy of, if it is one."""
    source, run_id, model_id = asked["source"], asked.get("run_id", ""), asked.get("model_id", "")
    if prompt:
        sources.check_prompt_source(source)
        return source, run_id, model_id, None
    if source.startswith("models:"):
        named = sources.parse_model_uri(source)
        if not named.model_id:
            return _copied(tx, context, source, named, asked)
    sources.check_source(source, run_id, model_id)
    return source, run_id, model_id, None


def _copied(
    tx: Transaction, context: Context, source: str, named: sources.ModelUri, asked: Asked
) -> tuple[str, str, str, Version]:
    if find_model(tx, named.name).kind == ModelKind.PROMPT:
        raise invalid(
            f"Invalid model version source: '{source}'. Prompt versions cannot be used as model version sources."
        )
    row = _found(tx, context, named)
    known = {"run_id": row.run_id or "", "model_id": row.model_id or ""}
    if any(key in asked and asked[key] != text for key, text in known.items()):
        raise invalid(
            f"Invalid model version source: '{source}'. The run_id and model_id request parameters must match the "
            "referenced model version."
        )
    original = registry.get_version(tx, row.model, row.number)
    return f"models:/{row.title}/{row.number}", known["run_id"], known["model_id"], original


def _found(tx: Transaction, context: Context, named: sources.ModelUri) -> VersionRow:
    """Return the version that an address names by number, alias, stage, or as the newest."""
    if named.number:
        return find_version(tx, named.name, named.number)
    if named.alias:
        return find_by_alias(tx, context, named.name, named.alias)
    model = identity(tx, named.name)
    rows = store.select_latest(tx, [model])
    if named.stage:
        serving = store.select_names(tx, [model])[1][model]
        wanted = parse_stage(named.stage)
        rows = [row for row in rows if stage_of(row, serving) is wanted]
    if not rows:
        raise not_found(f"No versions of model with name '{named.name}' found")
    return max(rows, key=lambda row: row.number)


def _new(tx: Transaction, context: Context, source: str, copied: Version | None) -> NewVersion:
    """Return what to register: the bytes if they are here, else where they are said to be."""
    if copied is not None:
        came_from = Provenance(parents=(copied.name,))
        if copied.digest and copied.source.kind in {SourceKind.FILES, SourceKind.REFERENCE}:
            return NewVersion(files=copied.files, contract=copied.contract, provenance=came_from)
        return NewVersion(source=copied.source, contract=copied.contract, provenance=came_from)
    if files := artifacts.held(tx, source, context.hosts):
        return NewVersion(files=files, source=Source(uri=source))
    return NewVersion(source=Source(kind=SourceKind.REFERENCE, uri=source))


def _record(tx: Transaction, caller: Principal, model: str, number: int, changed: dict[str, Any]) -> None:
    log.record(
        tx, Event.VERSION_UPDATED, actor=caller.name, subject=f"model/{model}/{number}", data={"changed": changed}
    )
