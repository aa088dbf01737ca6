"""Bytes in and out of requests: in large pieces, handled in threads while the next ones travel; never whole in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clearance.errors import InvalidInput, VerificationFailed
from clearance.storage.blobs import BlobStore

logger = logging.getLogger(__name__)

_PIECE = 2 << 20  # bytes: what handing a piece to a thread costs is lost in what hashing it does
_VERIFIED_FIRST = 8 << 20  # bytes: blobs up to this size are read, verified, and only then sent


async def receive(request: Request, write: Callable[[bytes], object]) -> None:
    """Hand the body of a request on, piece by piece, in a thread: while one is written, the next arrives.

    Args:
        request: its body must not have been read.
        write: takes the next bytes; called in threads, never twice at once.

    Raises:
        InvalidInput: the sender broke off (`upload_incomplete`); what came before was written.
        ClearanceError: whatever `write` raises.
    """
    writing: asyncio.Task[object] | None = None
    try:
        async for piece in _pieces(request):
            if writing is not None:
                await writing
            writing = asyncio.create_task(run_in_threadpool(write, piece))
    except ClientDisconnect as error:
        raise InvalidInput("the upload broke off", code="upload_incomplete", hint="send it again") from error
    finally:
        if writing is not None:
            await writing  # whoever owns the writer may close it now


def blob_response(
    blobs: BlobStore, digest: str, *, media_type: str = "application/octet-stream", disposition: str = "attachment"
) -> Response:
    """Return the bytes of a blob as an answer that never ends well with wrong ones.

    A small blob is verified before its first byte is sent. A large one is verified while it is sent, and its last chunk is
    held back until all of them are known to be right: otherwise the connection breaks before the announced length is
    reached, and from then on the blob is verified before it is sent, so that who asks again is told why.

    Raises:
        NotFound: there is no such blob.
        VerificationFailed: its bytes are not what they claim to be (`blob_corrupt`).
    """
    size = blobs.size(digest)
    if blobs.is_suspect(digest):
        blobs.verify(digest)
    chunks = blobs.open(digest)
    if size <= _VERIFIED_FIRST:
        chunks = iter([b"".join(chunks)])
    headers = {
        "content-length": str(size),
        "content-disposition": disposition,
        "x-content-type-options": "nosniff",
        "etag": f'"{digest}"',
    }
    return _Streamed(chunks, headers, media_type)


class _Streamed(Response):
    """Sends chunks that are read in threads, the next one while one is sent."""

    def __init__(self, chunks: Iterator[bytes], headers: dict[str, str], media_type: str) -> None:
        super().__init__(None, headers=headers, media_type=media_type)
        self._chunks = chunks

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        reading = self._read()
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while chunk := await reading:
                reading = self._read()
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except VerificationFailed as error:
            logger.error("a download was broken off: %s", error.message)
            raise
        finally:
            await asyncio.gather(reading, return_exceptions=True)

    def _read(self) -> asyncio.Task[bytes]:
        return asyncio.create_task(run_in_threadpool(next, self._chunks, b""))


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in large pieces; also what came before the sender broke off, which is raised then."""
    waiting: list[bytes] = []
    size = 0
    broken: ClientDisconnect | None = None
    try:
        async for chunk in request.stream():
            waiting.append(chunk)
            size += len(chunk)
            if size >= _PIECE:
                yield b"".join(waiting)
                waiting, size = [], 0
    except ClientDisconnect as error:
        broken = error
    if size:
        yield b"".join(waiting)
    if broken is not None:
        raise broken
