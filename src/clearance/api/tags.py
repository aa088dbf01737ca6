"""Routes of tags: words on models and on versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.registry import service
from clearance.registry.model import TagValue

router = APIRouter(tags=["registry"])
Reader = Annotated[Principal, needs(Permission.READ)]
Keeper = Annotated[Principal, needs(Permission.MODEL_WRITE)]
Registrar = Annotated[Principal, needs(Permission.VERSION_REGISTER)]


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
