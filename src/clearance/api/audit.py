"""Routes of the log: entries, proofs, checkpoint, verification."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, Needs, needs, parts
from clearance.audit import log, store
from clearance.audit.events import Event
from clearance.audit.model import ConsistencyProof, Entry, InclusionProof, KeyRotation, LogKey, LogStatus, Verification
from clearance.compliance.verification import verify
from clearance.values import Page

router = APIRouter(prefix="/audit", tags=["audit"])
Auditor = Annotated[Principal, needs(Permission.AUDIT_READ)]


class _NeedsUnlessPublic(Needs):
    """Lets anybody in where the log is public, else whoever has the permission."""

    async def __call__(self, request: Request) -> Principal:
        if parts(request).settings.log_public:
            return ANYBODY
        return await super().__call__(request)


_PUBLISHED = _NeedsUnlessPublic(Permission.AUDIT_READ)
ANYBODY = Principal(name="anybody", roles=())


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


@router.get("/status")
def status(app: App, caller: Auditor) -> LogStatus:
    """The log's keys with their spans, its newest and its published checkpoint, and what witnesses cosigned."""
    with app.database.read() as tx:
        return app.witnesses.status(tx, app.log_keys)


@router.get("/tlog/{path:path}", response_class=Response)
def published(path: str, app: App, caller: Annotated[Principal, Depends(_PUBLISHED)]) -> Response:
    """A file of the log as it is published (C2SP tlog-tiles): `checkpoint`, `newest`, `keys.json`, `tile/0/000`."""
    with app.database.read() as tx:
        content = log.published_file(tx, app.log_keys, path, app.witnesses.quorum)
    full = path.startswith("tile/") and ".p/" not in path
    kind = "application/octet-stream" if path.startswith("tile/") else "text/plain; charset=utf-8"
    lasting = "public, max-age=31536000, immutable" if full and app.settings.log_public else "no-cache"
    return Response(content, media_type=kind, headers={"cache-control": lasting})


@router.post("/keys")
def rotate_key(
    rotation: KeyRotation, app: App, caller: Annotated[Principal, needs(Permission.ACCESS_ADMIN)]
) -> tuple[LogKey, ...]:
    """Have a new key sign the log from now on; answers all keys, the newest last."""
    with app.database.write() as tx:
        log.rotate_key(tx, caller.name, app.log_keys, rotation.reason)
    with app.database.read() as tx:
        return log.succession(tx, app.log_keys)


@router.get("/keys")
def keys(app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> tuple[LogKey, ...]:
    """The log's keys, oldest first, each with the proof by which the one before it names it."""
    with app.database.read() as tx:
        return log.succession(tx, app.log_keys)


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
def inclusion(index: Annotated[int, Path(ge=0)], app: App, caller: Auditor) -> InclusionProof:
    """Proof that a leaf is in the log."""
    with app.database.read() as tx:
        return log.prove_inclusion(tx, index)


@router.get("/consistency/{older}")
def consistency(
    older: Annotated[int, Path(ge=0)], app: App, caller: Auditor, newer: Annotated[int | None, Query(ge=0)] = None
) -> ConsistencyProof:
    """Proof that the log only grew since it had `older` leaves."""
    with app.database.read() as tx:
        return log.prove_consistency(tx, older, newer)


@router.get("/verification")
def verification(app: App, caller: Auditor) -> Verification:
    """Recompute the whole log and compare it with what was signed; if it holds, compare the tables with what it says."""
    with app.database.read() as tx:
        tx.allow_pause()  # it has read all leaves before it has computed the last
        return verify(tx, app.log_verifier)
