"""Routes of stored bytes: what is missing, upload, download; streamed both ways, never whole in memory."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from clearance.access.model import Permission, Principal
from clearance.api import streams
from clearance.api.core import App, needs
from clearance.errors import InvalidInput
from clearance.registry.artifacts import claims
from clearance.registry.model import Blob, Digests
from clearance.storage.digests import check_digest
from clearance.storage.writers import check_size

router = APIRouter(tags=["blobs"])
_ASKED_AT_ONCE = 10_000
Reader = Annotated[Principal, needs(Permission.READ)]
Uploader = Annotated[Principal, needs(Permission.VERSION_REGISTER, anywhere=True)]


@router.post("/missing-blobs")
def missing(body: Digests, app: App, caller: Uploader) -> Digests:
    """Which of these the store does not have: what an upload still has to send. None of them is collected for a while."""
    if len(body.digests) > _ASKED_AT_ONCE:
        raise InvalidInput(
            f"{len(body.digests)} digests are too many", code="too_many_digests", hint=f"at most {_ASKED_AT_ONCE}"
        )
    with app.database.write() as tx:
        stored = claims.hold(tx, app.blobs, body.digests)
    return Digests(digests=tuple(dict.fromkeys(digest for digest in body.digests if digest not in stored)))


@router.put(
    "/blobs/{digest}",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
)
async def put(digest: str, request: Request, app: App, caller: Uploader) -> Blob:
    """Store the body, if it has this digest; storing the same bytes again changes nothing."""
    check_digest(digest)
    limit = app.settings.max_upload_mb << 20
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        check_size(int(declared), limit)
    await run_in_threadpool(_announce, app, digest)
    with await run_in_threadpool(app.blobs.writer, digest, limit) as writer:
        await streams.receive(request, writer.write)
        found, size = await run_in_threadpool(writer.commit)
    return Blob(digest=found, size=size)


@router.head("/blobs/{digest}")
def head(digest: str, app: App, caller: Reader) -> Response:
    """Whether the store has these bytes, and how many they are."""
    return Response(headers={"content-length": str(app.blobs.size(digest))})


@router.get("/blobs/{digest}", response_class=Response)
def get(digest: str, app: App, caller: Reader) -> Response:
    """The bytes."""
    return streams.blob_response(app.blobs, digest)


def _announce(app: App, digest: str) -> None:
    """See to it that nobody collects, as long unneeded, what is just being stored again."""
    with app.database.write() as tx:
        claims.claim(tx, [digest])
