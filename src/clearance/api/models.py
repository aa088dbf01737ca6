"""Routes of models: take one in, find, change."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.api.wanted import Wanted
from clearance.compliance import inventory
from clearance.delivery import service as delivery
from clearance.registry import service
from clearance.registry.model import Model, ModelChange, NewModel
from clearance.registry.search_filter import ModelPage

router = APIRouter(tags=["registry"])
Reader = Annotated[Principal, needs(Permission.READ)]
Keeper = Annotated[Principal, needs(Permission.MODEL_WRITE)]


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
        return delivery.update_model(tx, caller, app.guards, model, body)
