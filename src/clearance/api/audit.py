"""Routes of the log: entries, proofs, checkpoint, verification."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.audit import log, store
from clearance.audit.events import Event
from clearance.audit.model import ConsistencyProof, Entry, InclusionProof, Verification
from clearance.values import Page

router = APIRouter(prefix="/audit", tags=["audit"])
Auditor = Annotated[Principal, needs(Permission.AUDIT_READ)]


@router.get("/entries")
def entries(
    app: App,
    caller: Annotated[Principal, needs(Permission.READ)],
    subject: str | None = None,
    event: Event | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Entry]:
    """What happened, newest first; `subject` also takes what lies under it."""
    with app.database.read() as tx:
        return log.entries(tx, subject=subject, event=event, cursor=cursor, limit=limit)


@router.get("/checkpoint", response_class=PlainTextResponse)
def checkpoint(app: App, caller: Auditor) -> PlainTextResponse:
    """The newest signed checkpoint (C2SP signed note)."""
    with app.database.read() as tx:
        return PlainTextResponse(store.latest_checkpoint(tx) or "")


@router.get("/key", response_class=PlainTextResponse)
def key(app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> PlainTextResponse:
    """The verifier string to pin: `name+hash+base64`."""
    return PlainTextResponse(app.log_verifier.text())


@router.get("/inclusion/{index}")
def inclusion(index: int, app: App, caller: Auditor) -> InclusionProof:
    """Proof that a leaf is in the log."""
    with app.database.read() as tx:
        return log.prove_inclusion(tx, index)


@router.get("/consistency/{older}")
def consistency(older: int, app: App, caller: Auditor, newer: int | None = None) -> ConsistencyProof:
    """Proof that the log only grew since it had `older` leaves."""
    with app.database.read() as tx:
        return log.prove_consistency(tx, older, newer)


@router.get("/verification")
def verification(app: App, caller: Auditor) -> Verification:
    """Recompute the whole log and compare it with what was signed."""
    with app.database.read() as tx:
        return log.verify(tx, app.log_verifier)
