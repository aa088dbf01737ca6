"""Routes of stored bytes: what is missing, upload, download; streamed both ways, never whole in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.errors import InvalidInput
from clearance.registry.model import Blob, Digests
from clearance.storage.blobs import BlobStore, check_digest, check_size
from clearance.storage.shelf import CHUNK

router = APIRouter(tags=["blobs"])
Reader = Annotated[Principal, needs(Permission.READ)]
Uploader = Annotated[Principal, needs(Permission.VERSION_REGISTER)]


def blob_response(blobs: BlobStore, digest: str) -> StreamingResponse:
    """Return the bytes of a blob, verified before the first is sent and again while they are sent."""
    headers = {
        "content-length": str(blobs.verify(digest)),
        "content-disposition": "attachment",
        "x-content-type-options": "nosniff",
        "etag": f'"{digest}"',
    }
    return StreamingResponse(blobs.open(digest), media_type="application/octet-stream", headers=headers)


@router.post("/missing-blobs")
def missing(body: Digests, app: App, caller: Uploader) -> Digests:
    """Which of these the store does not have: what an upload still has to send."""
    return Digests(digests=tuple(dict.fromkeys(digest for digest in body.digests if not app.blobs.has(digest))))


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
    with await run_in_threadpool(app.blobs.writer, digest, limit) as writer:
        async for piece in _pieces(request):
            await run_in_threadpool(writer.write, piece)
        found, size = await run_in_threadpool(writer.commit)
    return Blob(digest=found, size=size)


@router.head("/blobs/{digest}")
def head(digest: str, app: App, caller: Reader) -> Response:
    """Whether the store has these bytes, and how many they are."""
    return Response(headers={"content-length": str(app.blobs.size(digest))})


@router.get("/blobs/{digest}", response_class=StreamingResponse)
def get(digest: str, app: App, caller: Reader) -> StreamingResponse:
    """The bytes."""
    return blob_response(app.blobs, digest)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces large enough that handing each to a thread costs little."""
    waiting = bytearray()
    try:
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= CHUNK:
                yield bytes(waiting)
                waiting.clear()
    except ClientDisconnect as error:
        raise InvalidInput("the upload broke off; nothing was stored", code="upload_incomplete") from error
    yield bytes(waiting)
