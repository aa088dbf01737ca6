"""The page of what served a model, when, and why it might."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.compliance import history as use_case
from clearance.policy.pack import ENVIRONMENTS
from clearance.web.core import page_needs, render

router = APIRouter(include_in_schema=False)


@router.get("/models/{name}/history", response_class=HTMLResponse)
def history(
    request: Request,
    name: str,
    app: App,
    caller: Annotated[Principal, page_needs(Permission.READ)],
    environment: str = "production",
    at: str = "",
) -> HTMLResponse:
    """The timeline of an environment, or what served on a day; to print."""
    with app.database.read() as tx:
        found = use_case.history(tx, app.log_verifier, name, environment, at.strip() or None)
    return render(request, "history.html", found=found, at=at.strip(), environments=ENVIRONMENTS)
