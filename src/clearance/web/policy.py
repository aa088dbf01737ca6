"""Pages of decisions that wait for people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.compliance.sources import SOURCES
from clearance.policy import service
from clearance.policy.consent import RequestState
from clearance.web.core import back_to, page_needs, render

router = APIRouter(include_in_schema=False)
Approver = Annotated[Principal, page_needs(Permission.APPROVE)]


@router.get("/approvals", response_class=HTMLResponse)
def approvals(request: Request, app: App, caller: Annotated[Principal, page_needs(Permission.READ)]) -> HTMLResponse:
    """What waits for people, what was settled, and what is excepted for now."""
    with app.database.read() as tx:
        waiting = service.list_approvals(tx, caller, state=RequestState.OPEN).items
        mine = {each.id for each in service.list_approvals(tx, caller, mine=True).items}
        settled = [each for each in service.list_approvals(tx, caller, limit=50).items if each.state != "open"]
        waivers = service.list_waivers(tx).items
        decisions = {each.id: service.get_decision(tx, each.decision_id) for each in waiting}
    return render(
        request, "approvals.html", waiting=waiting, mine=mine, settled=settled, waivers=waivers, decisions=decisions
    )


@router.get("/sources", response_class=HTMLResponse)
def explained(request: Request, caller: Annotated[Principal, page_needs(Permission.READ)]) -> HTMLResponse:
    """What the sources mean that rules, limits and questions cite."""
    return render(request, "sources.html", sources=SOURCES)


@router.post("/approvals/{approval_id}/approve")
def approve(approval_id: str, app: App, caller: Approver, comment: Annotated[str, Form()] = "") -> RedirectResponse:
    """Say yes."""
    with app.database.write() as tx:
        service.approve(tx, caller, app.policy_engine, app.keyring, approval_id, comment)
    return back_to("/approvals")


@router.post("/approvals/{approval_id}/reject")
def reject(approval_id: str, app: App, caller: Approver, comment: Annotated[str, Form()] = "") -> RedirectResponse:
    """Say no, and why."""
    with app.database.write() as tx:
        service.reject(tx, caller, app.policy_engine, app.keyring, approval_id, comment)
    return back_to("/approvals")
