"""Files to and from a server: many at once, large ones in pieces, going on where a broken connection left them."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from clearance.client.http import Http
from clearance.client.tree import Sink, chunks, file_of
from clearance.errors import ClearanceError, Conflict, InvalidInput, NotFound, TooLarge, Unavailable, VerificationFailed
from clearance.registry.model import Blob, Digests, File

T = TypeVar("T")

PIECE = 64 << 20
"""Bytes sent in one request; larger files are sent in pieces of this size."""
_ASKED_AT_ONCE = 1000
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between tries, while the server can't be reached
_TUS = {"tus-resumable": "1.0.0"}


def hashed(sources: Mapping[str, Path]) -> tuple[File, ...]:
    """Hash files, on all processors; `sources` says which lies where."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing releases the interpreter's lock
        return tuple(pool.map(file_of, sources.keys(), sources.values()))


def upload(http: Http, files: Iterable[tuple[File, Path]]) -> None:
    """Send the files whose bytes the server lacks, each once.

    Raises:
        VerificationFailed: a file changed since it was hashed (`digest_mismatch`).
        Unavailable: the server can't be reached, and could not for a quarter of a minute.
    """
    sources = {file.sha256: (file, source) for file, source in files}
    digests = list(sources)
    lacking: list[str] = []
    for start in range(0, len(digests), _ASKED_AT_ONCE):
        asked = Digests(digests=tuple(digests[start : start + _ASKED_AT_ONCE]))
        lacking += http.post("/missing-blobs", Digests, asked).digests
    _each(http.at_once, lambda digest: _send(http, *sources[digest]), lacking)


def download(http: Http, wanted: Sequence[tuple[str, File]], folder: Path) -> None:
    """Write what lies at addresses of the server as files below a folder, each verified.

    Raises:
        InvalidInput: the server named a path outside of the folder.
        VerificationFailed: a file's bytes are not those that its digest says.
    """
    _each(http.at_once, lambda one: _fetch(http, one[0], folder, one[1]), wanted)


def _each(at_once: int, work: Callable[[T], None], items: Iterable[T]) -> None:
    """Do something for each item, several at the same time; the first that fails ends the rest."""
    if at_once == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for done in as_completed([pool.submit(work, item) for item in items]):
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _send(http: Http, file: File, source: Path) -> None:
    try:
        _send_bytes(http, file, source)
    except (TooLarge, VerificationFailed) as error:  # the server knows its bytes, and not what it is called
        told = f"{file.path}: {error.message}"
        raise type(error)(told, code=error.code, hint=error.hint, details=error.details) from error


def _send_bytes(http: Http, file: File, source: Path) -> None:
    if file.size > PIECE and http.at_once > 1:  # in this process nothing breaks off that would not break us off too
        _send_in_pieces(http, file, source)
    else:
        _patiently(lambda: http.upload("PUT", f"/blobs/{file.sha256}", Blob, chunks(source)))


def _send_in_pieces(http: Http, file: File, source: Path) -> None:
    """Send a file by the tus protocol; the server says from where, also to another process that goes on with it."""
    place, offset = _begin(http, file)
    tries = iter(_PAUSES)
    while True:
        try:
            offset = _send_piece(http, place, file, source, offset)
            tries = iter(_PAUSES)
        except (Unavailable, Conflict, NotFound) as error:
            if error.code == "server_unreachable":
                pause = next(tries, None)
                if pause is None:
                    raise
                time.sleep(pause)
                place, offset = _patiently(lambda: _begin(http, file))
            elif error.code == "upload_offset":  # some of it arrived, or somebody else sends the same
                offset = int(error.details["received"])
            elif error.code == "upload_not_found":
                place, offset = _begin(http, file)
            else:
                raise
            continue
        if offset >= file.size:
            return


def _begin(http: Http, file: File) -> tuple[str, int]:
    """Return where an upload goes on, and from which byte."""
    digest = base64.b64encode(file.sha256.encode()).decode()
    headers = {**_TUS, "upload-length": str(file.size), "upload-metadata": f"digest {digest}"}
    found = http.exchange("POST", "/uploads", headers=headers)
    return "/uploads/" + found["location"].rpartition("/")[2], int(found["upload-offset"])


def _send_piece(http: Http, place: str, file: File, source: Path, offset: int) -> int:
    """Send the next bytes; return how many the server has now."""
    size = min(PIECE, file.size - offset)
    headers = {
        **_TUS,
        "upload-offset": str(offset),
        "content-type": "application/offset+octet-stream",
        "content-length": str(size),
    }
    content = chunks(source, offset, size)
    return int(http.exchange("PATCH", place, headers=headers, content=content)["upload-offset"])


def _fetch(http: Http, url: str, folder: Path, file: File) -> None:
    target = folder.joinpath(file.path)
    if ".." in target.parts or not target.is_relative_to(folder):
        raise InvalidInput(f"the server named a file outside of the folder: {file.path!r}", code="bad_path")

    def once() -> None:
        target.unlink(missing_ok=True)  # of a try before, in a folder that is ours
        sink = Sink(target)
        try:
            http.download(url, sink.write)
        finally:
            sink.close()
        sink.check(file.path, file.sha256)

    _patiently(once)


def _patiently(action: Callable[[], T]) -> T:
    """Return what an action that may be repeated comes to, trying again for a while if the server can't be reached."""
    for pause in _PAUSES:
        try:
            return action()
        except ClearanceError as error:
            if error.code != "server_unreachable":
                raise
        time.sleep(pause)
    return action()
