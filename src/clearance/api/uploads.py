"""Routes of uploads that go on after they broke off: the tus protocol 1.0.0 (tus.io/protocols/resumable-upload).

Of its extensions: creation, termination, expiration. An upload says in its metadata which digest its bytes will have; they
become a blob when the last of them is here and they have it.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from clearance.access.model import Permission, Principal
from clearance.api import streams
from clearance.api.core import App, needs
from clearance.errors import ClearanceError, InvalidInput
from clearance.registry.artifacts import uploads
from clearance.registry.artifacts.model import Upload

router = APIRouter(
    tags=["uploads"],
    responses={412: {"$ref": "#/components/responses/Error", "description": "Another version of the protocol."}},
)
Uploader = Annotated[Principal, needs(Permission.VERSION_REGISTER, anywhere=True)]
Version = Annotated[str, Header(alias="tus-resumable", description="version of the protocol")]
Count = Annotated[int, Header(ge=0, le=1 << 62)]

_VERSION = "1.0.0"
_BODY = "application/offset+octet-stream"
_PATH = "/api/v1/uploads/"


@router.options("/uploads", status_code=204)
def options(app: App, caller: Uploader) -> Response:
    """What the server speaks."""
    headers = {
        "tus-resumable": _VERSION,
        "tus-version": _VERSION,
        "tus-extension": "creation,termination,expiration",
        "tus-max-size": str(app.settings.max_upload_mb << 20),
    }
    return Response(status_code=204, headers=headers)


@router.post("/uploads", status_code=201)
def begin(
    app: App,
    caller: Uploader,
    upload_length: Annotated[Count, Header(description="size of the file in bytes")],
    upload_metadata: Annotated[str, Header(description="`digest` and, in base64, the digest of the file")] = "",
    tus_resumable: Version = "",
) -> Response:
    """Begin an upload, or find the unfinished one of the same bytes; `location` says where it goes on, `upload-offset` from where."""
    _check_version(tus_resumable)
    with app.database.write() as tx:
        upload = uploads.begin(tx, caller, app.settings, _digest(upload_metadata), upload_length)
    return _answer(201, upload, location=_PATH + upload.id)


@router.head("/uploads/{upload}")
def where(upload: str, app: App, caller: Uploader, tus_resumable: Version = "") -> Response:
    """How far an upload has come."""
    _check_version(tus_resumable)
    with app.database.read() as tx:
        found = uploads.find(tx, caller, app.settings, upload)
    return _answer(200, found, upload_length=str(found.size), cache_control="no-store")


@router.patch(
    "/uploads/{upload}",
    status_code=204,
    openapi_extra={"requestBody": {"required": True, "content": {_BODY: {}}}},
)
async def go_on(
    upload: str,
    request: Request,
    app: App,
    caller: Uploader,
    upload_offset: Annotated[Count, Header(description="where the bytes of this request begin")],
    content_type: Annotated[str, Header()] = "",
    tus_resumable: Version = "",
) -> Response:
    """Send the next bytes; as many as arrive are kept, also if the connection breaks. With the last, the blob is made."""
    _check_version(tus_resumable)
    if content_type != _BODY:
        raise HTTPException(415, f"the body must be {_BODY}")
    found = await run_in_threadpool(_find, app, caller, upload)
    if not (found.finished and upload_offset == found.size):  # its end may be sent again: the answer was lost
        uploads.check_offset(found, upload_offset)
        found = await _take(request, app, caller, found)
    if found.received == found.size:
        found = await run_in_threadpool(uploads.finish, app.database, caller, app.settings, app.blobs, upload)
    return _answer(204, found)


@router.delete("/uploads/{upload}", status_code=204)
def give_up(upload: str, app: App, caller: Uploader, tus_resumable: Version = "") -> Response:
    """Forget an upload and what came of it."""
    _check_version(tus_resumable)
    uploads.give_up(app.database, caller, app.settings, app.blobs, upload)
    return Response(status_code=204, headers={"tus-resumable": _VERSION})


async def _take(request: Request, app: App, caller: Principal, upload: Upload) -> Upload:
    """Keep the body as the next piece: all of it, or what arrived before the sender broke off."""
    with await run_in_threadpool(app.blobs.piece, upload.id, upload.size - upload.received) as piece:
        broken: ClearanceError | None = None
        try:
            await streams.receive(request, piece.write)
        except InvalidInput as error:
            if error.code != "upload_incomplete":
                raise
            broken = error
        if piece.size:
            upload = await run_in_threadpool(
                uploads.add, app.database, caller, app.settings, app.blobs, upload.id, upload.received, piece
            )
        if broken is not None:
            raise broken
    return upload


def _find(app: App, caller: Principal, upload: str) -> Upload:
    with app.database.read() as tx:
        return uploads.find(tx, caller, app.settings, upload)


def _check_version(named: str) -> None:
    if named != _VERSION:
        raise HTTPException(412, f"this speaks tus {_VERSION}, not {named or 'nothing'}", {"tus-version": _VERSION})


def _digest(metadata: str) -> str:
    """Return the digest that the metadata of an upload names.

    Raises:
        InvalidInput: it names none that can be read.
    """
    pairs = (pair.strip().partition(" ") for pair in metadata.split(","))
    encoded = next((text for name, _, text in pairs if name == "digest"), "")
    with suppress(ValueError):  # binascii's and Unicode's errors are
        return base64.b64decode(encoded, validate=True).decode("ascii")
    raise InvalidInput(
        "the upload's metadata can't be read", code="bad_metadata", hint="`digest` and base64 of sha256:…"
    )


def _answer(status: int, upload: Upload, **headers: str) -> Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    common = {
        "tus-resumable": _VERSION,
        "upload-offset": str(upload.received),
        "upload-expires": format_datetime(upload.expires_at, usegmt=True),
    }
    return Response(status_code=status, headers=common | named)
