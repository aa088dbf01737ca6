"""Route of pinning; apart from those of versions, for it stands on more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.integrations.mlflow.versions import pin_version
from clearance.registry.model import Pin, Version

router = APIRouter(tags=["registry"])


@router.post("/models/{model}/versions/{number}/pin")
def pin(
    model: str, number: int, body: Pin, app: App, caller: Annotated[Principal, needs(Permission.VERSION_REGISTER)]
) -> Version:
    """Give a version that only referred to its bytes the files that they are, once; upload them before."""
    with app.database.write() as tx:
        return pin_version(tx, caller, app.blobs, model, number, body.files)
