"""Client of monitoring: monitors, their evaluation, windows, figures, profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from clearance.client.http import Http
from clearance.client.routes import route
from clearance.monitoring.model import Evaluation, Figure, Monitor, MonitorConfig, Run, WindowSummary
from clearance.statistics.verdicts import Verdict

PRODUCTION = "production"


class Monitoring:
    """What watches models, and what it found."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def monitors(self) -> Iterator[Monitor]:
        """Yield what watches which model where."""
        return self._http.pages("/monitors", Monitor)

    def configure(self, model: str, config: MonitorConfig, *, environment: str = PRODUCTION) -> Monitor:
        """Watch a model in an environment by a baseline; a monitor that is there already is replaced."""
        return self._http.put(_path(model, environment), Monitor, config)

    def get(self, model: str, *, environment: str = PRODUCTION) -> Monitor:
        """Return what watches a model in an environment."""
        return self._http.get(_path(model, environment), Monitor)

    def run(
        self, model: str, *, environment: str = PRODUCTION, until: datetime | None = None, recompute: bool = False
    ) -> Evaluation:
        """Compute the figures of every window that changed, and raise alerts for what is newly wrong.

        Args:
            until: take the time to be this, and leave out events from then on; the present by default.
            recompute: compute all windows, also those that seem unchanged.
        """
        body = Run(until=until, recompute=recompute)
        return self._http.post(_path(model, environment) + "/evaluations", Evaluation, body)

    def windows(self, model: str, *, environment: str = PRODUCTION, limit: int = 100) -> Iterator[WindowSummary]:
        """Yield the windows that were evaluated, oldest first; `limit` is the page size."""
        return self._http.pages(_path(model, environment) + "/windows", WindowSummary, limit=limit)

    def figures(
        self,
        model: str,
        *,
        environment: str = PRODUCTION,
        metric: str | None = None,
        subject: str | None = None,
        version: int | None = None,
        verdict: Verdict | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 1000,
    ) -> Iterator[Figure]:
        """Yield figures of windows that start at `since` or later and before `before`, oldest first; `limit` is the page size."""
        return self._http.pages(
            _path(model, environment) + "/figures",
            Figure,
            metric=metric,
            subject=subject,
            version=version,
            verdict=verdict,
            since=since,
            before=before,
            limit=limit,
        )

    def profiles(self, model: str, start: datetime, *, environment: str = PRODUCTION) -> Mapping[str, Any]:
        """Return the profiles of the window that starts then, by version, as JSON."""
        found: dict[str, Any] = self._http.get(_path(model, environment) + "/profiles", dict, start=start)
        return found


def _path(model: str, environment: str) -> str:
    return route("/models/{}/monitors/{}", model, environment)
