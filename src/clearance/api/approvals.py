"""Routes of approvals and waivers: what people add to decisions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.policy import service
from clearance.policy.consent import ApprovalRequest, NewVote, NewWaiver, RequestState, Voted, Waiver
from clearance.values import Page

router = APIRouter(tags=["approvals"])
Reader = Annotated[Principal, needs(Permission.READ)]
Approver = Annotated[Principal, needs(Permission.APPROVE)]
Waiving = Annotated[Principal, needs(Permission.WAIVE)]


@router.get("/approvals")
def list_approvals(
    app: App,
    caller: Reader,
    state: RequestState | None = None,
    mine: bool = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[ApprovalRequest]:
    """Requests for approval, newest first; `mine` keeps those that wait for the caller's vote."""
    with app.database.read() as tx:
        return service.list_approvals(tx, caller, state=state, mine=mine, cursor=cursor, limit=limit)


@router.get("/approvals/{approval_id}")
def get_approval(approval_id: str, app: App, caller: Reader) -> ApprovalRequest:
    """One request, with its votes."""
    with app.database.read() as tx:
        return service.get_approval(tx, approval_id)


@router.post("/approvals/{approval_id}/approve")
def approve(approval_id: str, body: NewVote, app: App, caller: Approver) -> Voted:
    """Agree; once enough people have, the version is decided on anew."""
    with app.database.write() as tx:
        return service.approve(tx, caller, app.policy_engine, app.keyring, approval_id, body.comment)


@router.post("/approvals/{approval_id}/reject")
def reject(approval_id: str, body: NewVote, app: App, caller: Approver) -> Voted:
    """Disagree, saying why."""
    with app.database.write() as tx:
        return service.reject(tx, caller, app.policy_engine, app.keyring, approval_id, body.comment)


@router.get("/waivers")
def list_waivers(app: App, caller: Reader, model: str | None = None) -> Page[Waiver]:
    """Waivers, newest first, also those that count no longer."""
    with app.database.read() as tx:
        return service.list_waivers(tx, model)


@router.post("/waivers", status_code=201)
def grant_waiver(body: NewWaiver, app: App, caller: Waiving) -> Waiver:
    """Let one rule not block a model for a while."""
    with app.database.write() as tx:
        return service.grant_waiver(tx, caller, body)


@router.delete("/waivers/{waiver_id}")
def revoke_waiver(waiver_id: str, app: App, caller: Waiving) -> Waiver:
    """End a waiver now."""
    with app.database.write() as tx:
        return service.revoke_waiver(tx, caller, waiver_id)
