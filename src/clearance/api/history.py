"""Routes of history: what served, since when, by whose approval."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.compliance import history as use_case
from clearance.compliance.served import History

router = APIRouter(tags=["compliance"])


@router.get("/models/{model}/history")
def history(
    model: str,
    app: App,
    caller: Annotated[Principal, needs(Permission.READ)],
    environment: Annotated[str, Query(description="where it served")] = "production",
    at: Annotated[
        str | None,
        Query(description="a day in UTC (2026-03-01) or a moment with its zone (2026-03-01T12:00:00Z); else all of it"),
    ] = None,
) -> History:
    """What served, since when, by whose approval, on what evidence, under which policy: from the audit log, each leaf proven."""
    with app.database.read() as tx:
        return use_case.history(tx, app.log_verifier, model, environment, at)
