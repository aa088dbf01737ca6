"""Pages of rollouts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.audit import log
from clearance.delivery import service
from clearance.delivery.model import ACTIVE
from clearance.registry.model import Reason as Said
from clearance.web.core import back_to, page_needs, render

router = APIRouter(include_in_schema=False)
Reader = Annotated[Principal, page_needs(Permission.READ)]
Deliverer = Annotated[Principal, page_needs(Permission.DELIVER)]
Reason = Annotated[str, Form()]


@router.get("/rollouts", response_class=HTMLResponse)
def rollouts(request: Request, app: App, caller: Reader, cursor: str | None = None) -> HTMLResponse:
    """Rollouts under way, and those that ended."""
    with app.database.read() as tx:
        page = service.list_rollouts(tx, cursor=cursor, limit=50)
    return render(request, "rollouts.html", page=page)


@router.get("/rollouts/{rollout_id}", response_class=HTMLResponse)
def rollout(request: Request, rollout_id: str, app: App, caller: Reader) -> HTMLResponse:
    """One rollout: where it stands, what the comparison says, what happened."""
    with app.database.read() as tx:
        found = service.get_rollout(tx, rollout_id)
        entries = log.entries(tx, subject=f"rollout/{rollout_id}", limit=100).items[::-1]
    return render(request, "rollout.html", rollout=found, entries=entries, active=found.state in ACTIVE)


@router.post("/rollouts/{rollout_id}/pause")
def pause(rollout_id: str, app: App, caller: Deliverer, reason: Reason = "") -> RedirectResponse:
    """Stay at the present weight until somebody resumes."""
    with app.database.write() as tx:
        service.pause_rollout(tx, caller, rollout_id, Said(reason=reason))
    return back_to(f"/rollouts/{rollout_id}")


@router.post("/rollouts/{rollout_id}/resume")
def resume(rollout_id: str, app: App, caller: Deliverer, reason: Reason = "") -> RedirectResponse:
    """Go on."""
    with app.database.write() as tx:
        service.resume_rollout(tx, caller, rollout_id, Said(reason=reason))
    return back_to(f"/rollouts/{rollout_id}")


@router.post("/rollouts/{rollout_id}/abort")
def abort(rollout_id: str, app: App, caller: Deliverer, reason: Reason = "") -> RedirectResponse:
    """Take the candidate out of traffic for good."""
    with app.database.write() as tx:
        service.abort_rollout(tx, caller, rollout_id, Said(reason=reason))
    return back_to(f"/rollouts/{rollout_id}")
