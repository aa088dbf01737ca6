"""Routes of alerts and incidents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.registry.model import Reason
from clearance.response import service
from clearance.response.model import Alert, AlertState, Incident, IncidentReport, Note
from clearance.values import Page

router = APIRouter(tags=["response"])
Reader = Annotated[Principal, needs(Permission.READ)]
Responder = Annotated[Principal, needs(Permission.RESPOND)]


@router.get("/alerts")
def list_alerts(
    app: App,
    caller: Reader,
    state: AlertState | None = None,
    model: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Alert]:
    """Alerts, newest first."""
    with app.database.read() as tx:
        return service.list_alerts(tx, state=state, model=model, cursor=cursor, limit=limit)


@router.get("/alerts/{alert_id}")
def get_alert(alert_id: str, app: App, caller: Reader) -> Alert:
    """One alert, with the figures behind it."""
    with app.database.read() as tx:
        return service.get_alert(tx, alert_id)


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(alert_id: str, app: App, caller: Responder) -> Alert:
    """Say that you are on it."""
    with app.database.write() as tx:
        return service.acknowledge(tx, caller, alert_id)


@router.post("/alerts/{alert_id}/resolve")
def resolve_alert(alert_id: str, body: Reason, app: App, caller: Responder) -> Alert:
    """Say that it is over, and why."""
    with app.database.write() as tx:
        return service.resolve_alert(tx, caller, alert_id, body.reason)


@router.get("/incidents")
def list_incidents(
    app: App, caller: Reader, model: str | None = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[Incident]:
    """Incidents, newest first."""
    with app.database.read() as tx:
        return service.list_incidents(tx, model=model, cursor=cursor, limit=limit)


@router.get("/incidents/{incident_id}")
def get_incident(incident_id: str, app: App, caller: Reader) -> IncidentReport:
    """One incident with its alerts and its timeline from the audit log."""
    with app.database.read() as tx:
        return service.get_incident(tx, incident_id)


@router.post("/incidents/{incident_id}/notes", status_code=201)
def note(incident_id: str, body: Note, app: App, caller: Responder) -> IncidentReport:
    """Add a line to the timeline."""
    with app.database.write() as tx:
        return service.note(tx, caller, incident_id, body.text)


@router.post("/incidents/{incident_id}/resolve")
def resolve_incident(incident_id: str, body: Reason, app: App, caller: Responder) -> Incident:
    """Close an incident with its cause; its alerts are resolved with it."""
    with app.database.write() as tx:
        return service.resolve_incident(tx, caller, incident_id, body.reason)
