"""Routes that stop what is governed: quarantine and its end, retirement, tombstones."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.delivery import service as delivery
from clearance.registry import service
from clearance.registry.model import Model, Reason, Version

router = APIRouter(tags=["registry"])
Stopper = Annotated[Principal, needs(Permission.VERSION_STOP)]


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
    """Stop a version from being used, for good; free aliases let go of it."""
    with app.database.write() as tx:
        return delivery.retire_version(tx, caller, app.guards, model, number, body.reason)


@router.post("/models/{model}/versions/{number}/delete")
def delete(model: str, number: int, body: Reason, app: App, caller: Stopper) -> Version:
    """Leave a tombstone of what serves nowhere: stopped for good, and left out where people choose; what is known of it stays."""
    with app.database.write() as tx:
        return delivery.delete_version(tx, caller, app.guards, model, number, body.reason)


@router.post("/models/{model}/delete")
def delete_model(model: str, body: Reason, app: App, caller: Stopper) -> Model:
    """Retire a model of which nothing serves and let its title go; name, versions and history stay."""
    with app.database.write() as tx:
        return delivery.delete_model(tx, caller, app.guards, model, body.reason)
