"""Routes of versions: register, find, fetch."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.api.streams import blob_response
from clearance.errors import NotFound
from clearance.registry import service
from clearance.registry.completeness import Completeness
from clearance.registry.model import NewVersion, Version
from clearance.values import Page

router = APIRouter(tags=["registry"])
Reader = Annotated[Principal, needs(Permission.READ)]
Registrar = Annotated[Principal, needs(Permission.VERSION_REGISTER)]


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
        tree = service.get_tree(tx, model, number)
    file = tree.files.get(path)
    if file is None:
        raise NotFound(f"{tree.name} has no file {path[:200]!r}", code="file_not_found")
    return blob_response(app.blobs, file.sha256)


@router.get("/models/{model}/versions/{number}/completeness")
def completeness(model: str, number: int, app: App, caller: Reader) -> Completeness:
    """How complete a version's provenance is, and what is missing."""
    with app.database.read() as tx:
        return service.completeness(tx, model, number)
