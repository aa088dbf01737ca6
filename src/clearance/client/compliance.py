"""Client of reports."""

from __future__ import annotations

from urllib.parse import quote

from clearance.client.http import Http


class Reports:
    """Pages that show what is known."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def html(self, model: str, number: int, environment: str = "production") -> str:
        """Return a version's report: one HTML page that needs nothing else; its SHA-256 is recorded in the log."""
        return self._http.text(f"/models/{quote(model, safe='')}/versions/{number}/report", environment=environment)
