"""Routes of telemetry: events and labels in, a summary out, compaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from clearance.access.model import Permission, Principal
from clearance.api import place
from clearance.api.core import App, needs
from clearance.errors import InvalidInput
from clearance.registry import service as registry
from clearance.sdk.events import FIELDS
from clearance.telemetry.model import Compaction, Receipt, Summary
from clearance.telemetry.rows import from_arrow, from_json

router = APIRouter(prefix="/telemetry", tags=["telemetry"])

ARROW = "application/vnd.apache.arrow.stream"
_JSON = "application/json"
_EVENT = {name: (rule.mandatory, rule.meaning) for name, rule in FIELDS.items()}
_LABEL = {
    "model": (True, "name of the model"),
    "request_id": (True, "of the request that was answered"),
    "row": (False, "index of the row within its request; 0 when left out"),
    "label": (True, "what turned out to be so; a class by its index"),
    "at": (False, "when it was known, RFC 3339 with a zone; now when left out"),
}


def _list_of(fields: Mapping[str, tuple[bool, str]], *, arrow: bool) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is read by hand, because it may be large and come in two forms.

    Args:
        fields: of an item, each with whether it is mandatory and what it means.
        arrow: whether it may also be an Arrow IPC stream.
    """
    item = {
        "type": "object",
        "required": [name for name, (mandatory, _) in fields.items() if mandatory],
        "properties": {name: {"description": meaning} for name, (_, meaning) in fields.items()},
    }
    content: dict[str, Any] = {_JSON: {"schema": {"type": "array", "items": item}}}
    if arrow:
        content[ARROW] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}


@router.post("/events", status_code=201, openapi_extra=_list_of(_EVENT, arrow=True))
async def send_events(
    request: Request, app: App, caller: Annotated[Principal, needs(Permission.TELEMETRY_WRITE, anywhere=True)]
) -> Receipt:
    """Store a batch of events, JSON list or Arrow IPC stream; answered when they are durable. Sending one again doubles nothing."""
    kind = _content_type(request, _JSON, ARROW)
    body = await request.body()
    most = app.settings.max_request_kb * 1024
    events = await run_in_threadpool(lambda: from_arrow(body, most) if kind == ARROW else from_json(body))
    await place.require_each(request, caller, Permission.TELEMETRY_WRITE, events)
    return await asyncio.wrap_future(await run_in_threadpool(app.ingest.begin, events))


@router.post("/labels", status_code=201, openapi_extra=_list_of(_LABEL, arrow=False))
async def send_labels(
    request: Request, app: App, caller: Annotated[Principal, needs(Permission.TELEMETRY_WRITE, anywhere=True)]
) -> Receipt:
    """Store labels, however late; answered when they are durable. One known later supersedes."""
    _content_type(request, _JSON)
    labels = await run_in_threadpool(from_json, await request.body())
    await place.require_each(request, caller, Permission.TELEMETRY_WRITE, labels)
    return await asyncio.wrap_future(await run_in_threadpool(app.ingest.begin_labels, labels))


@router.get("/summary")
def summary(
    app: App,
    caller: Annotated[Principal, needs(Permission.TELEMETRY_READ)],
    model: Annotated[str | None, Query(description="only this model")] = None,
) -> Summary:
    """What the lake holds: counts by model, version, environment, variant and status; table versions; files."""
    found = app.lake.summary(model)
    if not found.counts:  # events may be of a model that nobody registered, and then they are told
        with app.database.read() as tx:
            registry.check_named(tx, model)
    return found


@router.post("/compaction")
def compact(
    app: App,
    caller: Annotated[Principal, needs(Permission.MONITOR_WRITE)],
    retention_hours: Annotated[
        float | None,
        Query(
            ge=1, description="also delete files replaced longer ago; table versions older than that become unreadable"
        ),
    ] = None,
) -> tuple[Compaction, ...]:
    """Merge small files; figures stay the same."""
    return app.lake.compact(retention_hours=retention_hours)


def _content_type(request: Request, *allowed: str) -> str:
    found = request.headers.get("content-type", _JSON).split(";")[0].strip().lower()
    if found not in allowed:
        raise InvalidInput(f"the body is {found}", code="content_type", hint="send " + " or ".join(allowed))
    return found
