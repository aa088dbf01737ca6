"""Routes of MLflow's artifacts, by its protocol (`mlflow-artifacts`): upload, download, list, remove; streamed both ways."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from clearance.access.model import Permission, Principal
from clearance.api import streams
from clearance.api.core import App, needs
from clearance.api.mlflow_core import ProtocolRoute
from clearance.app import Clearance
from clearance.integrations.mlflow.artifacts import service
from clearance.integrations.mlflow.artifacts.model import SERVICE, Artifact, FileInfos, check_writable
from clearance.integrations.mlflow.errors import ProtocolError, Word
from clearance.storage.writers import check_size

router = APIRouter(tags=["mlflow-artifacts"], route_class=ProtocolRoute)
Reader = Annotated[Principal, needs(Permission.READ, anywhere=True)]
Uploader = Annotated[Principal, needs(Permission.VERSION_REGISTER, anywhere=True)]
Remover = Annotated[Principal, needs(Permission.VERSION_REGISTER)]
_ARTIFACTS = SERVICE + "/artifacts"


@router.put(
    _ARTIFACTS + "/{path:path}",
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
)
async def put(path: str, request: Request, app: App, caller: Uploader) -> Artifact:
    """Store the body under a path, in place of what lies there; an upload that breaks off leaves everything as it was."""
    check_writable(path)
    limit = app.settings.max_upload_mb << 20
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        check_size(int(declared), limit, path)
    with await run_in_threadpool(app.blobs.writer, None, limit, path) as writer:
        await streams.receive(request, writer.write)
        digest, _ = await run_in_threadpool(writer.commit)
    return await run_in_threadpool(_name, app, caller, path, digest)


@router.get(_ARTIFACTS, response_model_exclude_none=True)  # the client reads a size wherever there is a field for one
def listing(
    app: App, caller: Reader, path: Annotated[str, Query(description="folder; the root without one")] = ""
) -> FileInfos:
    """What lies directly in a folder; nothing, if it is not there."""
    with app.database.read() as tx:
        return service.listing(tx, caller, path)


@router.get(_ARTIFACTS + "/{path:path}", response_class=Response)
def get(path: str, app: App, caller: Reader) -> Response:
    """The bytes under a path, verified; `versions/MODEL/NUMBER/…` are the files of registered versions."""
    with app.database.read() as tx:
        found = service.find(tx, caller, path)
    return streams.blob_response(app.blobs, found.sha256)


@router.delete(_ARTIFACTS + "/{path:path}")
def delete(path: str, app: App, caller: Remover) -> dict[str, str]:
    """Let a path, or all in a folder, name nothing any more; what a version has pinned stays."""
    with app.database.write() as tx:
        service.remove(tx, caller, path)
    return {}


@router.post(SERVICE + "/mpu/{step}/{path:path}")
def multipart(step: str, path: str, caller: Uploader) -> None:
    """Uploads in parts straight to a bucket: not offered, and the client then uploads through the route above."""
    raise ProtocolError(Word.NOT_IMPLEMENTED, "Multipart upload is not supported for the current artifact repository")


@router.get(SERVICE + "/presigned/{path:path}")
def presigned(path: str, caller: Reader) -> None:
    """Downloads straight from a bucket: not offered, for nobody would verify the bytes."""
    raise ProtocolError(Word.NOT_IMPLEMENTED, "Multipart download is not supported for the current artifact repository")


def _name(app: Clearance, caller: Principal, path: str, digest: str) -> Artifact:
    with app.database.write() as tx:
        return service.put(tx, caller, app.blobs, path, digest)
