"""Routes of taking models and versions over from an MLflow server; the client reads there and writes here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.integrations.mlflow.importing import service
from clearance.integrations.mlflow.importing.model import Imported, OriginalModel, OriginalVersion

router = APIRouter(prefix="/mlflow-imports", tags=["mlflow-imports"])
Keeper = Annotated[Principal, needs(Permission.MODEL_WRITE)]
Registrar = Annotated[Principal, needs(Permission.VERSION_REGISTER)]


@router.post("/models")
def import_model(body: OriginalModel, app: App, caller: Keeper) -> Imported:
    """Take over a model; sent again, nothing happens."""
    with app.database.write() as tx:
        return service.import_model(tx, caller, body)


@router.post("/versions")
def import_version(body: OriginalVersion, app: App, caller: Registrar) -> Imported:
    """Take over a version with its number; sent again, nothing happens."""
    with app.database.write() as tx:
        return service.import_version(tx, caller, app.blobs, app.gate, app.guards, body)
