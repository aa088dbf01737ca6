"""Routes of lineage: OpenLineage events in, and every question about what came from where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.app import Clearance
from clearance.compliance import changes, completeness
from clearance.compliance import lineage as use_case
from clearance.compliance.findings import Findings, Stories
from clearance.compliance.graph import DEEPEST, MOST_NODES, Direction, Graph
from clearance.integrations.openlineage import emission, service
from clearance.integrations.openlineage.model import Emission, Receipt
from clearance.registry import service as registry
from clearance.registry.flows import service as flows
from clearance.registry.flows.model import Link, NamedDataset, NewLink
from clearance.registry.model import Lineage
from clearance.response.service import raise_alert
from clearance.storage.database import Transaction
from clearance.values import Page

router = APIRouter(tags=["lineage"])
Reader = Annotated[Principal, needs(Permission.READ)]
Sender = Annotated[Principal, needs(Permission.TELEMETRY_WRITE)]

_EVENT = {"type": "object", "description": "RunEvent, JobEvent or DatasetEvent of openlineage.io/spec/2-0-2"}
Receive = Callable[[Transaction, Principal, service.RaiseAlarm, Any], Receipt]


def _body_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is read by hand, because it may be compressed and its facets are anybody's."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/lineage", openapi_extra=_body_of(_EVENT))
async def send_event(request: Request, app: App, caller: Sender) -> Receipt:
    """Take in an OpenLineage event, plain or gzip, durably and once; what `OPENLINEAGE_URL` of Airflow, Spark and dbt posts to."""
    return await _take(request, app, caller, service.receive)


@router.post("/lineage/batch", openapi_extra=_body_of({"type": "array", "items": _EVENT}))
async def send_events(request: Request, app: App, caller: Sender) -> Receipt:
    """Take in a list of OpenLineage events; those that are none are named by their place, the others kept."""
    return await _take(request, app, caller, service.receive_batch)


@router.get("/lineage/graph")
def graph(
    app: App,
    caller: Reader,
    of: Annotated[
        str,
        Query(
            description="`car-loan/1`, a decision's id, `sha256:…`, a run's id, `job/NAMESPACE/NAME`, or a dataset's "
            "`NAMESPACE/NAME` or `NAMESPACE/NAME@VERSION`"
        ),
    ],
    direction: Direction = Direction.BOTH,
    depth: Annotated[int, Query(ge=1, le=DEEPEST, description="most steps each way")] = 20,
    most: Annotated[int, Query(ge=1, le=MOST_NODES, description="most things to show")] = 300,
) -> Graph:
    """What went into a thing, and what became of it: data, jobs, runs, versions, decisions, and what serves now."""
    with app.database.read() as tx:
        return use_case.trace(tx, of, direction, depth=depth, most=most)


@router.get("/lineage/changes")
def list_changes(
    app: App, caller: Reader, model: Annotated[str | None, Query(description="only its versions")] = None
) -> Findings:
    """Versions that use an upstream column which was renamed, removed or got another type."""
    with app.database.read() as tx:
        return changes.findings(tx, model=model)


@router.get("/lineage/completeness")
def stories(
    app: App,
    caller: Reader,
    model: Annotated[str | None, Query(description="only its versions")] = None,
    serving: Annotated[bool, Query(description="only those that serve somewhere")] = False,
) -> Stories:
    """How complete the stories of the versions in use are, lineage included, and what is missing of which."""
    with app.database.read() as tx:
        return completeness.stories(tx, model=model, serving=serving)


@router.get("/lineage/datasets")
def datasets(app: App, caller: Reader, cursor: Cursor = None, limit: Limit = 100) -> Page[NamedDataset]:
    """Datasets that pipelines told of."""
    with app.database.read() as tx:
        return flows.list_datasets(tx, cursor=cursor, limit=limit)


@router.get("/lineage/runs/{run}/events")
def events(run: str, app: App, caller: Reader) -> tuple[dict[str, Any], ...]:
    """What was said of a run, as it came, facets and all."""
    with app.database.read() as tx:
        return service.events_of(tx, run)


@router.post("/lineage/links", status_code=201)
def link(body: NewLink, app: App, caller: Annotated[Principal, needs(Permission.VERSION_REGISTER)]) -> Link:
    """Say that a named dataset is a registered one, or that a run made a version, where no event says so."""
    with app.database.write() as tx:
        return flows.link(tx, caller, body)


@router.get("/lineage/emission")
def emitted(app: App, caller: Reader) -> Emission | None:
    """How far our own OpenLineage events have come at the receiver; null when none is set (CLEARANCE_OPENLINEAGE_URL)."""
    with app.database.read() as tx:
        return emission.progress(tx, app.settings.openlineage_url)


@router.get("/models/{model}/versions/{number}/lineage")
def version_lineage(model: str, number: int, app: App, caller: Reader) -> Lineage:
    """What a version was made from, and what was made from it, by what was registered."""
    with app.database.read() as tx:
        return registry.lineage(tx, model, number)


async def _take(request: Request, app: Clearance, caller: Principal, receive: Receive) -> Receipt:
    body = await request.body()
    encoding = request.headers.get("content-encoding", "").strip().lower()

    def take() -> Receipt:
        found = service.parse(service.unpack(body, encoding, app.settings.max_request_kb * 1024))
        with app.database.write() as tx:
            return receive(tx, caller, raise_alert, found)

    return await run_in_threadpool(take)
