"""The first page: what is wrong now, what waits, what serves, and what happened last."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clearance.access.model import Permission, Principal
from clearance.alarm import Severity
from clearance.api.core import App
from clearance.audit import log
from clearance.compliance import serving
from clearance.delivery import service as delivery
from clearance.delivery.model import ACTIVE, RolloutState
from clearance.monitoring import service as monitoring
from clearance.policy import service as policy
from clearance.policy.consent import RequestState
from clearance.registry import service as registry
from clearance.response import service as response
from clearance.response.model import IncidentState
from clearance.web.core import page_needs, render

router = APIRouter(include_in_schema=False)
_MOST = 1000
_STOPPED = {RolloutState.ROLLED_BACK, RolloutState.ABORTED}


@router.get("/", response_class=HTMLResponse)
def overview(request: Request, app: App, caller: Annotated[Principal, page_needs(Permission.READ)]) -> HTMLResponse:
    """What a person sees first."""
    with app.database.read() as tx:
        entries = log.entries(tx, limit=12).items
        rollouts = delivery.list_rollouts(tx, limit=50).items
        alive = response.alive_alerts(tx)
        waiting = policy.list_approvals(tx, caller, state=RequestState.OPEN, limit=_MOST).items
        decisions = policy.list_decisions(tx, limit=30).items
        incidents = response.list_incidents(tx, limit=_MOST).items
        serves = delivery.judged(tx, app.gate, delivery.serving(tx))
        return render(
            request,
            "overview.html",
            governed=bool(registry.list_models(tx, limit=1).items),
            models={each.model: registry.get_model(tx, each.model) for each in serves},
            serving=serves,
            refused=serving.refused(tx, serves),
            watched={monitor.model for monitor in monitoring.list_monitors(tx)},
            alive=alive,
            pages=[alert for alert in alive if alert.severity is Severity.PAGE],
            troubles=Counter(alert.model for alert in alive),
            incidents=[each for each in incidents if each.state is IncidentState.OPEN],
            waiting=waiting,
            mine={each.id for each in policy.list_approvals(tx, caller, mine=True, limit=_MOST).items},
            active=[rollout for rollout in rollouts if rollout.state in ACTIVE],
            ended=[rollout for rollout in rollouts if rollout.state in _STOPPED][:5],
            denied=[each for each in decisions if each.outcome == "denied"][:5],
            entries=entries,
            leaves=entries[0].index + 1 if entries else 0,
        )
