"""Client of the gateway: what it serves and refuses, and predictions over the Open Inference Protocol."""

from __future__ import annotations

from clearance.client.http import Http
from clearance.gateway.model import GatewayStatus, Reload, RouteStatus


class Gateway:
    """The built-in gateway."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def status(self) -> GatewayStatus:
        """Return what is served, what is refused and why, and what became of the telemetry."""
        return self._http.get("/gateway/status", GatewayStatus)

    def reload(self, model: str, *, environment: str = "production") -> RouteStatus:
        """Load what serves again from the store, verifying every byte; a refusal is raised, and the old one serves on."""
        return self._http.post("/gateway/reload", RouteStatus, Reload(model=model, environment=environment))
