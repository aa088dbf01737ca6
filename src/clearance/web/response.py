"""Pages of alerts and incidents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.response import service
from clearance.response.model import AlertState
from clearance.response.runbook import RUNBOOK, guidance
from clearance.web.core import back_to, page_needs, render

router = APIRouter(include_in_schema=False)
Reader = Annotated[Principal, page_needs(Permission.READ)]
Responder = Annotated[Principal, page_needs(Permission.RESPOND)]


@router.get("/alerts", response_class=HTMLResponse)
def alerts(request: Request, app: App, caller: Reader, cursor: str | None = None) -> HTMLResponse:
    """What is wrong now, and what was."""
    with app.database.read() as tx:
        alive = service.alive_alerts(tx)
        over = service.list_alerts(tx, state=AlertState.RESOLVED, cursor=cursor, limit=50)
        incidents = service.list_incidents(tx, limit=50)
    return render(request, "alerts.html", alive=alive, over=over, incidents=incidents)


@router.get("/alerts/{alert_id}", response_class=HTMLResponse)
def alert(request: Request, alert_id: str, app: App, caller: Reader) -> HTMLResponse:
    """One alert with the figures behind it."""
    with app.database.read() as tx:
        found = service.get_alert(tx, alert_id)
    return render(request, "alert.html", alert=found, guidance=guidance(found))


@router.get("/runbook", response_class=HTMLResponse)
def runbook(request: Request, caller: Reader) -> HTMLResponse:
    """What to do when woken, and by kind of alert."""
    return render(request, "runbook.html", guidance=RUNBOOK)


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(alert_id: str, app: App, caller: Responder) -> RedirectResponse:
    """Say that you are on it."""
    with app.database.write() as tx:
        service.acknowledge(tx, caller, alert_id)
    return back_to(f"/alerts/{alert_id}")


@router.post("/alerts/{alert_id}/resolve")
def resolve_alert(alert_id: str, app: App, caller: Responder, reason: Annotated[str, Form()] = "") -> RedirectResponse:
    """Say that it is over, and why."""
    with app.database.write() as tx:
        service.resolve_alert(tx, caller, alert_id, reason)
    return back_to(f"/alerts/{alert_id}")


@router.get("/incidents/{incident_id}", response_class=HTMLResponse)
def incident(request: Request, incident_id: str, app: App, caller: Reader) -> HTMLResponse:
    """One incident with its timeline from the log."""
    with app.database.read() as tx:
        report = service.get_incident(tx, incident_id)
    advice = {found.kind: found for alert in report.alerts if (found := guidance(alert))}
    return render(request, "incident.html", report=report, incident=report.incident, guidance=advice.values())


@router.post("/incidents/{incident_id}/note")
def note(incident_id: str, app: App, caller: Responder, text: Annotated[str, Form()] = "") -> RedirectResponse:
    """Add a line to the timeline."""
    with app.database.write() as tx:
        service.note(tx, caller, incident_id, text)
    return back_to(f"/incidents/{incident_id}")


@router.post("/incidents/{incident_id}/resolve")
def resolve_incident(
    incident_id: str, app: App, caller: Responder, cause: Annotated[str, Form()] = ""
) -> RedirectResponse:
    """Close an incident with its cause."""
    with app.database.write() as tx:
        service.resolve_incident(tx, caller, incident_id, cause)
    return back_to(f"/incidents/{incident_id}")
