"""The page that lists every route of the API, from the application's own OpenAPI document."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clearance.access.model import Permission, Principal
from clearance.web.core import page_needs, render

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
def reference(request: Request, caller: Annotated[Principal, page_needs(Permission.READ)]) -> HTMLResponse:
    """Every route with what it is for."""
    rooms: dict[str, list[tuple[str, str, str]]] = {}
    for path, methods in request.app.openapi()["paths"].items():
        for method, about in methods.items():
            room = (about.get("tags") or ["other"])[0]
            rooms.setdefault(room, []).append((method.upper(), path, about.get("description", "")))
    return render(request, "reference.html", rooms=rooms)
