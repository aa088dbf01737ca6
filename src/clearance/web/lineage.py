"""The page of lineage: ask about a thing, see the picture, the columns that changed, and what is incomplete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.compliance import changes, completeness
from clearance.compliance import lineage as use_case
from clearance.compliance.graph import Direction
from clearance.errors import ClearanceError
from clearance.registry.flows import service as flows
from clearance.web.core import page_needs, render
from clearance.web.layers import BOX, draw

router = APIRouter(include_in_schema=False)
_MOST_DRAWN = 80
_MOST_LISTED = 50


@router.get("/lineage", response_class=HTMLResponse)
def lineage(
    request: Request,
    app: App,
    caller: Annotated[Principal, page_needs(Permission.READ)],
    of: str = "",
    direction: Direction = Direction.BOTH,
) -> HTMLResponse:
    """One thing with what went into it and what became of it; without one, what there is to ask about."""
    graph, problem = None, None
    with app.database.read() as tx:
        if of.strip():
            try:
                graph = use_case.trace(tx, of, direction, most=_MOST_DRAWN)
            except ClearanceError as error:
                problem = error
        return render(
            request,
            "lineage.html",
            status=404 if problem else 200,
            of=of.strip(),
            direction=direction,
            directions=list(Direction),
            graph=graph,
            nodes={node.id: node for node in graph.nodes} if graph else {},
            drawing=draw(graph) if graph else None,
            box=BOX,
            problem=problem,
            changes=None if graph else changes.findings(tx),
            stories=None if graph else completeness.stories(tx, serving=True),
            datasets=None if graph else flows.list_datasets(tx, limit=_MOST_LISTED),
            shown=_MOST_LISTED,
        )
