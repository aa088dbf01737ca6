"""Content-addressed bytes in a folder: a blob is seen whole and with the right digest, or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

from clearance.errors import ClearanceError, InvalidInput, NotFound, TooLarge, Unavailable, VerificationFailed

CHUNK = 1 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ABANDONED_SECONDS = 24 * 3600


class Stored(Protocol):
    """A file of a manifest, as the store needs it."""

    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...


class BlobStore:
    """Blobs under `folder`/blobs, named by digest; what is being written lies in `folder`/incoming until it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._ready = False
        self._preparing = threading.Lock()

    def path(self, digest: str) -> Path:
        """Return where a blob lies, or would lie.

        Raises:
            InvalidInput: that is no digest.
        """
        hexadecimal = check_digest(digest).removeprefix("sha256:")
        return self._folder / "blobs" / hexadecimal[:2] / hexadecimal

    def has(self, digest: str) -> bool:
        """Return whether the blob is there; its bytes are not looked at."""
        return self.path(digest).is_file()

    def size(self, digest: str) -> int:
        """Return a blob's size in bytes.

        Raises:
            NotFound: there is no such blob.
        """
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            raise _missing(digest) from None

    def put(
        self, stream: Iterable[bytes], expected: str | None = None, limit_bytes: int | None = None
    ) -> tuple[str, int]:
        """Store a stream of bytes; return its digest and its size in bytes. Storing the same bytes again changes nothing.

        Raises:
            VerificationFailed: the bytes do not have the expected digest (`digest_mismatch`); nothing is kept.
            TooLarge: there are more than `limit_bytes`; nothing is kept.
            Unavailable: the folder can't be written.
        """
        with self.writer(expected, limit_bytes) as writer:
            for chunk in stream:
                writer.write(chunk)
            return writer.commit()

    def writer(self, expected: str | None = None, limit_bytes: int | None = None) -> Writer:
        """Return a writer for bytes that come bit by bit; what is not committed is gone when its block ends."""
        if expected is not None:
            check_digest(expected)
        self._prepare()
        return Writer(self, self._incoming, expected, limit_bytes)

    def open(self, digest: str) -> Iterator[bytes]:
        """Return the bytes of a blob in chunks, verified while they are read.

        Raises:
            NotFound: there is no such blob.
            VerificationFailed: after the last chunk, when the bytes are not what they claim to be (`blob_corrupt`).
        """
        self.size(digest)
        return self._read(digest)

    def verify(self, digest: str) -> int:
        """Read a blob through and return its size in bytes.

        Raises:
            NotFound: there is no such blob.
            VerificationFailed: its bytes are not what they claim to be (`blob_corrupt`).
        """
        return sum(map(len, self.open(digest)))

    def materialize(self, files: Iterable[Stored], folder: Path) -> None:
        """Write the files of a manifest as a tree into a new or empty folder, verifying each; copies, never links.

        Raises:
            InvalidInput: the folder is not empty, or a path leaves it.
            NotFound, VerificationFailed: as `open` does; files written before stay, for the caller to remove.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidInput(f"{folder} is not empty", code="folder_not_empty", hint="name a new folder")
        for file in files:
            parts = PurePosixPath(file.path).parts
            if not parts or ".." in parts or file.path.startswith("/"):
                raise InvalidInput(f"{file.path!r} leaves the folder", code="bad_path")
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for chunk in self.open(file.sha256):
                    out.write(chunk)

    def _read(self, digest: str) -> Iterator[bytes]:
        seen = hashlib.sha256()
        with self.path(digest).open("rb") as file:
            while chunk := file.read(CHUNK):
                seen.update(chunk)
                yield chunk
        if "sha256:" + seen.hexdigest() != digest:
            raise VerificationFailed(
                f"the stored bytes of {digest} were changed: they now have sha256:{seen.hexdigest()}",
                code="blob_corrupt",
                hint="restore the file from a backup, or upload the right bytes again; find out who changed it",
                details={"digest": digest, "found": "sha256:" + seen.hexdigest()},
            )

    def _prepare(self) -> None:
        """Once in a process: make the folders, and remove what uploads left that were killed more than a day ago."""
        with self._preparing, _as_unavailable(self._incoming):
            if self._ready:
                return
            for made in (self._incoming, self._folder / "blobs"):
                made.mkdir(parents=True, exist_ok=True, mode=0o700)
            for parent in (self._folder, self._folder.parent):
                _sync_folder(parent)
            for left in os.scandir(self._incoming):
                _remove_abandoned(left)
            self._ready = True


class Writer:
    """One blob being written; use it as a context manager and commit at the end."""

    def __init__(self, store: BlobStore, incoming: Path, expected: str | None, limit_bytes: int | None) -> None:
        self._store = store
        self._expected = expected
        self._limit = limit_bytes
        self._seen = hashlib.sha256()
        self.size = 0
        self._path = incoming / secrets.token_hex(16)
        with _as_unavailable(self._path):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: they are more than the limit together.
        """
        self.size += len(chunk)
        check_size(self.size, self._limit)
        self._seen.update(chunk)
        with _as_unavailable(self._path):
            self._file.write(chunk)

    def commit(self) -> tuple[str, int]:
        """Make the blob visible, durably, in one step; return its digest and size in bytes.

        Raises:
            VerificationFailed: the bytes do not have the expected digest (`digest_mismatch`).
        """
        digest = "sha256:" + self._seen.hexdigest()
        if self._expected not in {None, digest}:
            raise VerificationFailed(
                f"the bytes sent have the digest {digest}, not {self._expected}; nothing was stored",
                code="digest_mismatch",
                hint="the file changed, or was damaged on its way: hash it again and send it again",
                details={"expected": self._expected, "found": digest},
            )
        target = self._store.path(digest)
        with _as_unavailable(target):
            self._file.flush()
            os.fsync(self._file.fileno())
            target.parent.mkdir(exist_ok=True, mode=0o700)
            self._path.replace(target)
            for folder in (target.parent, target.parent.parent):
                _sync_folder(folder)
        return digest, self.size


def check_digest(digest: str) -> str:
    """Return the digest if it is one.

    Raises:
        InvalidInput: it is not `sha256:` and 64 lower-case hexadecimal digits.
    """
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(
            f"{digest[:100]!r} is not a digest", code="bad_digest", hint="sha256: and 64 lower-case hexadecimal digits"
        )
    return digest


def check_size(size: int, limit_bytes: int | None) -> None:
    """Refuse a size in bytes above the limit.

    Raises:
        TooLarge: code `upload_too_large`.
    """
    if limit_bytes is not None and size > limit_bytes:
        raise TooLarge(
            f"an upload may have {limit_bytes} bytes, this one has more; nothing was stored",
            code="upload_too_large",
            hint="the operator sets the limit with CLEARANCE_MAX_UPLOAD_MB",
            details={"limit_bytes": limit_bytes},
        )


def _missing(digest: str) -> NotFound:
    return NotFound(f"there is no blob {digest}", code="blob_not_found", hint="upload it with PUT /api/v1/blobs/DIGEST")


@contextmanager
def _as_unavailable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ClearanceError:
    return Unavailable(
        f"{path.parent} can't be written: {error.strerror}",
        code="storage_unwritable",
        hint="is the disk full, or the folder someone else's?",
    )


def _remove_abandoned(left: os.DirEntry[str]) -> None:
    try:
        if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
            Path(left).unlink()
    except FileNotFoundError:
        return  # another process finished it, or was quicker


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
