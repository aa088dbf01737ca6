"""Routes of monitoring: monitors, their evaluation, windows, figures, profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.delivery import service as delivery
from clearance.monitoring import service
from clearance.monitoring.model import Evaluation, Figure, Monitor, MonitorConfig, Run, WindowSummary
from clearance.response.service import raise_alert
from clearance.statistics.verdicts import Verdict
from clearance.values import Page

router = APIRouter(tags=["monitoring"])
Reader = Annotated[Principal, needs(Permission.READ)]
Writer = Annotated[Principal, needs(Permission.MONITOR_WRITE)]
_MONITOR = "/models/{model}/monitors/{environment}"


@router.get("/monitors")
def list_monitors(app: App, caller: Reader) -> Page[Monitor]:
    """What watches which model where."""
    with app.database.read() as tx:
        return Page(items=service.list_monitors(tx))


@router.put(_MONITOR)
def configure_monitor(model: str, environment: str, body: MonitorConfig, app: App, caller: Writer) -> Monitor:
    """Watch a model in an environment by a baseline; a monitor that is there already is replaced."""
    with app.database.read() as tx:
        pointers = delivery.list_pointers(tx, model)
    serving = next((found.stable for found in pointers if found.environment == environment), None)
    return service.configure_monitor(app.database, caller, app.blobs, model, environment, body, serving=serving)


@router.get(_MONITOR)
def get_monitor(model: str, environment: str, app: App, caller: Reader) -> Monitor:
    """What watches a model in an environment."""
    with app.database.read() as tx:
        return service.get_monitor(tx, model, environment)


@router.post(_MONITOR + "/evaluations", status_code=201)
def evaluate(model: str, environment: str, body: Run, app: App, caller: Writer) -> Evaluation:
    """Compute the figures of every window that changed, and raise alerts for what is newly wrong."""
    return service.evaluate(
        app.database,
        caller,
        app.lake,
        app.blobs,
        raise_alert,
        model=model,
        environment=environment,
        until=body.until,
        recompute=body.recompute,
    )


@router.get(_MONITOR + "/windows")
def windows(
    model: str, environment: str, app: App, caller: Reader, cursor: Cursor = None, limit: Limit = 100
) -> Page[WindowSummary]:
    """The windows that were evaluated, oldest first."""
    with app.database.read() as tx:
        return service.windows(tx, model, environment, cursor=cursor, limit=limit)


@router.get(_MONITOR + "/figures")
def figures(
    model: str,
    environment: str,
    app: App,
    caller: Reader,
    metric: str | None = None,
    subject: str | None = None,
    version: int | None = None,
    verdict: Verdict | None = None,
    since: AwareDatetime | None = None,
    before: AwareDatetime | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Figure]:
    """Figures of windows that start at `since` or later and before `before`, oldest first."""
    with app.database.read() as tx:
        return service.figures(
            tx,
            model,
            environment,
            metric=metric,
            subject=subject,
            version=version,
            verdict=verdict,
            since=since,
            before=before,
            cursor=cursor,
            limit=limit,
        )


@router.get(_MONITOR + "/profiles")
def profiles(model: str, environment: str, start: AwareDatetime, app: App, caller: Reader) -> Mapping[str, Any]:
    """The profiles of the window that starts then, by version: the counts that its figures come from."""
    with app.database.read() as tx:
        return service.profiles(tx, model, environment, start)
