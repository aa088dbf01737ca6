"""Routes of reports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.compliance import page, service

router = APIRouter(tags=["compliance"])

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@router.get("/models/{model}/versions/{number}/report", response_class=HTMLResponse)
def report(
    model: str,
    number: int,
    app: App,
    caller: Annotated[Principal, needs(Permission.READ)],
    environment: Annotated[str, Query(description="where it serves, or is to serve")] = "production",
) -> HTMLResponse:
    """Everything known about a version on one page to print; that it was written is itself recorded in the log."""
    with app.database.read() as tx:
        found = service.gather(tx, caller, app.log_verifier, model, number, environment=environment)
    html = page.html(found)  # drawing takes a while: nobody waits for it
    with app.database.write() as tx:
        digest = service.record(tx, caller, found, html)
    return HTMLResponse(html, headers={**_HEADERS, "x-clearance-digest": digest})
