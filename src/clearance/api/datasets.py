"""Routes of datasets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.registry import dataset_file, service
from clearance.registry.artifacts import claims
from clearance.registry.model import Dataset, NewDataset
from clearance.values import Page

router = APIRouter(tags=["registry"])
Reader = Annotated[Principal, needs(Permission.READ)]
Bringer = Annotated[Principal, needs(Permission.VERSION_REGISTER, anywhere=True)]


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
