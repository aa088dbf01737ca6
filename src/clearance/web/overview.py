"""The first page: what serves, what is wrong, what waits, and whether the log holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.audit import log
from clearance.delivery import service as delivery
from clearance.policy import service as policy
from clearance.policy.consent import RequestState
from clearance.registry import service as registry
from clearance.response import service as response
from clearance.response.model import AlertState, IncidentState
from clearance.web.core import page_needs, render

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
def overview(request: Request, app: App, caller: Annotated[Principal, page_needs(Permission.READ)]) -> HTMLResponse:
    """What a person sees first."""
    with app.database.read() as tx:
        entries = log.entries(tx, limit=12).items
        incidents = response.list_incidents(tx, limit=50).items
        return render(
            request,
            "overview.html",
            models=registry.list_models(tx, limit=1000).items,
            serving=delivery.serving(tx),
            rollouts=delivery.list_rollouts(tx, limit=5).items,
            firing=response.list_alerts(tx, state=AlertState.FIRING, limit=20).items,
            incidents=[each for each in incidents if each.state is IncidentState.OPEN],
            waiting=policy.list_approvals(tx, caller, state=RequestState.OPEN).items,
            denied=[each for each in policy.list_decisions(tx, limit=30).items if each.outcome == "denied"][:5],
            entries=entries,
            leaves=entries[0].index + 1 if entries else 0,
        )
