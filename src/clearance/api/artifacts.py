"""Routes of what is stored: how much, whether it is whole, and collecting what nobody needs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.registry.artifacts import collection
from clearance.registry.artifacts.model import Collected, Collection, Inspection, Usage
from clearance.storage.digests import check_digest

router = APIRouter(tags=["artifacts"])
Collector = Annotated[Principal, needs(Permission.ARTIFACTS_COLLECT)]
Reader = Annotated[Principal, needs(Permission.READ)]


@router.get("/artifacts")
def usage(app: App, caller: Reader) -> Usage:
    """How much is stored, and how much of it nothing needs."""
    return collection.usage(app.database, app.blobs, app.needed_blobs)


@router.post("/artifacts/inspection")
def inspect(
    app: App, caller: Collector, after: Annotated[str | None, Query(description="`next` of the one before")] = None
) -> Inspection:
    """Read some of what is needed through; those that are not whole are named. Ask again with `next` until it is null."""
    return collection.inspect(
        app.database, app.blobs, app.needed_blobs, after=None if after is None else check_digest(after)
    )


@router.post("/artifacts/collection")
def collect(body: Collection, app: App, caller: Collector) -> Collected:
    """Remove the bytes that nothing needs and that are old enough; with `dry_run` only count them."""
    return collection.collect(app.database, caller, app.settings, app.blobs, app.needed_blobs, body)
