"""Routes of the registry: models, versions, datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Response

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.api.streams import blob_response
from clearance.api.wanted import Wanted
from clearance.compliance import inventory
from clearance.errors import NotFound
from clearance.registry import dataset_file, service
from clearance.registry.artifacts import claims
from clearance.registry.model import (
    Completeness,
    Dataset,
    Model,
    ModelChange,
    NewDataset,
    NewModel,
    NewVersion,
    Pin,
    Reason,
    TagValue,
    Version,
)
from clearance.registry.search_filter import ModelPage
from clearance.values import Page

router = APIRouter(tags=["registry"])
Reader = Annotated[Principal, needs(Permission.READ)]
Keeper = Annotated[Principal, needs(Permission.MODEL_WRITE)]
Registrar = Annotated[Principal, needs(Permission.VERSION_REGISTER)]
Bringer = Annotated[Principal, needs(Permission.VERSION_REGISTER, anywhere=True)]
Stopper = Annotated[Principal, needs(Permission.VERSION_STOP)]


@router.post("/models", status_code=201)
def create_model(body: NewModel, app: App, caller: Keeper) -> Model:
    """Take a model into the inventory."""
    with app.database.write() as tx:
        return service.create_model(tx, caller, body)


@router.get("/models")
def list_models(app: App, caller: Reader, wanted: Wanted, cursor: Cursor = None, limit: Limit = 100) -> ModelPage:
    """Models that fit, in order, with how many there are."""
    with app.database.read() as tx:
        return inventory.search_models(tx, wanted, cursor=cursor, limit=limit)


@router.get("/models/{model}")
def get_model(model: str, app: App, caller: Reader) -> Model:
    """One model."""
    with app.database.read() as tx:
        return service.get_model(tx, model)


@router.patch("/models/{model}")
def update_model(model: str, body: ModelChange, app: App, caller: Keeper) -> Model:
    """Change what is given; retiring a model needs a reason and retires all its versions."""
    with app.database.write() as tx:
        return service.update_model(tx, caller, model, body)


@router.post("/models/{model}/delete")
def delete_model(model: str, body: Reason, app: App, caller: Stopper) -> Model:
    """Retire a model and let its title go; name, versions and history stay."""
    with app.database.write() as tx:
        return service.delete_model(tx, caller, model, body.reason)


@router.get("/models/{model}/tags")
def model_tags(model: str, app: App, caller: Reader) -> Mapping[str, str]:
    """The tags of a model, by key."""
    with app.database.read() as tx:
        return service.tags(tx, model)


@router.put("/models/{model}/tags/{key:path}")
def set_model_tag(model: str, key: str, body: TagValue, app: App, caller: Keeper) -> Mapping[str, str]:
    """Put a tag on a model, in place of the one with this key; answers all its tags."""
    with app.database.write() as tx:
        service.set_tag(tx, caller, model, None, key, body.value)
        return service.tags(tx, model)


@router.delete("/models/{model}/tags/{key:path}")
def delete_model_tag(model: str, key: str, app: App, caller: Keeper) -> Mapping[str, str]:
    """Take a tag off a model; answers those that are left."""
    with app.database.write() as tx:
        service.delete_tag(tx, caller, model, None, key)
        return service.tags(tx, model)


@router.post("/models/{model}/versions", status_code=201)
def register_version(model: str, body: NewVersion, app: App, caller: Registrar) -> Version:
    """Register the next version; upload the bytes of its files before."""
    with app.database.write() as tx:
        return service.register_version(tx, caller, app.blobs, model, body)


@router.get("/models/{model}/versions")
def list_versions(model: str, app: App, caller: Reader, cursor: Cursor = None, limit: Limit = 100) -> Page[Version]:
    """Versions of a model, newest first."""
    with app.database.read() as tx:
        return service.list_versions(tx, model, cursor=cursor, limit=limit)


@router.get("/models/{model}/versions/{number}")
def get_version(model: str, number: int, app: App, caller: Reader) -> Version:
    """One version."""
    with app.database.read() as tx:
        return service.get_version(tx, model, number)


@router.get("/models/{model}/versions/{number}/files/{path:path}", response_class=Response)
def get_file(model: str, number: int, path: str, app: App, caller: Reader) -> Response:
    """The bytes of one file of a version."""
    with app.database.read() as tx:
        version = service.get_version(tx, model, number)
    for file in version.files:
        if file.path == path:
            return blob_response(app.blobs, file.sha256)
    raise NotFound(f"{version.name} has no file {path[:200]!r}", code="file_not_found")


@router.get("/models/{model}/versions/{number}/completeness")
def completeness(model: str, number: int, app: App, caller: Reader) -> Completeness:
    """How complete a version's provenance is, and what is missing."""
    with app.database.read() as tx:
        return service.completeness(tx, model, number)


@router.post("/models/{model}/versions/{number}/quarantine")
def quarantine(model: str, number: int, body: Reason, app: App, caller: Stopper) -> Version:
    """Stop a version from being used until it is released."""
    with app.database.write() as tx:
        return service.quarantine_version(tx, caller, model, number, body.reason)


@router.post("/models/{model}/versions/{number}/release")
def release(model: str, number: int, body: Reason, app: App, caller: Stopper) -> Version:
    """Let a quarantined version be used again."""
    with app.database.write() as tx:
        return service.release_version(tx, caller, model, number, body.reason)


@router.post("/models/{model}/versions/{number}/retire")
def retire(model: str, number: int, body: Reason, app: App, caller: Stopper) -> Version:
    """Stop a version from being used, for good."""
    with app.database.write() as tx:
        return service.retire_version(tx, caller, model, number, body.reason)


@router.post("/models/{model}/versions/{number}/delete")
def delete(model: str, number: int, body: Reason, app: App, caller: Stopper) -> Version:
    """Leave a tombstone: stopped for good, and left out where people choose; digest, evidence and history stay."""
    with app.database.write() as tx:
        return service.delete_version(tx, caller, model, number, body.reason)


@router.post("/models/{model}/versions/{number}/pin")
def pin(model: str, number: int, body: Pin, app: App, caller: Registrar) -> Version:
    """Give a version that only referred to its bytes the files that they are, once; upload them before."""
    with app.database.write() as tx:
        return service.pin_version(tx, caller, app.blobs, model, number, body.files)


@router.get("/models/{model}/versions/{number}/tags")
def version_tags(model: str, number: int, app: App, caller: Reader) -> Mapping[str, str]:
    """The tags of a version, by key."""
    with app.database.read() as tx:
        return service.tags(tx, model, number)


@router.put("/models/{model}/versions/{number}/tags/{key:path}")
def set_version_tag(
    model: str, number: int, key: str, body: TagValue, app: App, caller: Registrar
) -> Mapping[str, str]:
    """Put a tag on a version, in place of the one with this key; answers all its tags."""
    with app.database.write() as tx:
        service.set_tag(tx, caller, model, number, key, body.value)
        return service.tags(tx, model, number)


@router.delete("/models/{model}/versions/{number}/tags/{key:path}")
def delete_version_tag(model: str, number: int, key: str, app: App, caller: Registrar) -> Mapping[str, str]:
    """Take a tag off a version; answers those that are left."""
    with app.database.write() as tx:
        service.delete_tag(tx, caller, model, number, key)
        return service.tags(tx, model, number)


@router.post("/datasets", status_code=201)
def register_dataset(body: NewDataset, app: App, caller: Bringer) -> Dataset:
    """Register a dataset whose bytes (Parquet or CSV) were uploaded; everything else is read from them."""
    contents = dataset_file.inspect(app.blobs, body.digest, body.time_column)
    with app.database.write() as tx:
        claims.keep(tx, app.blobs, body.digest)
        return service.register_dataset(tx, caller, contents, name=body.name)


@router.get("/datasets")
def list_datasets(app: App, caller: Reader, cursor: Cursor = None, limit: Limit = 100) -> Page[Dataset]:
    """Datasets, newest first."""
    with app.database.read() as tx:
        return service.list_datasets(tx, cursor=cursor, limit=limit)


@router.get("/datasets/{digest}")
def get_dataset(digest: str, app: App, caller: Reader) -> Dataset:
    """One dataset; its bytes are at /blobs/{digest}."""
    with app.database.read() as tx:
        return service.get_dataset(tx, digest)
