"""Content-addressed bytes: a blob is seen whole and with the right digest, or not at all, in a folder or in a bucket."""

from __future__ import annotations

import hashlib
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

from clearance.errors import Conflict, InvalidInput, NotFound, TooLarge, VerificationFailed
from clearance.storage.folder_shelf import FolderShelf, as_unavailable
from clearance.storage.shelf import Incoming, Shelf

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BLOBS, _PIECES = "blobs/", "uploads/"
_ASKED_AT_ONCE = 16


class Stored(Protocol):
    """A file of a manifest, as the store needs it."""

    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that is there: its digest, size in bytes, and when it was last put there."""

    digest: str
    size: int
    put_at: datetime


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an upload that goes on later; `name` tells it apart in its upload."""

    upload: str
    name: str
    put_at: datetime


class BlobStore:
    """Blobs on a shelf, named by digest.

    Args:
        folder: the shelf, unless another is given; then only for local copies of what is in use.
        shelf: where blobs lie instead.
    """

    def __init__(self, folder: Path, shelf: Shelf | None = None) -> None:
        self._folder = folder
        self._shelf: Shelf = shelf or FolderShelf(folder)
        self._suspect: set[str] = set()

    @property
    def place(self) -> str:
        """Where it is, for people: a folder or an address."""
        return self._shelf.place

    def path(self, digest: str) -> Path:
        """Return where a blob lies in the folder, or would lie; `local_file` is for whoever wants to read it.

        Raises:
            InvalidInput: that is no digest.
            Conflict: blobs are not in a folder.
        """
        found = self._shelf.path(_key(digest))
        if found is None:
            raise Conflict(f"blobs are in {self.place}, not in files", code="blobs_not_in_folder")
        return found

    def has(self, digest: str) -> bool:
        """Return whether the blob is there; its bytes are not looked at."""
        return self._shelf.find(_key(digest)) is not None

    def find(self, digest: str) -> StoredBlob | None:
        """Return what is known of a blob without looking at its bytes, or None if it is not there."""
        found = self._shelf.find(_key(digest))
        return None if found is None else StoredBlob(digest, found.size, found.put_at)

    def size(self, digest: str) -> int:
        """Return a blob's size in bytes.

        Raises:
            NotFound: there is no such blob.
        """
        found = self._shelf.find(_key(digest))
        if found is None:
            raise missing(digest)
        return found.size

    def find_all(self, digests: Iterable[str]) -> dict[str, StoredBlob]:
        """Return those of the blobs that are there, without looking at their bytes; a bucket is asked for many at once."""
        wanted = sorted(set(digests))
        if len(wanted) > 1 and self._shelf.path(_key(wanted[0])) is None:
            with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
                found = list(pool.map(self.find, wanted))
        else:
            found = list(map(self.find, wanted))
        return {blob.digest: blob for blob in found if blob is not None}

    def blobs(self) -> Iterator[StoredBlob]:
        """Yield every blob, in no order; what comes or goes meanwhile may be in it or not."""
        for item in self._shelf.items(_BLOBS):
            digest = "sha256:" + item.key.rpartition("/")[2]
            if _DIGEST.fullmatch(digest):
                yield StoredBlob(digest, item.size, item.put_at)

    def put(
        self, stream: Iterable[bytes], expected: str | None = None, limit_bytes: int | None = None
    ) -> tuple[str, int]:
        """Store a stream of bytes; return its digest and its size in bytes. Storing the same bytes again changes nothing.

        Raises:
            VerificationFailed: the bytes do not have the expected digest (`digest_mismatch`); nothing is kept.
            TooLarge: there are more than `limit_bytes`; nothing is kept.
            Unavailable: the store can't be written.
        """
        with self.writer(expected, limit_bytes) as writer:
            for chunk in stream:
                writer.write(chunk)
            return writer.commit()

    def writer(self, expected: str | None = None, limit_bytes: int | None = None, name: str = "this one") -> Writer:
        """Return a writer for bytes that come bit by bit; what is not committed is gone when its block ends.

        Args as of `put`; `name` is what the sender calls them, for whoever reads that they are too many.
        """
        key = None if expected is None else _key(expected)
        return Writer(self._shelf.write(key), expected, limit_bytes, name)

    def open(self, digest: str) -> Iterator[bytes]:
        """Return the bytes of a blob in chunks, verified while they are read.

        The last chunk is yielded only once all of them are known to be right: who has read to the end has the right bytes.

        Raises:
            NotFound: there is no such blob.
            VerificationFailed: in place of the last chunk, when the bytes are not what they claim to be (`blob_corrupt`).
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

    def is_suspect(self, digest: str) -> bool:
        """Return whether the bytes of this blob were wrong when this process last read them."""
        return digest in self._suspect

    @contextmanager
    def local_file(self, digest: str) -> Iterator[Path]:
        """Yield a file with the verified bytes of a blob, for whoever can't read a stream: only to be read, in the block only.

        Raises:
            NotFound, VerificationFailed: as `open` does.
            Unavailable: there is no room for a copy.
        """
        if (stored := self._shelf.path(_key(digest))) is not None:
            self.verify(digest)
            yield stored
            return
        with as_unavailable(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy = tempfile.NamedTemporaryFile(dir=self._folder, prefix="copy-")  # noqa: SIM115  # closed below
        with copy:
            for chunk in self.open(digest):
                with as_unavailable(self._folder):
                    copy.write(chunk)
            with as_unavailable(self._folder):
                copy.flush()
            yield Path(copy.name)

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

    def remove(self, digest: str) -> None:
        """Remove a blob for good; the caller knows that nobody needs it. Nothing happens if it is not there."""
        self._shelf.remove(_key(digest))

    def piece(self, upload: str, limit_bytes: int) -> PieceWriter:
        """Return a writer for a part of an upload that goes on later; who writes it remembers its name and place.

        Args:
            upload: identifier of the upload, made by this program.
            limit_bytes: most bytes that may come.
        """
        name = secrets.token_hex(8)
        key = f"{_PIECES}{upload}/{name}"
        return PieceWriter(self._shelf.write(key), key, name, limit_bytes)

    def join(self, upload: str, names: Sequence[str], expected: str) -> int:
        """Make a blob of the pieces of an upload; return its size in bytes. The pieces stay.

        Raises:
            VerificationFailed: together they do not have the expected digest (`digest_mismatch`).
            NotFound: a piece is gone (`upload_not_found`): the upload was given up.
        """
        with self.writer(expected) as writer:
            for name in names:
                try:
                    for chunk in self._shelf.read(f"{_PIECES}{upload}/{name}"):
                        writer.write(chunk)
                except FileNotFoundError:
                    raise NotFound(f"the upload {upload} was given up", code="upload_not_found") from None
            return writer.commit()[1]

    def pieces(self, upload: str | None = None) -> Iterator[Piece]:
        """Yield the pieces that lie there, of one upload or of all."""
        for item in self._shelf.items(_PIECES if upload is None else f"{_PIECES}{upload}/"):
            of, _, name = item.key.removeprefix(_PIECES).partition("/")
            yield Piece(of, name, item.put_at)

    def remove_piece(self, upload: str, name: str) -> None:
        """Remove a piece; nothing happens if it is not there."""
        self._shelf.remove(f"{_PIECES}{upload}/{name}")

    def _read(self, digest: str) -> Iterator[bytes]:
        seen = hashlib.sha256()
        held = b""
        try:
            for chunk in self._shelf.read(_key(digest)):
                seen.update(chunk)
                if held:
                    yield held
                held = chunk
        except FileNotFoundError:
            raise missing(digest) from None
        if "sha256:" + seen.hexdigest() != digest:
            self._suspect.add(digest)
            raise VerificationFailed(
                f"the stored bytes of {digest} were changed: they now have sha256:{seen.hexdigest()}",
                code="blob_corrupt",
                hint="restore the file from a backup, or upload the right bytes again; find out who changed it",
                details={"digest": digest, "found": "sha256:" + seen.hexdigest()},
            )
        self._suspect.discard(digest)
        if held:
            yield held


class Writer:
    """One blob being written; use it as a context manager and commit at the end."""

    def __init__(self, incoming: Incoming, expected: str | None, limit_bytes: int | None, name: str) -> None:
        self._incoming = incoming
        self._expected = expected
        self._limit = limit_bytes
        self._name = name
        self._seen = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._incoming.abort()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: they are more than the limit together.
            Unavailable: the store can't be written.
        """
        self.size += len(chunk)
        check_size(self.size, self._limit, self._name)
        self._seen.update(chunk)
        self._incoming.write(chunk)

    def commit(self) -> tuple[str, int]:
        """Make the blob visible, durably, in one step; return its digest and size in bytes.

        Raises:
            VerificationFailed: the bytes do not have the expected digest (`digest_mismatch`).
            Unavailable: the store can't be written.
        """
        digest = "sha256:" + self._seen.hexdigest()
        if self._expected not in {None, digest}:
            raise VerificationFailed(
                f"the bytes sent have the digest {digest}, not {self._expected}; nothing was stored",
                code="digest_mismatch",
                hint="the file changed, or was damaged on its way: hash it again and send it again",
                details={"expected": self._expected, "found": digest},
            )
        self._incoming.commit(_key(digest))
        return digest, self.size


class PieceWriter:
    """A piece of an upload being written; use it as a context manager and commit at the end."""

    def __init__(self, incoming: Incoming, key: str, name: str, limit_bytes: int) -> None:
        self._incoming = incoming
        self._key = key
        self._limit = limit_bytes
        self.name = name
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._incoming.abort()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            InvalidInput: they are more than the upload still lacks (`upload_too_long`).
            Unavailable: the store can't be written.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            raise InvalidInput(
                f"the upload lacks {self._limit} bytes, and more were sent",
                code="upload_too_long",
                hint="the file grew since it was hashed, or bytes were sent twice: begin again",
            )
        self._incoming.write(chunk)

    def commit(self) -> None:
        """Keep the piece; what a power cut makes of it is found when the pieces are joined."""
        self._incoming.commit(self._key, durable=False)


def open_store(folder: Path, url: str) -> BlobStore:
    """Return the store at an address such as `s3://bucket/prefix`, or in a folder if the address is empty.

    Raises:
        InvalidInput: the address can't be meant.
    """
    if not url:
        return BlobStore(folder)
    from clearance.storage.object_shelf import ObjectShelf

    return BlobStore(folder, ObjectShelf(url, folder))


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


def check_size(size: int, limit_bytes: int | None, name: str = "this one") -> None:
    """Refuse a size in bytes above the limit.

    Args:
        size: in bytes.
        limit_bytes: the most there may be; None: any number.
        name: of what has the size, as the sender knows it.

    Raises:
        TooLarge: code `upload_too_large`.
    """
    if limit_bytes is not None and size > limit_bytes:
        raise TooLarge(
            f"an upload may have {limit_bytes} bytes, {name} has more; nothing was stored",
            code="upload_too_large",
            hint="the operator sets the limit with CLEARANCE_MAX_UPLOAD_MB",
            details={"limit_bytes": limit_bytes},
        )


def _key(digest: str) -> str:
    hexadecimal = check_digest(digest).removeprefix("sha256:")
    return f"{_BLOBS}{hexadecimal[:2]}/{hexadecimal}"


def missing(digest: str) -> NotFound:
    """Return the error that says that a blob is not there."""
    return NotFound(f"there is no blob {digest}", code="blob_not_found", hint="upload it with PUT /api/v1/blobs/DIGEST")
