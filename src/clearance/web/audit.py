"""Pages of the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.audit import log
from clearance.audit.events import Event
from clearance.compliance.verification import verify
from clearance.errors import InvalidInput
from clearance.web.core import page_needs, render

router = APIRouter(include_in_schema=False)
_PAGE = 100


@router.get("/audit", response_class=HTMLResponse)
def entries(
    request: Request,
    app: App,
    caller: Annotated[Principal, page_needs(Permission.READ)],
    subject: str = "",
    event: str = "",
    cursor: str | None = None,
) -> HTMLResponse:
    """What happened, newest first; whoever may audit also sees the log's keys, checkpoint and witnesses."""
    if event and event not in set(Event):
        raise InvalidInput(f"there is no event {event[:80]!r}", code="request_invalid", hint="choose from the form")
    wanted = Event(event) if event else None
    with app.database.read() as tx:
        page = log.entries(tx, subject=subject.strip() or None, event=wanted, cursor=cursor, limit=_PAGE)
        standing = app.witnesses.status(tx, app.log_keys) if caller.may(Permission.AUDIT_READ) else None
    return render(request, "audit.html", page=page, subject=subject, event=event, events=list(Event), standing=standing)


@router.get("/audit/leaves/{index}", response_class=HTMLResponse)
def leaf(
    request: Request,
    app: App,
    index: Annotated[int, Path(ge=0, lt=2**53)],
    caller: Annotated[Principal, page_needs(Permission.READ)],
) -> HTMLResponse:
    """One leaf in words; whoever may audit also sees its proof."""
    with app.database.read() as tx:
        proof = log.prove_inclusion(tx, index)
        (entry,) = log.following(tx, index, Event, 1)
    return render(request, "leaf.html", entry=entry, proof=proof if caller.may(Permission.AUDIT_READ) else None)


@router.get("/audit/verification", response_class=HTMLResponse)
def verification(
    request: Request, app: App, caller: Annotated[Principal, page_needs(Permission.AUDIT_READ)]
) -> HTMLResponse:
    """Recompute the whole log, compare the tables with it, and say what was found."""
    with app.database.read() as tx:
        found = verify(tx, app.log_verifier)
    return render(request, "verification.html", found=found)
