"""Client of alerts and incidents."""

from __future__ import annotations

from collections.abc import Iterator

from clearance.client.http import Http
from clearance.client.routes import route
from clearance.registry.model import Reason
from clearance.response.model import Alert, AlertState, Incident, IncidentReport, Note


class Alerts:
    """What is wrong."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self, *, state: AlertState | None = None, model: str | None = None) -> Iterator[Alert]:
        """Yield alerts, newest first."""
        return self._http.pages("/alerts", Alert, state=state, model=model)

    def get(self, alert_id: str) -> Alert:
        """Return one alert, with the figures behind it."""
        return self._http.get(route("/alerts/{}", alert_id), Alert)

    def acknowledge(self, alert_id: str) -> Alert:
        """Say that you are on it."""
        return self._http.post(route("/alerts/{}/acknowledge", alert_id), Alert)

    def resolve(self, alert_id: str, reason: str) -> Alert:
        """Say that it is over, and why."""
        return self._http.post(route("/alerts/{}/resolve", alert_id), Alert, Reason(reason=reason))


class Incidents:
    """What people work on."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self, *, model: str | None = None) -> Iterator[Incident]:
        """Yield incidents, newest first."""
        return self._http.pages("/incidents", Incident, model=model)

    def get(self, incident_id: str) -> IncidentReport:
        """Return one incident with its alerts and its timeline."""
        return self._http.get(route("/incidents/{}", incident_id), IncidentReport)

    def note(self, incident_id: str, text: str) -> IncidentReport:
        """Add a line to the timeline."""
        return self._http.post(route("/incidents/{}/notes", incident_id), IncidentReport, Note(text=text))

    def resolve(self, incident_id: str, cause: str) -> Incident:
        """Close an incident with its cause; its alerts are resolved with it."""
        return self._http.post(route("/incidents/{}/resolve", incident_id), Incident, Reason(reason=cause))
