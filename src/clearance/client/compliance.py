"""Client of reports and history."""

from __future__ import annotations

from clearance.client.http import Http
from clearance.client.routes import route
from clearance.compliance.served import History


class Reports:
    """Pages that show what is known."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def html(self, model: str, number: int, environment: str = "production") -> str:
        """Return a version's report: one HTML page that needs nothing else; its SHA-256 is recorded in the log."""
        return self._http.text(route("/models/{}/versions/{}/report", model, number), environment=environment)

    def history(self, model: str, *, environment: str = "production", at: str | None = None) -> History:
        """Return what served a model, since when, by whose approval, on what evidence: from the log, each leaf proven.

        Args:
            at: a day in UTC (`2026-03-01`), a moment with its zone (`2026-03-01T12:00:00Z`), or None: all of it.
        """
        return self._http.get(route("/models/{}/history", model), History, environment=environment, at=at)
